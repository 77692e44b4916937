/**
 * Which requests go to a backend, and to which of its URLs.
 */
import type { Request } from '../../request/request.js'
import { splitQuery } from '../../request/url-path.js'
import { matchPrefix } from '../../wsgi/alias-match.js'
import type { Outcome } from '../module.js'
import { escapePath, escapeTarget } from '../url-text.js'
import { parseBackendUrl } from './backend-url.js'
import { type BackendPlan, type BackendUrl, type ProxyEntry, proxyDir, proxyServer } from './settings.js'

/** What the handler is told by translation. */
export class ProxyTarget {
  constructor(
    readonly backend: BackendPlan,
    /** Path and query as they are sent. */
    readonly path: string,
  ) {}
}

/** The name that a request to a backend goes by in place of a file's; no directory walk is made for it. */
export const PROXY_SCHEME = 'proxy:'
export const PROXY_HANDLER = 'proxy-server'

/** Maps by `ProxyPass` in the sections that hold for the URL, then by those of the server in their order. */
export function translateName(request: Request): Outcome {
  const { entries } = request.server.settings.get(proxyServer)
  const dir = request.dir.get(proxyDir)
  if (entries.length === 0 && dir.entry === undefined) return undefined
  if (request.hasEnv && request.env.has('no-proxy')) return undefined
  if (dir.entry !== undefined) return map(request, dir.entry) === 'ok' ? 'ok' : undefined
  for (const entry of entries) {
    const outcome = map(request, entry)
    if (outcome !== undefined) return outcome === 'stays' ? undefined : outcome
  }
  return undefined
}

/** Undefined: the entry is not about this URL. `stays`: it says that the URL is none of a backend's. */
function map(request: Request, entry: ProxyEntry): 'ok' | 'stays' | undefined {
  const { source, to, raw } = entry
  const path = raw ? splitQuery(request.original.target).path : request.path
  const written = raw ? (text: string) => text : escapePath
  let whole: string
  if (source.kind === 'prefix') {
    const end = matchPrefix(source.prefix, path)
    if (end === 0) return undefined
    whole = (to?.path ?? '') + written(path.slice(end))
  } else {
    const found = source.pattern.exec(path)
    if (found === null) return undefined
    // escaped before they are filled in: a decoded `?` must not become the start of a query
    whole = source.fill(found.map((group: string | undefined) => group && written(group)))
  }
  if (to === undefined) return 'stays'
  const query = request.query === undefined ? '' : `?${request.query}`
  send(request, new ProxyTarget(to.backend, (whole.startsWith('/') ? whole : `/${whole}`) + query))
  return 'ok'
}

function send(request: Request, target: ProxyTarget): void {
  request.filename = `${PROXY_SCHEME}${target.backend.key}${target.path}`
  request.translation = target
  request.handler = PROXY_HANDLER
}

/**
 * Where a request goes that has got this far: as translation says, or as the file name does that `RewriteRule … [P]` has set. Where a `ProxyPass`
 * is about the same backend, its parameters hold.
 * @throws Error where the file name is no URL of a backend
 */
export function targetOf(request: Request): ProxyTarget {
  const { translation, filename } = request
  if (translation instanceof ProxyTarget) return translation
  const url: BackendUrl = parseBackendUrl(filename.slice(PROXY_SCHEME.length))
  const dir = request.dir.get(proxyDir)
  const known = [dir.entry, ...request.server.settings.get(proxyServer).entries].find(
    (entry) => entry?.to?.backend.key === url.backend.key,
  )
  const written = url.path.startsWith('/') ? url.path : `/${url.path}`
  const path = request.notes.has('proxy-nocanon') ? printable(written) : escapeTarget(written)
  return new ProxyTarget(known?.to?.backend ?? { ...url.backend, reuse: false, retry: 0 }, path)
}

/** As written, but for what cannot stand in a request line. */
function printable(path: string): string {
  return path.replace(
    /[^\x21-\x7e]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
