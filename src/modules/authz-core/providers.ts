/**
 * The kinds of `Require` line that mod_authz_core has itself.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_core.html#require
 */
import { provide } from '../../config/provider.js'
import { ExpressionFailure, evaluate, whenReady } from '../../expr/expression.js'
import { AUTHZ, type AuthzProvider } from '../authz-provider.js'
import { conditionOf } from '../string-template.js'
import { variable } from '../variables.js'

const all: AuthzProvider = {
  name: 'all',
  parse: (cmd, args) => {
    if (/^granted$/i.test(args)) return 'granted'
    if (/^denied$/i.test(args)) return 'denied'
    return cmd.fail("Argument for 'Require all' must be 'granted' or 'denied'")
  },
}

const env: AuthzProvider = {
  name: 'env',
  parse: (cmd, args) => {
    const names = cmd.words(args)
    return (request) =>
      names.some((name) => variable(request.env, name) !== undefined) ? 'granted' : 'denied'
  },
}

/** The methods that httpd knows by number. `HEAD` is `GET` to it. */
const METHODS = new Set(
  (
    'GET HEAD PUT POST DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK VERSION-CONTROL ' +
    'CHECKOUT UNCHECKOUT CHECKIN UPDATE LABEL REPORT MKWORKSPACE MKACTIVITY BASELINE-CONTROL MERGE'
  ).split(' '),
)
const GET_AND_HEAD = ['GET', 'HEAD']

const method: AuthzProvider = {
  name: 'method',
  parse: (cmd, args) => {
    const methods = new Set(cmd.words(args))
    for (const method of methods) if (!METHODS.has(method)) cmd.fail(`Invalid Method '${method}'`)
    if (GET_AND_HEAD.some((method) => methods.has(method)))
      for (const method of GET_AND_HEAD) methods.add(method)
    return (request) => (methods.has(request.method) ? 'granted' : 'denied')
  },
}

const expr: AuthzProvider = {
  name: 'expr',
  parse: (cmd, args) => {
    // quotes around the whole are not part of it
    const text = /^"(.*)"$/s.exec(args)?.[1] ?? args
    const condition = conditionOf(cmd, text, 'Cannot parse expression in require line: ')
    const asksForUser = condition.reads.has('REMOTE_USER')
    return (request) =>
      whenReady(() => {
        const result = evaluate(condition, request)
        if (result instanceof ExpressionFailure) return 'error'
        if (result) return 'granted'
        return asksForUser && request.user === undefined ? 'deniedNoUser' : 'denied'
      })
  },
}

export const coreProviders = [all, env, method, expr].map((one) => provide(AUTHZ, one))
