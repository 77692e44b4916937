/**
 * mod_authn_socache: the `socache` provider, which stands before others and remembers for a while what they have answered. Each server worker
 * has a cache of its own; passwords are kept as keyed hashes only, and the key never leaves the process.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authn_socache.html
 */
import { createHmac, randomBytes } from 'node:crypto'
import { directive, iterate, none, take1 } from '../config/directive.js'
import { provide } from '../config/provider.js'
import { type Settings, settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import { lazily } from '../system/lazily.js'
import { sameText } from './auth-basic/same-text.js'
import { AUTHN, type AuthnProvider, type DigestAlgorithm, type Found } from './authn-provider.js'
import type { HttpdModule } from './module.js'

interface CacheDir {
  /** Names of the providers whose answers are kept, as `AuthBasicProvider` has them. */
  readonly provideFor: readonly string[]
  readonly timeoutSeconds: number
  /** What an answer holds for: `directory`, `server`, or wherever the same words stand. */
  readonly context: string
}

const cacheDir = settingsKey<CacheDir>('authn_socache', {
  provideFor: [],
  timeoutSeconds: 300,
  context: 'directory',
})

/** Entries; the one that was made first makes room. */
const MAX_ENTRIES = 10_000

type Kept =
  | { readonly until: number; readonly password: string; readonly name: string }
  | { readonly until: number; readonly hash: string }

const entries = new Map<string, Kept>()
const secret = lazily(() => randomBytes(32))

function keyed(user: string, password: string): string {
  return createHmac('sha256', secret()).update(`${user}\0${password}`, 'latin1').digest('base64')
}

function keyOf(request: Request, dir: Settings, user: string, kind: string): string {
  const { context } = dir.get(cacheDir)
  const { server, hostname, path } = request
  const place =
    context === 'directory'
      ? `${server.index} ${hostname}${path.slice(0, path.lastIndexOf('/') + 1)}`
      : context === 'server'
        ? `${server.index} ${hostname}`
        : context
  return [place, kind, user].join('\0')
}

const realmKind = (realm: string, algorithm: DigestAlgorithm): string => `${algorithm} ${realm}`

function lookUp(key: string): Kept | undefined {
  const kept = entries.get(key)
  if (kept === undefined || kept.until > Date.now()) return kept
  entries.delete(key)
  return undefined
}

function keep(key: string, kept: Kept): void {
  entries.delete(key)
  entries.set(key, kept)
  if (entries.size <= MAX_ENTRIES) return
  const oldest = entries.keys().next().value
  if (oldest !== undefined) entries.delete(oldest)
}

const provider: AuthnProvider = {
  name: 'socache',

  /** Another password than the one that is kept may be a new one: the providers that follow know. */
  checkPassword(request, user, password, dir) {
    const kept = lookUp(keyOf(request, dir, user, 'password'))
    if (kept === undefined || !('password' in kept)) return 'notFound'
    if (!sameText(keyed(user, password), kept.password)) return 'notFound'
    return kept.name === user ? 'granted' : { granted: kept.name }
  },

  getRealmHash(request, user, realm, dir, algorithm) {
    const kept = lookUp(keyOf(request, dir, user, realmKind(realm, algorithm)))
    return kept !== undefined && 'hash' in kept ? { hash: kept.hash } : 'notFound'
  },

  learn(request: Request, from: string, found: Found, dir: Settings) {
    const { provideFor, timeoutSeconds } = dir.get(cacheDir)
    if (timeoutSeconds === 0 || !provideFor.includes(from)) return
    const until = Date.now() + timeoutSeconds * 1000
    const { user } = found
    if (found.kind === 'hash') {
      keep(keyOf(request, dir, user, realmKind(found.realm, found.algorithm)), { until, hash: found.hash })
      return
    }
    const { password, verdict } = found
    const name = typeof verdict === 'object' ? verdict.granted : user
    keep(keyOf(request, dir, user, 'password'), { until, password: keyed(user, password), name })
  },
}

/** Kinds of shared cache that httpd has modules for. */
const SHARED_CACHES = new Set(['shmcb', 'dbm', 'dc', 'memcache', 'redis'])

const PLACES = { contexts: ['directory', 'htaccess'], override: 'AuthConfig' } as const

export const authnSocache = {
  id: 'authn_socache_module',
  source: 'mod_authn_socache.c',
  directives: [
    directive({
      name: 'AuthnCacheEnable',
      syntax: '',
      contexts: ['server'],
      help: 'enable socache configuration in htaccess even if not enabled anywhere else',
      accepted: 'the cache is there wherever AuthBasicProvider or AuthDigestProvider names socache',
      ...none(() => {}),
    }),
    directive({
      name: 'AuthnCacheSOCache',
      syntax: 'provider-name[:provider-args]',
      contexts: ['server'],
      help: 'socache provider for authn cache',
      accepted: 'each server worker keeps its cache in its own memory',
      ...take1((cmd, word) => {
        const [name = ''] = word.split(':', 1)
        if (!SHARED_CACHES.has(name)) cmd.fail(`Unknown socache provider '${name}'.`)
      }),
    }),
    directive({
      name: 'AuthnCacheProvideFor',
      syntax: 'authn-provider [authn-provider] ...',
      ...PLACES,
      help: 'Determine what authn providers to cache for',
      ...iterate((cmd, names) => {
        const draft = cmd.dir.draft(cacheDir)
        draft.provideFor = [...(draft.provideFor ?? []), ...names]
      }),
    }),
    directive({
      name: 'AuthnCacheTimeout',
      syntax: 'seconds',
      ...PLACES,
      default: '300',
      help: 'Timeout (secs) for cached credentials',
      ...take1((cmd, word) => {
        if (!/^\d{1,9}$/.test(word)) cmd.fail('AuthnCacheTimeout must be a number of seconds')
        cmd.dir.draft(cacheDir).timeoutSeconds = Number(word)
      }),
    }),
    directive({
      name: 'AuthnCacheContext',
      syntax: 'directory|server|custom-string',
      contexts: ['directory'],
      default: 'directory',
      help: 'Context for authn cache',
      ...take1((cmd, word) => {
        cmd.dir.draft(cacheDir).context = word
      }),
    }),
  ],
  providers: [provide(AUTHN, provider)],
} satisfies HttpdModule
