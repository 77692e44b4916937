/**
 * Variables that a service gives to applications (`setEnv`), and the names that are not its to give: an application must be able to believe what the
 * server says of a request.
 */
import { isOfServer } from '../wsgi/environ.js'
import type { AnyRequest } from './http-types.js'
import type { EnvironOf } from './options.js'

/** What is wrong with a variable; undefined: nothing. */
export function variableFault(name: string, value: unknown): string | undefined {
  if (typeof value !== 'string') return `${name} must be a text`
  if (!/^[^=\0-\x20\x7f]+$/.test(name)) return `${JSON.stringify(name)} is no name of a variable`
  if (name.startsWith('HTTP_'))
    return `${name} is a header field: set it in request.headers, before the handler is called`
  // https is a proxy's to tell, and decides about wsgi.url_scheme
  return isOfServer(name) && name !== 'HTTPS' ? `${name} is the server's to say` : undefined
}

/**
 * Asks the service.
 * @throws Error where it gives what it must not
 */
export function askVariables(given: EnvironOf, request: AnyRequest, env: Map<string, string>): void {
  const variables = given(request)
  if (typeof variables !== 'object' || variables === null || 'then' in variables)
    throw new TypeError('setEnv must return an object of names and texts')
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) continue
    const fault = variableFault(name, value)
    if (fault !== undefined) throw new TypeError(`setEnv: ${fault}`)
    env.set(name, value)
  }
}
