/**
 * `%{NAME}` in rules and conditions. What does not exist is empty, other than in expressions.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_rewrite.html#rewritecond
 */
import { awaited } from '../../expr/evaluation.js'
import { HEADER_VARIABLES, REQUEST_VARIABLES } from '../../expr/variables.js'
import type { Request } from '../../request/request.js'
import { variable } from '../variables.js'
import type { RunState } from './run-state.js'

type Read = (state: RunState) => string

/** Compiles the text between `%{` and `}`. */
export function compileVariable(text: string): Read {
  const [, prefix = '', name = ''] = /^(ENV|SSL|HTTP|LA-U|LA-F):(.*)$/is.exec(text) ?? []
  switch (prefix.toUpperCase()) {
    case 'ENV':
      return ({ request, env }) => {
        if (env.has(name)) return env.get(name) ?? ''
        const set = request.hasEnv ? variable(request.env, name) : undefined
        return request.notes.get(name) ?? set ?? process.env[name] ?? ''
      }
    case 'SSL':
      return ({ request }) => request.tlsVariable?.(name.toUpperCase()) ?? ''
    case 'HTTP':
      return header(name)
    case 'LA-U':
      return lookAhead(name, (request) => request.dispatch?.lookUp(request, request.path))
    case 'LA-F':
      return lookAhead(name, (request) => request.dispatch?.lookUpFile(request, request.filename))
  }
  const upper = text.toUpperCase()
  if (Object.hasOwn(HEADER_VARIABLES, upper)) return header(HEADER_VARIABLES[upper] as string)
  if (upper === 'SERVER_ADDR') return ({ request }) => request.connection.localAddress
  if (Object.hasOwn(REQUEST_VARIABLES, upper)) {
    const read = REQUEST_VARIABLES[upper] as (request: Request) => string | undefined
    return ({ request }) => read(request) ?? ''
  }
  return () => ''
}

function header(name: string): Read {
  // the host is part of the URL, which caches tell apart anyway
  const varies = name.toLowerCase() !== 'host'
  return ({ request, vary }) => {
    if (varies) vary.push(name)
    return request.headersIn.value(name) ?? ''
  }
}

/** A variable as it will be in a later phase: a subrequest finds out. In a subrequest itself that would never end. */
function lookAhead(name: string, look: (request: Request) => Request | Promise<Request> | undefined): Read {
  const read = compileVariable(name)
  return (state) => {
    const { request } = state
    if (request.main !== undefined) return ''
    const found = awaited(request, `look ahead ${request.path} ${request.filename} ${name}`, () =>
      look(request),
    )
    return found === undefined ? '' : read({ ...state, request: found })
  }
}
