/**
 * mod_auth_basic: `AuthType Basic` (RFC 7617). Takes user name and password from the request and asks the providers about them, see
 * authn-chain.ts. Runs in checkUser; `AuthBasicFake` in fixups.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_auth_basic.html
 */
import { createHash } from 'node:crypto'
import { directive, flag, iterate, take1, take12 } from '../config/directive.js'
import { provide } from '../config/provider.js'
import { settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import { sameText } from './auth-basic/same-text.js'
import { askChain, readChain } from './authn-chain.js'
import {
  AUTH_SCHEME,
  type AuthScheme,
  authnDir,
  hasAuthType,
  plainRealmOf,
  realmOf,
  requiredRealm,
} from './authn-core.js'
import type { AuthnProvider, PasswordVerdict } from './authn-provider.js'
import type { HttpdModule, Outcome } from './module.js'
import { type StringTemplate, stringTemplate } from './string-template.js'

interface AuthBasicDir {
  /** undefined: those that stand for none. */
  readonly providers: readonly AuthnProvider[] | undefined
  readonly authoritative: boolean
  /** `off` ends an outer one. */
  readonly fake: 'off' | { readonly user: StringTemplate; readonly password: StringTemplate }
  /** Passwords are compared by the hash that digest authentication stores. */
  readonly digestAlgorithm: 'Off' | 'MD5'
}

/** When a client may come again whose password found no room to be compared. */
const RETRY_SECONDS = 5

const authBasicDir = settingsKey<AuthBasicDir>('auth_basic', {
  providers: undefined,
  authoritative: true,
  fake: 'off',
  digestAlgorithm: 'Off',
})

const PLACES = { contexts: ['directory', 'htaccess'], override: 'AuthConfig' } as const

const directives = [
  directive({
    name: 'AuthBasicProvider',
    syntax: 'provider-name [provider-name] ...',
    ...PLACES,
    default: 'file',
    help: 'specify the auth providers for a directory or location',
    ...iterate((cmd, names) => {
      const draft = cmd.dir.draft(authBasicDir)
      draft.providers = [...(draft.providers ?? []), ...readChain(cmd, names, 'checkPassword')]
    }),
  }),
  directive({
    name: 'AuthBasicAuthoritative',
    syntax: 'On|Off',
    ...PLACES,
    default: 'On',
    help: "Set to 'Off' to allow access control to be passed along to lower modules if the UserID is not known to this module",
    ...flag((cmd, on) => {
      cmd.dir.draft(authBasicDir).authoritative = on
    }),
  }),
  directive({
    name: 'AuthBasicFake',
    syntax: 'off|username [password]',
    ...PLACES,
    default: 'off',
    help: 'Fake basic authentication using the given expressions for username and password, "off" to disable. Password defaults to "password" if missing.',
    ...take12((cmd, user, password) => {
      cmd.dir.draft(authBasicDir).fake =
        user.toLowerCase() === 'off'
          ? 'off'
          : { user: stringTemplate(cmd, user), password: stringTemplate(cmd, password ?? 'password') }
    }),
  }),
  directive({
    name: 'AuthBasicUseDigestAlgorithm',
    syntax: 'MD5|Off',
    ...PLACES,
    default: 'Off',
    help: 'Set to "MD5" to use the auth provider\'s authentication check for digest auth, using a hash of "user:realm:pass"',
    ...take1((cmd, word) => {
      const algorithm = (['Off', 'MD5'] as const).find((one) => one.toLowerCase() === word.toLowerCase())
      cmd.dir.draft(authBasicDir).digestAlgorithm =
        algorithm ?? cmd.fail(`Invalid algorithm in AuthBasicUseDigestAlgorithm: ${word}`)
    }),
  }),
]

/** Asks for a user name and a password. */
function challenge(request: Request): void {
  const realm = realmOf(request) ?? ''
  request.errHeadersOut.set('WWW-Authenticate', `Basic realm="${realm}"`)
}

const scheme: AuthScheme = { name: 'Basic', challenge }

export interface BasicCredentials {
  readonly user: string
  readonly password: string
}

/**
 * What an `Authorization` field says, one character per byte.
 * @returns undefined where it is not of this scheme, or not what RFC 7617 says it is
 */
export function readBasicCredentials(field: string): BasicCredentials | undefined {
  const encoded = /^Basic[ \t]+([A-Za-z0-9+/]*={0,2})[ \t]*$/i.exec(field)?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('latin1')
  // what ends a string for the functions of the system that compare passwords must not be in one
  if (text.includes('\0')) return undefined
  const colon = text.indexOf(':')
  if (colon < 0) return { user: text, password: '' }
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

function checkUser(request: Request): Outcome | Promise<Outcome> {
  if (!hasAuthType(request, 'Basic')) return undefined
  if (requiredRealm(request, 'auth_basic', 'AH01615') === undefined) return 500
  const field = request.headersIn.get('Authorization')
  const credentials = field === undefined ? undefined : readBasicCredentials(field)
  if (credentials === undefined) {
    if (field !== undefined) complain(request, field)
    challenge(request)
    return 401
  }
  // known to the access log even where the password turns out wrong
  request.user = credentials.user
  return verify(request, credentials)
}

function complain(request: Request, field: string): void {
  const message = /^basic[ \t]/i.test(field)
    ? `malformed credentials for Basic authentication: ${request.path}`
    : `client used wrong authentication scheme: ${request.path}`
  request.report('auth_basic', 'error', message, 'AH01614')
}

async function verify(request: Request, credentials: BasicCredentials): Promise<Outcome> {
  const settings = request.dir.get(authBasicDir)
  const verdict = await askProviders(request, credentials, settings)
  if (verdict === 'granted' || typeof verdict === 'object') {
    if (verdict !== 'granted') request.user = verdict.granted
    request.authType = 'Basic'
    return 'ok'
  }
  if (!settings.authoritative && verdict !== 'denied') {
    request.user = undefined
    return undefined
  }
  return refuse(request, credentials.user, verdict)
}

function askProviders(
  request: Request,
  { user, password }: BasicCredentials,
  { providers: named, digestAlgorithm }: AuthBasicDir,
): Promise<PasswordVerdict> | 'error' {
  const providers = named ?? request.dir.get(authnDir).defaultProviders
  if (providers.length === 0) {
    request.report('auth_basic', 'error', 'No Authn provider configured', 'AH01616')
    return 'error'
  }
  const ask = digestAlgorithm === 'Off' ? askPassword : askHash
  return askChain(
    request,
    providers,
    (provider) => ask(provider, request, user, password),
    (verdict) =>
      verdict === 'granted' || typeof verdict === 'object'
        ? { kind: 'password', user, password, verdict }
        : undefined,
  )
}

type Ask = (
  provider: AuthnProvider,
  request: Request,
  user: string,
  password: string,
) => PasswordVerdict | Promise<PasswordVerdict>

const askPassword: Ask = (provider, request, user, password) =>
  provider.checkPassword?.(request, user, password, request.dir) ?? 'notFound'

/** By `AuthBasicUseDigestAlgorithm`: the password's hash in this realm must be the one that the provider has. */
const askHash: Ask = async (provider, request, user, password) => {
  if (provider.getRealmHash === undefined) {
    const message = `The '${provider.name}' Authn provider has no hashes for AuthBasicUseDigestAlgorithm`
    request.report('auth_basic', 'error', message)
    return 'error'
  }
  const realm = plainRealmOf(request) ?? ''
  const found = await provider.getRealmHash(request, user, realm, request.dir, 'MD5')
  if (typeof found === 'string') return found
  const hash = createHash('md5').update(`${user}:${realm}:${password}`, 'latin1').digest('hex')
  return sameText(hash, found.hash.toLowerCase()) ? 'granted' : 'denied'
}

function refuse(request: Request, user: string, verdict: 'denied' | 'notFound' | 'error' | 'busy'): Outcome {
  const { path } = request
  switch (verdict) {
    case 'error':
      return 500
    case 'busy':
      request.headersOut.set('Retry-After', String(RETRY_SECONDS))
      return 503
    case 'denied': {
      const message = `user ${user}: authentication failure for "${path}": Password Mismatch`
      request.report('auth_basic', 'error', message, 'AH01617')
      break
    }
    case 'notFound':
      request.report('auth_basic', 'error', `user ${user} not found: ${path}`, 'AH01618')
      break
    default:
      return verdict satisfies never
  }
  challenge(request)
  return 401
}

/** `AuthBasicFake`: credentials for what is behind, whatever the client has sent. */
function fixups(request: Request): Outcome {
  const { fake } = request.dir.get(authBasicDir)
  if (fake === 'off') return undefined
  const [user, password] = [fake.user(request), fake.password(request)]
  if (user === '' || password === '') return undefined
  const encoded = Buffer.from(`${user}:${password}`, 'latin1').toString('base64')
  request.headersIn.set('Authorization', `Basic ${encoded}`)
  return undefined
}

export const authBasic = {
  id: 'auth_basic_module',
  source: 'mod_auth_basic.c',
  directives,
  providers: [provide(AUTH_SCHEME, scheme)],
  hooks: { checkUser, fixups },
  needs: { fixups: [authBasicDir] },
} satisfies HttpdModule
