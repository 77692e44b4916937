/**
 * mod_authn_core: `AuthType`, `AuthName` and `<AuthnProviderAlias>`, and the last word in checkUser where no authentication module has spoken.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authn_core.html
 */
import { type Command, directive, section, take1 } from '../config/directive.js'
import { type Provider, providerGroup } from '../config/provider.js'
import { Settings, settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import { AUTHN, type AuthnProvider } from './authn-provider.js'
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
  /** Asked where no `AuthBasicProvider` or `AuthDigestProvider` names others. */
  readonly defaultProviders: readonly AuthnProvider[]
}

export const authnDir = settingsKey<AuthnDir>('authn_core', {
  type: undefined,
  name: undefined,
  schemes: [],
  defaultProviders: [],
})

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
      const defaultProviders = cmd.providers(AUTHN).filter(({ name }) => name === 'file')
      Object.assign(cmd.dir.draft(authnDir), { type, schemes, defaultProviders })
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
  section({
    name: '<AuthnProviderAlias',
    syntax: 'provider alias>',
    contexts: ['server'],
    help: 'container for directives that make a provider of its own out of another one',
    open: (cmd, text) => {
      const [baseName = '', alias = ''] = cmd.words(text)
      if (alias === '') cmd.fail(`${cmd.name}> directive requires additional arguments`)
      if (baseName.toLowerCase() === alias.toLowerCase())
        cmd.fail('The alias provider name must be different from the base provider name.')
      const base = cmd.provider(AUTHN, baseName) ?? cmd.fail(`Unknown Authn provider: ${baseName}`)
      if (cmd.provider(AUTHN, alias) !== undefined)
        cmd.fail(
          'The alias provider name has already been used previously as either a base provider or an alias provider.',
        )
      const own = new Settings()
      return { dir: own, close: () => cmd.addProvider(AUTHN, aliasOf(base, alias, own)) }
    },
  }),
]

/** A provider that answers as `base` does, with settings of its own laid over those of the place. */
function aliasOf(base: AuthnProvider, name: string, own: Settings): AuthnProvider {
  const { checkPassword, getRealmHash, learn } = base
  return {
    name,
    ...(checkPassword && {
      checkPassword: (request, user, password, dir) => checkPassword(request, user, password, dir.with(own)),
    }),
    ...(getRealmHash && {
      getRealmHash: (request, user, realm, dir, algorithm) =>
        getRealmHash(request, user, realm, dir.with(own), algorithm),
    }),
    ...(learn && { learn: (request, from, found, dir) => learn(request, from, found, dir.with(own)) }),
  }
}

function schemeOf(schemes: readonly AuthScheme[], type: string): AuthScheme | undefined {
  return schemes.find(({ name }) => name.toLowerCase() === type.toLowerCase())
}

/** A place that is to be protected must not be served unprotected, so the server does not start. */
function failScheme(cmd: Command, type: string): never {
  const there = ['None', ...cmd.providers(AUTH_SCHEME).map(({ name }) => name)]
  if (type.toLowerCase() === 'form')
    return cmd.fail(
      'AuthType Form is not supported: let the application show its log-in form, or use AuthType Basic.',
    )
  const known = there.length === 1 ? 'None is the only type there is' : `There is ${there.join(', ')}`
  return cmd.fail(
    `AuthType ${type} is not supported: no module here authenticates users that way. ${known}. Let the application authenticate, or a proxy in front that says who the user is; or remove the directive, and protect the place by address with Require ip or Require local.`,
  )
}

/** The `AuthType` in force, undefined for none. */
export function authTypeOf(request: Request): string | undefined {
  const { type } = request.dir.get(authnDir)
  if (type === undefined) return undefined
  const word = type(request)
  return word.toLowerCase() === 'none' ? undefined : word
}

/** The realm as hashes and headers mean it; undefined where no `AuthName` is set. httpd swallows backslashes. */
export function plainRealmOf(request: Request): string | undefined {
  return request.dir.get(authnDir).name?.(request).replace(/\\/g, '')
}

/** The realm for a challenge, as it stands between quotes there; undefined where no `AuthName` is set. */
export function realmOf(request: Request): string | undefined {
  return plainRealmOf(request)?.replace(/"/g, '\\"')
}

/**
 * The realm, or an entry in the error log where there is none: an authentication module then ends the request with 500.
 */
export function requiredRealm(request: Request, module: string, code: string): string | undefined {
  const realm = realmOf(request)
  if (realm === undefined) request.report(module, 'error', `need AuthName: ${request.path}`, code)
  return realm
}

/** Whether the `AuthType` in force is this one. */
export function hasAuthType(request: Request, type: string): boolean {
  return authTypeOf(request)?.toLowerCase() === type.toLowerCase()
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
