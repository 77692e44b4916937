/**
 * What a backend says about its own address, said with ours: `Location` and its kin, and cookies. Pure.
 */
import type { CookieEntry, ReverseEntry } from './settings.js'

/**
 * The URL in a response header as clients shall see it; undefined: nothing to change.
 * @param origin `scheme://host` of the request, for entries that are paths
 */
export function reverseUrl(
  url: string,
  entries: readonly ReverseEntry[],
  origin: string,
): string | undefined {
  for (const { path, url: backend } of entries) {
    // a backend that is written as a path is one of our own places
    const length = backend.startsWith('/') ? ownPlaceLength(url, backend, origin) : sameStart(url, backend)
    if (length === undefined) continue
    const rest = url.slice(length)
    return origin + join(path, rest)
  }
  return undefined
}

/** How much of the URL an entry covers; scheme and host without regard to case. */
function sameStart(url: string, backend: string): number | undefined {
  const start = url.slice(0, backend.length)
  if (start.length < backend.length) return undefined
  const slash = backend.indexOf('/', backend.indexOf('://') + 3)
  const end = slash < 0 ? backend.length : slash
  if (start.slice(0, end).toLowerCase() !== backend.slice(0, end).toLowerCase()) return undefined
  if (start.slice(end) !== backend.slice(end)) return undefined
  // `http://a` must not be taken for the start of `http://another`
  if (slash < 0 && /[^/?#]/.test(url.charAt(backend.length))) return undefined
  return backend.length
}

function ownPlaceLength(url: string, backend: string, origin: string): number | undefined {
  const full = url.toLowerCase().startsWith(origin.toLowerCase()) ? url.slice(origin.length) : url
  return full.startsWith(backend) ? url.length - full.length + backend.length : undefined
}

function join(path: string, rest: string): string {
  if (path.endsWith('/') && rest.startsWith('/')) return path + rest.slice(1)
  if (!path.endsWith('/') && rest !== '' && !/^[/?#]/.test(rest)) return `${path}/${rest}`
  return path + rest
}

/** A `Set-Cookie` value with path and domain as clients shall see them. */
export function reverseCookie(
  cookie: string,
  paths: readonly CookieEntry[],
  domains: readonly CookieEntry[],
): string {
  return cookie
    .replace(/(;\s*path=)([^;]*)/i, (whole, name: string, value: string) => {
      const entry = paths.find(({ from }) => value.startsWith(from))
      return entry === undefined ? whole : name + entry.to + value.slice(entry.from.length)
    })
    .replace(/(;\s*domain=)([^;]*)/i, (whole, name: string, value: string) => {
      const entry = domains.find(({ from }) => value.toLowerCase() === from.toLowerCase())
      return entry === undefined ? whole : name + entry.to
    })
}
