/**
 * Contract: the kinds of `Require` line. `Require NAME …` looks NAME up among these; mod_authz_core combines what they answer.
 *
 * @example
 * export const authzUser = {
 *   id: 'authz_user_module',
 *   …
 *   providers: [
 *     provide(AUTHZ, {
 *       name: 'valid-user',
 *       parse: () => (request) => (request.user === undefined ? 'deniedNoUser' : 'granted'),
 *     }),
 *   ],
 * } satisfies HttpdModule
 *
 * Rules for providers:
 * - All conditions are asked once before anybody knows who the user is. One that needs to know answers `'deniedNoUser'` as long as
 *   `request.user` is undefined: that, and nothing else, starts authentication.
 * - Settings of their own are read from `dir`, not from `request.dir`: inside `<AuthzProviderAlias>` the two differ.
 * - What they deny they may log, with the reason.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_core.html#require
 */
import type { Command } from '../config/directive.js'
import { type Provider, providerGroup } from '../config/provider.js'
import type { Settings } from '../config/settings.js'
import type { Request } from '../request/request.js'

/**
 * What a condition says about a request. `deniedNoUser`: not like this, but it might be granted if it were known who asks. `neutral`: neither.
 * `error`: could not be found out (the condition has logged why); the request ends with 500.
 */
export type Answer = 'granted' | 'denied' | 'deniedNoUser' | 'neutral' | 'error'

/** Asked for each request, at once or by promise. `dir`: where the provider's own directives are in force. */
export type AuthzTest = (request: Request, dir: Settings) => Answer | Promise<Answer>

/** One kind of `Require` line: `Require NAME args`. */
export interface AuthzProvider extends Provider {
  /**
   * Reads what follows the name (`cmd.words(args)` splits it) when the configuration is read.
   * @returns the answer where it is the same for all requests, else a test of a request. Faults end in `cmd.fail`.
   */
  readonly parse: (cmd: Command, args: string) => Answer | AuthzTest
}

/** The group to `provide` them in. */
export const AUTHZ = providerGroup<AuthzProvider>('authorization provider')

/** The name of a group as it is compared: without regard to the case of ASCII letters, as in httpd, which keeps groups in tables of that kind. */
export function groupKey(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
