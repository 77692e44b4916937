/**
 * mod_auth_digest: `AuthType Digest` (RFC 7616). The client proves that it knows the password, which is never sent. Runs in checkUser; asks
 * providers for stored hashes, see authn-chain.ts.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_auth_digest.html
 */
import { type Command, directive, flag, iterate, take1 } from '../config/directive.js'
import { provide } from '../config/provider.js'
import { settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import { sameText } from './auth-basic/same-text.js'
import {
  type DigestCredentials,
  isSameTarget,
  proofOf,
  readDigestCredentials,
} from './auth-digest/credentials.js'
import { makeNonce, NONCE_LENGTH, timeOfNonce } from './auth-digest/nonce.js'
import { type DigestShared, sharedState, unsharedState } from './auth-digest/shared.js'
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
import type { AuthnProvider, DigestAlgorithm, RealmHash } from './authn-provider.js'
import type { HttpdModule, Outcome } from './module.js'
import { selfNameOf } from './self-url.js'
import { variable } from './variables.js'

interface AuthDigestDir {
  /** undefined: those that stand for none. */
  readonly providers: readonly AuthnProvider[] | undefined
  /** What clients are challenged with, in order of preference. */
  readonly algorithms: readonly DigestAlgorithm[]
  readonly qop: 'auth' | 'none'
  /** As between the quotes of the challenge; undefined: none. */
  readonly domain: string | undefined
  /** Seconds; 0: for one request, negative: for ever. */
  readonly nonceLifetime: number
}

const authDigestDir = settingsKey<AuthDigestDir>('auth_digest', {
  providers: undefined,
  algorithms: ['MD5'],
  qop: 'auth',
  domain: undefined,
  nonceLifetime: 300,
})

/** Main server only. */
interface AuthDigestServer {
  readonly checkCount: boolean
  readonly tableBytes: number
}

const authDigestServer = settingsKey<AuthDigestServer>('auth_digest', {
  checkCount: false,
  tableBytes: 1 << 20,
})

/** A new nonce is offered with the response when the one at hand has no more seconds left than this. */
const NEXT_NONCE_SECONDS = 30
/** One-time nonces, and the counts of nonces that never expire, are remembered for so many seconds. */
const REMEMBER_SECONDS = 300
const TABLE_MAX_BYTES = 1 << 30

const PLACES = { contexts: ['directory', 'htaccess'], override: 'AuthConfig' } as const

const directives = [
  directive({
    name: 'AuthDigestProvider',
    syntax: 'provider-name [provider-name] ...',
    ...PLACES,
    default: 'file',
    help: 'specify the auth providers for a directory or location',
    ...iterate((cmd, names) => {
      const draft = cmd.dir.draft(authDigestDir)
      draft.providers = [...(draft.providers ?? []), ...readChain(cmd, names, 'getRealmHash')]
    }),
  }),
  directive({
    name: 'AuthDigestQop',
    syntax: 'none|auth',
    ...PLACES,
    default: 'auth',
    help: 'A list of quality-of-protection options',
    ...iterate((cmd, words) => {
      const asked = [...new Set(words.map((word) => word.toLowerCase()))]
      if (asked.includes('auth-int')) cmd.fail('AuthDigestQop auth-int is not implemented')
      if (asked.length > 1) cmd.fail('AuthDigestQop takes either auth or none')
      const qop = (['auth', 'none'] as const).find((one) => one === asked[0])
      cmd.dir.draft(authDigestDir).qop = qop ?? cmd.fail(`Unrecognized qop: ${words[0]}`)
    }),
  }),
  directive({
    name: 'AuthDigestAlgorithm',
    syntax: 'MD5|SHA-256 [MD5|SHA-256]',
    ...PLACES,
    default: 'MD5',
    help: 'Algorithm used for the hash calculation; of two, the one that is preferred first',
    ...iterate((cmd, words) => {
      cmd.dir.draft(authDigestDir).algorithms = [...new Set(words.map((word) => readAlgorithm(cmd, word)))]
    }),
  }),
  directive({
    name: 'AuthDigestDomain',
    syntax: 'URI [URI] ...',
    ...PLACES,
    help: 'A list of URIs which belong to the same protection space as the current URI',
    ...iterate((cmd, uris) => {
      for (const uri of uris) if (/["\\\s]/.test(uri)) cmd.fail(`AuthDigestDomain: ${uri} is not a URI`)
      const draft = cmd.dir.draft(authDigestDir)
      draft.domain = [...(draft.domain === undefined ? [] : [draft.domain]), ...uris].join(' ')
    }),
  }),
  directive({
    name: 'AuthDigestNonceLifetime',
    syntax: 'seconds',
    ...PLACES,
    default: '300',
    help: 'Maximum lifetime of the server nonce (seconds)',
    ...take1((cmd, word) => {
      if (!/^-?\d{1,9}$/.test(word)) cmd.fail('Invalid time in AuthDigestNonceLifetime')
      cmd.dir.draft(authDigestDir).nonceLifetime = Number(word)
    }),
  }),
  directive({
    name: 'AuthDigestNcCheck',
    syntax: 'On|Off',
    contexts: ['server'],
    default: 'Off',
    help: 'check that no nonce-count is used twice by a client',
    ...flag((cmd, on) => {
      cmd.main.draft(authDigestServer).checkCount = on
    }),
  }),
  directive({
    name: 'AuthDigestShmemSize',
    syntax: 'size',
    contexts: ['server'],
    default: '1M',
    help: 'The amount of shared memory to allocate for keeping track of used nonces and nonce-counts',
    ...take1((cmd, word) => {
      const [, digits, unit = ''] = /^(\d{1,10})([KM]?)$/i.exec(word) ?? []
      const bytes = Number(digits) * ({ '': 1, K: 1024, M: 1 << 20 }[unit.toUpperCase()] ?? 1)
      if (digits === undefined || bytes < 1 || bytes > TABLE_MAX_BYTES)
        cmd.fail(`Invalid size in AuthDigestShmemSize: ${word}`)
      cmd.main.draft(authDigestServer).tableBytes = bytes
    }),
  }),
]

function readAlgorithm(cmd: Command, word: string): DigestAlgorithm {
  const known = (['MD5', 'SHA-256'] as const).find((one) => one === word.toUpperCase())
  if (known === undefined && word.toLowerCase() === 'md5-sess')
    cmd.fail("AuthDigestAlgorithm: ERROR: algorithm `MD5-sess' is not implemented")
  return known ?? cmd.fail(`Invalid algorithm in AuthDigestAlgorithm: ${word}`)
}

let sharedDirectory: string | undefined
let state: DigestShared | undefined

/** Made when it is first needed: most servers have no place with digest authentication. */
function stateOf(request: Request): DigestShared {
  if (state !== undefined) return state
  const { tableBytes } = request.server.settings.get(authDigestServer)
  try {
    state =
      sharedDirectory === undefined ? unsharedState(tableBytes) : sharedState(sharedDirectory, tableBytes)
  } catch (error) {
    const message = `digest authentication cannot share its state with other server workers, so that their clients will be asked again: ${(error as Error).message}`
    request.report('auth_digest', 'error', message, 'WSGH0043')
    state = unsharedState(tableBytes)
  }
  return state
}

/** Asks for proof. `stale`: the password was right, and the client need not ask its user again. */
function challenge(request: Request, stale = false): void {
  const { algorithms, domain, qop } = request.dir.get(authDigestDir)
  const nonce = makeNonce(stateOf(request).secret, plainRealmOf(request) ?? '', Date.now())
  request.errHeadersOut.unset('WWW-Authenticate')
  for (const algorithm of algorithms) {
    const parts = [`realm="${realmOf(request) ?? ''}"`, `nonce="${nonce}"`, `algorithm=${algorithm}`]
    if (domain !== undefined) parts.push(`domain="${domain}"`)
    if (stale) parts.push('stale=true')
    if (qop === 'auth') parts.push('qop="auth"')
    request.errHeadersOut.add('WWW-Authenticate', `Digest ${parts.join(', ')}`)
  }
}

const scheme: AuthScheme = { name: 'Digest', challenge }

function ask(request: Request, stale = false): Outcome {
  challenge(request, stale)
  return 401
}

function checkUser(request: Request): Outcome | Promise<Outcome> {
  if (!hasAuthType(request, 'Digest')) return undefined
  if (requiredRealm(request, 'auth_digest', 'AH01780') === undefined) return 500
  const field = request.headersIn.get('Authorization')
  if (field === undefined) return ask(request)
  const [, type = '', rest = ''] = /^(\S*)[ \t]*(.*)$/s.exec(field) ?? []
  if (type.toLowerCase() !== 'digest') {
    report(
      request,
      `client used wrong authentication scheme \`${type.slice(0, 40)}': ${request.path}`,
      'AH01781',
    )
    return ask(request)
  }
  const credentials = readDigestCredentials(rest)
  if (credentials === undefined) {
    const message = `missing user, realm, nonce, uri, digest, cnonce, or nonce_count in authorization header: ${request.path}`
    report(request, message, 'AH01782')
    return ask(request)
  }
  request.user = credentials.user
  return verify(request, credentials)
}

function report(request: Request, message: string, code: string, level: 'error' | 'info' = 'error'): void {
  request.report('auth_digest', level, message, code)
}

/** In httpd's order: an old nonce is only told to who knows the password. */
async function verify(request: Request, credentials: DigestCredentials): Promise<Outcome> {
  const { path } = request
  const { user, realm } = credentials
  const settings = request.dir.get(authDigestDir)
  if (!isForThis(request, credentials)) {
    report(
      request,
      `uri mismatch - <${credentials.uri}> does not match request-uri <${request.target}>`,
      'AH01785',
    )
    return 400
  }
  const expected = plainRealmOf(request) ?? ''
  if (realm !== expected) {
    report(request, `realm mismatch - got \`${realm}' but expected \`${expected}'`, 'AH01788')
    return ask(request)
  }
  const { algorithm: named = 'MD5', protection } = credentials
  const algorithm = settings.algorithms.find((one) => one === named.toUpperCase())
  if (algorithm === undefined) {
    report(request, `unknown algorithm \`${named}' received: ${path}`, 'AH01789')
    return ask(request)
  }
  const found = await hashOf(request, user, expected, algorithm, settings)
  if (found === 'error') return 500
  if (found === 'notFound') {
    report(request, `user \`${user}' in realm \`${realm}' not found: ${path}`, 'AH01790')
    return ask(request)
  }
  if (protection !== undefined && protection.qop.toLowerCase() !== 'auth') {
    report(request, `invalid qop \`${protection.qop}' received: ${path}`, 'AH01793')
    return ask(request)
  }
  const hash = found.hash.toLowerCase()
  const proof = proofOf(algorithm, hash, outermost(request).method, credentials)
  if (!sameText(proof, credentials.response.toLowerCase())) {
    report(request, `user ${user}: password mismatch: ${path}`, protection ? 'AH01794' : 'AH01792')
    return ask(request)
  }
  if (!isFresh(request, credentials, settings, expected)) return ask(request, true)
  request.authType = 'Digest'
  answer(request, credentials, algorithm, hash, settings)
  return 'ok'
}

/** The request that the client has sent: neither a look-up nor redirected. */
function outermost(request: Request): Request {
  let at = request
  for (let from = at.main ?? at.prev; from !== undefined; from = at.main ?? at.prev) at = from
  return at
}

function isForThis(request: Request, { uri }: DigestCredentials): boolean {
  const { port } = selfNameOf(request)
  const origin = { hostname: request.hostname, port, defaultPort: request.connection.secure ? 443 : 80 }
  const hack = request.hasEnv && variable(request.env, 'AuthDigestEnableQueryStringHack') !== undefined
  return isSameTarget(uri, request.target, origin, hack)
}

function hashOf(
  request: Request,
  user: string,
  realm: string,
  algorithm: DigestAlgorithm,
  { providers: named }: AuthDigestDir,
): Promise<RealmHash> | 'error' {
  const providers = named ?? request.dir.get(authnDir).defaultProviders
  return askChain<RealmHash>(
    request,
    providers,
    (provider) => provider.getRealmHash?.(request, user, realm, request.dir, algorithm) ?? 'notFound',
    (found) =>
      typeof found === 'object' ? { kind: 'hash', user, realm, algorithm, hash: found.hash } : undefined,
  )
}

/** What has been accepted for a message is accepted for all look-ups and redirections that it leads to. */
const accepted = new WeakSet<object>()

/** Whether the nonce is ours, young enough, and not used up. */
function isFresh(
  request: Request,
  credentials: DigestCredentials,
  { nonceLifetime }: AuthDigestDir,
  realm: string,
): boolean {
  if (accepted.has(request.incoming)) return true
  const { nonce, user } = credentials
  const made = timeOfNonce(nonce, stateOf(request).secret, realm)
  if (made === undefined) {
    const wrong = nonce.length === NONCE_LENGTH ? 'it was not made here' : `length is not ${NONCE_LENGTH}`
    report(
      request,
      `invalid nonce ${nonce} received - ${wrong}`,
      nonce.length === NONCE_LENGTH ? 'AH01776' : 'AH01775',
    )
    return false
  }
  const age = (request.startedAt - made) / 1000
  const limit = nonceLifetime === 0 ? REMEMBER_SECONDS : nonceLifetime
  if (limit > 0 && age > limit) {
    const times = `${age.toFixed(2)} seconds old - max lifetime ${limit.toFixed(2)}`
    report(request, `user ${user}: nonce expired (${times}) - sending new nonce`, 'AH01778', 'info')
    return false
  }
  if (isUsedUp(request, credentials, nonceLifetime, made)) return false
  accepted.add(request.incoming)
  return true
}

function isUsedUp(request: Request, credentials: DigestCredentials, lifetime: number, made: number): boolean {
  const { checkCount } = request.server.settings.get(authDigestServer)
  const { nonce, protection, user } = credentials
  if (lifetime !== 0 && !checkCount) return false
  const now = Date.now() / 1000
  const until = lifetime > 0 ? made / 1000 + lifetime : now + REMEMBER_SECONDS
  // without a count, the nonce itself can only be used once
  const key =
    lifetime === 0 || protection === undefined ? nonce : `${nonce}:${protection.count.toLowerCase()}`
  if (stateOf(request).used.claim(key, until, now)) return false
  if (lifetime === 0) {
    report(request, `user ${user}: one-time-nonce mismatch - sending new nonce`, 'AH01779', 'info')
  } else {
    const message = `Warning, possible replay attack: nonce-count ${protection?.count ?? 'none'} of user ${user} was used before`
    report(request, message, 'AH01774')
  }
  return true
}

/** Proves to the client that the server knows the password too, and hands it the next nonce in time. */
function answer(
  request: Request,
  credentials: DigestCredentials,
  algorithm: DigestAlgorithm,
  hash: string,
  { nonceLifetime }: AuthDigestDir,
): void {
  const { protection, nonce } = credentials
  const parts: string[] = []
  if (protection !== undefined) {
    const { cnonce, count, qop } = protection
    parts.push(`rspauth="${proofOf(algorithm, hash, '', credentials)}"`)
    parts.push(`cnonce="${cnonce.replace(/["\\]/g, '\\$&')}"`, `nc=${count}`, `qop=${qop}`)
  }
  const { secret } = stateOf(request)
  const realm = plainRealmOf(request) ?? ''
  const age = (request.startedAt - (timeOfNonce(nonce, secret, realm) ?? 0)) / 1000
  if (nonceLifetime === 0 || (nonceLifetime > 0 && age > nonceLifetime - NEXT_NONCE_SECONDS))
    parts.push(`nextnonce="${makeNonce(secret, realm, Date.now())}"`)
  // in the table that also goes with what applications answer
  if (parts.length > 0) request.errHeadersOut.set('Authentication-Info', parts.join(', '))
}

export const authDigest = {
  id: 'auth_digest_module',
  source: 'mod_auth_digest.c',
  directives,
  providers: [provide(AUTH_SCHEME, scheme)],
  childInit: (worker) => {
    sharedDirectory = worker.sharedDirectory
  },
  hooks: { checkUser },
} satisfies HttpdModule
