/**
 * Where in a service's URLs a request found the application: what was cut off before the handler saw it is SCRIPT_NAME, the rest PATH_INFO. Pure.
 * Nothing is resolved in it, for the routers before have not done so either: what they guard by its URL path is not to be had by another spelling.
 * Rules: PEP 3333 and RFC 3875 section 4.1; `req.baseUrl` of Express, `req.originalUrl` of Connect and everything after it.
 */

/** What the handler is given of a request's URL. */
export interface RequestUrls {
  readonly url?: string | undefined
  /** As the client sent it, where a router has changed `url`. */
  readonly originalUrl?: string | undefined
  /** What Express has cut off, from the root of the service on. */
  readonly baseUrl?: string | undefined
}

export interface Found {
  /** The request target from the root of the service on: REQUEST_URI. */
  readonly target: string
  /** URL path of the application, still encoded, without a slash at its end. */
  readonly base: string
  /** What follows it, still encoded, without the query; begins with `/`. */
  readonly path: string
  /** The client asked for the base itself: PATH_INFO is empty. */
  readonly isBare: boolean
  /** Without `?`; undefined: there is none. */
  readonly query: string | undefined
}

/**
 * @param mountPoint decoded, without a slash at its end: `''` for `/`
 * @returns undefined where the URL is not below the mount point
 */
export function findPlace(
  { url = '/', originalUrl, baseUrl }: RequestUrls,
  mountPoint: string,
): Found | undefined {
  const target = originalUrl ?? url
  const mark = url.indexOf('?')
  const path = pathOf(url)
  const query = mark < 0 ? undefined : url.slice(mark + 1)
  const cut = originalUrl === undefined ? '' : withoutSlash(baseUrl ?? cutOff(pathOf(originalUrl), path))
  // a router that leaves nothing puts a slash there
  const isWhole = cut !== '' && path === '/' && pathOf(target) === cut
  if (mountPoint === '') return { target, base: cut, path, isBare: isWhole, query }
  const inner = prefixLength(path, mountPoint)
  if (inner === undefined) return undefined
  const base = cut + path.slice(0, inner)
  if (inner === path.length) return { target, base, path: '/', isBare: true, query }
  return { target, base, path: path.slice(inner), isBare: false, query }
}

/** A path as applications get it, or the status that refuses it, as the server's own paths are refused: 400 for what cannot be decoded, 404 for NUL. */
export function decodePath(path: string): string | 400 | 404 {
  if (!path.includes('%')) return path
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return 400
  if (path.includes('%00')) return 404
  return path.replace(/%[0-9A-Fa-f]{2}/g, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
}

/** Of a path with its query, or of an absolute URL as proxies send it. */
function pathOf(url: string): string {
  const own = url.startsWith('/') ? url : url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '')
  const mark = own.indexOf('?')
  return (mark < 0 ? own : own.slice(0, mark)) || '/'
}

/** What a router has taken away from the left. Where it has changed more than that, nobody can tell. */
function cutOff(original: string, left: string): string {
  if (original.endsWith(left)) return original.slice(0, original.length - left.length)
  return left === '/' ? original : ''
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

/** How much of an encoded path is the mount point; undefined: it is another one. */
function prefixLength(path: string, mountPoint: string): number | undefined {
  if (path.startsWith(mountPoint)) {
    const next = path.charCodeAt(mountPoint.length)
    if (Number.isNaN(next) || next === 47) return mountPoint.length
    return undefined
  }
  if (!path.includes('%')) return undefined
  // the same, written otherwise: segment by segment
  const wanted = mountPoint.split('/')
  const segments = path.split('/', wanted.length)
  const same = segments.length === wanted.length && segments.every((one, at) => decoded(one) === wanted[at])
  return same ? segments.join('/').length : undefined
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
