/**
 * From the request target to the URL path that everything else works with: unreserved characters decoded, `//` merged, `.` and `..` resolved,
 * then the rest decoded. Pure. A path is bytes, held as latin-1 text.
 * Rules: RFC 3986 section 6.2.2; httpd's ap_normalize_path and AllowEncodedSlashes.
 * Manual: https://httpd.apache.org/docs/2.4/mod/core.html#allowencodedslashes
 */
import type { EncodedSlashes } from '../modules/core/settings.js'

export interface PathRules {
  readonly encodedSlashes: EncodedSlashes
  readonly mergeSlashes: boolean
}

/** The path, or the status that refuses it: 400 for what no path may be, 404 for what no file could be called. */
export type NormalizedPath = string | 400 | 404

/** @param raw the path part of the target as sent: without query, beginning with `/`. */
export function normalizePath(raw: string, rules: PathRules): NormalizedPath {
  const encoded = raw.includes('%')
  if (!encoded && !raw.includes('/.') && !raw.includes('//')) return raw
  if (!encoded) return resolveDots(raw, rules.mergeSlashes, true) ?? 400

  const unreserved = decodeUnreserved(raw)
  if (unreserved === undefined) return 400
  const resolved = resolveDots(unreserved, rules.mergeSlashes, true)
  if (resolved === undefined) return 400
  const decoded = decodeRest(resolved, rules.encodedSlashes)
  if (typeof decoded !== 'string' || rules.encodedSlashes !== 'On' || !/%2f/i.test(resolved)) return decoded
  // Slashes that came out of %2F may have made new `..` components; those stop at the root.
  return resolveDots(decoded, rules.mergeSlashes, false) ?? 400
}

const UNRESERVED = /[A-Za-z0-9\-._~]/

/** Decodes what may be written either way; undefined where `%` is not followed by two hexadecimal digits. */
function decodeUnreserved(path: string): string | undefined {
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return undefined
  return path.replace(/%[0-9A-Fa-f]{2}/g, (code) => {
    const char = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return UNRESERVED.test(char) ? char : code
  })
}

/** Decodes everything else, but `%2F` only with `On`. */
function decodeRest(path: string, slashes: EncodedSlashes): NormalizedPath {
  if (slashes === 'Off' && /%2f/i.test(path)) return 404
  if (path.includes('%00')) return 404
  const code = slashes === 'NoDecode' ? /%(?!2[fF])[0-9A-Fa-f]{2}/g : /%[0-9A-Fa-f]{2}/g
  return path.replace(code, (text) => String.fromCharCode(Number.parseInt(text.slice(1), 16)))
}

/** Takes out `.` and `..` components and, where asked, empty ones; those at the beginning always. undefined: `..` above the root where that is not allowed. */
function resolveDots(path: string, mergeSlashes: boolean, strict: boolean): string | undefined {
  const kept: string[] = []
  const parts = path.split('/')
  const last = parts.length - 1
  for (let at = 1; at <= last; at++) {
    const part = parts[at] as string
    if (part === '.' || part === '..') {
      if (part === '..') {
        if (kept.length === 0 && strict) return undefined
        kept.pop()
      }
      if (at === last) kept.push('')
    } else if (part !== '' || at === last || (!mergeSlashes && kept.length > 0)) kept.push(part)
  }
  return `/${kept.join('/')}`
}

/** Path and query of an origin-form target; the query without its `?`, undefined where there is none. */
export function splitQuery(target: string): { path: string; query: string | undefined } {
  const mark = target.indexOf('?')
  return mark < 0
    ? { path: target, query: undefined }
    : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

/** Resolves a link such as `a/b`, `../x` or `/x` against a URL path; both escaped. */
export function resolveLink(base: string, link: string): string {
  return link.startsWith('/') ? link : base.slice(0, base.lastIndexOf('/') + 1) + link
}
