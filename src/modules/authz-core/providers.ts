/**
 * The kinds of `Require` line: a registry that modules add theirs to, and the kinds that mod_authz_core has itself.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_core.html#require
 */
import type { Command } from '../../config/directive.js'
import { refuseExpression } from '../string-template.js'
import { variable } from '../variables.js'
import type { Answer, AuthzTest } from './authority.js'

/** One kind of `Require` line: `Require NAME args`. */
export interface RequireProvider {
  readonly name: string
  /**
   * Reads what follows the name (`cmd.words(args)` splits it) when the configuration is read.
   * @returns the answer where it is the same for all requests, else a test of a request. Faults end in `cmd.fail`.
   */
  readonly parse: (cmd: Command, args: string) => Answer | AuthzTest
}

const providers = new Map<string, RequireProvider>()

/** Makes a kind of `Require` line known; to be called when a module is loaded. Names are case-sensitive, as in httpd. */
export function registerRequireProvider(provider: RequireProvider): void {
  if (providers.has(provider.name)) throw new Error(`Two providers for Require ${provider.name}`)
  providers.set(provider.name, provider)
}

export function requireProvider(name: string): RequireProvider | undefined {
  return providers.get(name)
}

registerRequireProvider({
  name: 'all',
  parse: (cmd, args) => {
    if (/^granted$/i.test(args)) return 'granted'
    if (/^denied$/i.test(args)) return 'denied'
    return cmd.fail("Argument for 'Require all' must be 'granted' or 'denied'")
  },
})

registerRequireProvider({
  name: 'env',
  parse: (cmd, args) => {
    const names = cmd.words(args)
    return (request) =>
      names.some((name) => variable(request.env, name) !== undefined) ? 'granted' : 'denied'
  },
})

/** The methods that httpd knows by number. `HEAD` is `GET` to it. */
const METHODS = new Set(
  (
    'GET HEAD PUT POST DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK VERSION-CONTROL ' +
    'CHECKOUT UNCHECKOUT CHECKIN UPDATE LABEL REPORT MKWORKSPACE MKACTIVITY BASELINE-CONTROL MERGE'
  ).split(' '),
)
const GET_AND_HEAD = ['GET', 'HEAD']

registerRequireProvider({
  name: 'method',
  parse: (cmd, args) => {
    const methods = new Set(cmd.words(args))
    for (const method of methods) if (!METHODS.has(method)) cmd.fail(`Invalid Method '${method}'`)
    if (GET_AND_HEAD.some((method) => methods.has(method)))
      for (const method of GET_AND_HEAD) methods.add(method)
    return (request) => (methods.has(request.method) ? 'granted' : 'denied')
  },
})

registerRequireProvider({
  name: 'expr',
  parse: (cmd) => refuseExpression(cmd, 'Require expr'),
})
