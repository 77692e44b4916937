/**
 * What the directives of mod_proxy set: which URLs go to which backend, and how what comes back is changed.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_proxy.html
 */
import { settingsKey } from '../../config/settings.js'
import type { Substitution } from '../substitution.js'

/** Where a backend listens, and how it is spoken to: the origin of a `ProxyPass` URL with the parameters behind it. */
export interface BackendPlan {
  /** `http://host:port`, or `unix:/path|http://host`: what `[P]` finds it by. */
  readonly key: string
  readonly tls: boolean
  /** Without brackets. For a socket file: the name in `Host`. */
  readonly host: string
  readonly port: number
  /** `Host` as it is sent: with the port where it is not the scheme's own. */
  readonly authority: string
  readonly socketPath: string | undefined
  /** Seconds of silence; undefined: `ProxyTimeout`, else `Timeout`. */
  readonly timeout: number | undefined
  /** Seconds until a connection must be there; undefined: as `timeout`. */
  readonly connectTimeout: number | undefined
  /** Seconds during which a backend that did not answer is not asked again. */
  readonly retry: number
  /** Most connections of one server worker; Infinity: no bound. */
  readonly max: number
  /** Milliseconds that a request may wait for one of them; undefined: as long as it takes. */
  readonly acquire: number | undefined
  readonly reuse: boolean
  /** Protocol that a client may change to (`websocket`), lower case; `any`; undefined: none. */
  readonly upgrade: string | undefined
}

/** A URL of a backend, taken apart. */
export interface BackendUrl {
  readonly backend: BackendPlan
  /** Path, and whatever else follows the origin, as written; `''` or with a slash at its start. */
  readonly path: string
}

/** One `ProxyPass` or `ProxyPassMatch`. */
export interface ProxyEntry {
  readonly source:
    | { readonly kind: 'prefix'; readonly prefix: string }
    | { readonly kind: 'pattern'; readonly pattern: RegExp; readonly fill: Substitution }
  /** Undefined: `!`, these URLs stay here. */
  readonly to: BackendUrl | undefined
  /** The path goes to the backend as the client wrote it. */
  readonly raw: boolean
}

/** `ProxyPassReverse`: what the backend calls itself, and what clients shall read instead. */
export interface ReverseEntry {
  readonly path: string
  readonly url: string
}

/** `ProxyPassReverseCookiePath` and `…Domain`: the backend's text, and ours. */
export interface CookieEntry {
  readonly from: string
  readonly to: string
}

export type Via = 'off' | 'on' | 'full' | 'block'

export interface ProxyServer {
  readonly entries: readonly ProxyEntry[]
  /** Whether the main server's entries come after those of a virtual host. */
  readonly inherit: boolean
  /** Seconds; undefined: `Timeout`. */
  readonly timeout: number | undefined
  readonly via: Via
}

/** A virtual host's entries come before those of the main server. */
export const proxyServer = settingsKey<ProxyServer>(
  'proxy server',
  { entries: [], inherit: true, timeout: undefined, via: 'off' },
  (base, added) => ({
    ...base,
    ...added,
    entries: [
      ...(added.entries ?? []),
      ...((added.inherit ?? base.inherit ?? true) ? (base.entries ?? []) : []),
    ],
  }),
)

export interface ProxyDir {
  /** `ProxyPass` without a path, inside `<Location>`; its prefix is the section's path. */
  readonly entry: ProxyEntry | undefined
  readonly reverse: readonly ReverseEntry[]
  readonly cookiePaths: readonly CookieEntry[]
  readonly cookieDomains: readonly CookieEntry[]
  readonly preserveHost: boolean
  readonly addHeaders: boolean
  /** Statuses of backends that get our own error page; `all`: every one from 400. */
  readonly errorOverride: ReadonlySet<number> | 'all' | undefined
}

export const proxyDir = settingsKey<ProxyDir>(
  'proxy directory',
  {
    entry: undefined,
    reverse: [],
    cookiePaths: [],
    cookieDomains: [],
    preserveHost: false,
    addHeaders: true,
    errorOverride: undefined,
  },
  (base, added) => ({
    ...base,
    ...added,
    reverse: [...(added.reverse ?? []), ...(base.reverse ?? [])],
    cookiePaths: [...(added.cookiePaths ?? []), ...(base.cookiePaths ?? [])],
    cookieDomains: [...(added.cookieDomains ?? []), ...(base.cookieDomains ?? [])],
  }),
)
