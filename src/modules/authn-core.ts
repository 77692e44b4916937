/**
 * mod_authn_core: `AuthType` and `AuthName`, and the last word in checkUser where no authentication module has spoken.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authn_core.html
 */
import { type Command, directive, take1 } from '../config/directive.js'
import { type Provider, providerGroup } from '../config/provider.js'
import { settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import type { HttpdModule, Outcome } from './module.js'
import { type StringTemplate, stringTemplate } from './string-template.js'

/** A way to authenticate, by its `AuthType`. The module that has it also has the checkUser hook. */
export interface AuthScheme extends Provider {
  /** As in `AuthType` and in the challenge: `Basic`. Compared without case. */
  readonly name: string
  /** Puts `WWW-Authenticate` into `request.errHeadersOut`, for a response 401. */
  readonly challenge: (request: Request) => void
}

/** The group to `provide` them in. */
export const AUTH_SCHEME = providerGroup<AuthScheme>('authentication scheme')

interface AuthnDir {
  /** `None` switches an outer one off. */
  readonly type: StringTemplate | undefined
  readonly name: StringTemplate | undefined
  /** What there is for `type`. */
  readonly schemes: readonly AuthScheme[]
}

export const authnDir = settingsKey<AuthnDir>('authn_core', { type: undefined, name: undefined, schemes: [] })

const PLACES = { contexts: ['directory', 'htaccess'], override: 'AuthConfig' } as const

const directives = [
  directive({
    name: 'AuthType',
    syntax: 'None|Basic|Digest',
    ...PLACES,
    help: 'an HTTP authorization type (e.g., "Basic")',
    ...take1((cmd, word) => {
      const type = stringTemplate(cmd, word)
      const schemes = cmd.providers(AUTH_SCHEME)
      if (word.toLowerCase() !== 'none' && schemeOf(schemes, word) === undefined) failScheme(cmd, word)
      Object.assign(cmd.dir.draft(authnDir), { type, schemes })
    }),
  }),
  directive({
    name: 'AuthName',
    syntax: 'auth-domain',
    ...PLACES,
    help: 'the authentication realm (e.g. "Members Only")',
    ...take1((cmd, realm) => {
      cmd.dir.draft(authnDir).name = stringTemplate(cmd, realm)
    }),
  }),
]

function schemeOf(schemes: readonly AuthScheme[], type: string): AuthScheme | undefined {
  return schemes.find(({ name }) => name.toLowerCase() === type.toLowerCase())
}

/** A place that is to be protected must not be served unprotected, so the server does not start. */
function failScheme(cmd: Command, type: string): never {
  const there = ['None', ...cmd.providers(AUTH_SCHEME).map(({ name }) => name)]
  const known = there.length === 1 ? 'None is the only type there is' : `There is ${there.join(', ')}`
  return cmd.fail(
    `AuthType ${type} is not supported: no module here authenticates users that way. ${known}. Remove the directive, and protect the place by address with Require ip or Require local.`,
  )
}

/** The `AuthType` in force, undefined for none. */
export function authTypeOf(request: Request): string | undefined {
  const { type } = request.dir.get(authnDir)
  if (type === undefined) return undefined
  const word = type(request)
  return word.toLowerCase() === 'none' ? undefined : word
}

/** The realm for a challenge, as it stands between quotes there; undefined where no `AuthName` is set. */
export function realmOf(request: Request): string | undefined {
  return request.dir.get(authnDir).name?.(request).replace(/\\/g, '').replace(/"/g, '\\"')
}

/**
 * The realm, or an entry in the error log where there is none: an authentication module then ends the request with 500.
 */
export function requiredRealm(request: Request, module: string): string | undefined {
  const realm = realmOf(request)
  if (realm === undefined) request.report(module, 'error', `need AuthName: ${request.path}`)
  return realm
}

/** Asks the client for a user name, in the way of the `AuthType` in force. */
export function challenge(request: Request): void {
  const type = authTypeOf(request)
  if (type !== undefined) schemeOf(request.dir.get(authnDir).schemes, type)?.challenge(request)
}

/** Reached only where a user is needed and no module has found one. */
function checkUser(request: Request): Outcome {
  const type = authTypeOf(request)
  if (type === undefined) {
    request.report(
      'core',
      'error',
      `No authentication done but request not allowed without authentication for ${request.path}. Authentication not configured?`,
      'AH00027',
    )
  } else {
    request.report(
      'authn_core',
      'error',
      `AuthType ${type} configured without corresponding module`,
      'AH01796',
    )
  }
  return 500
}

export const authnCore = {
  id: 'authn_core_module',
  source: 'mod_authn_core.c',
  directives,
  hooks: { checkUser },
} satisfies HttpdModule
