/**
 * Shell-style wildcards, as `Include`, `<Directory>`, `<Files>`, `<Location>` and `ServerAlias`-like directives use them, made into regular
 * expressions once when the configuration is read. The rules are those of APR's `apr_fnmatch`:
 *
 * - `*` any run of characters, `?` any one character, `[a-z]`, `[!a-z]` or `[^a-z]` one character of a set;
 * - `\x` is `x` itself, inside sets too;
 * - a set ends at its first `]`, so an empty `[]` matches nothing; a `[` that no `]` closes is an ordinary character;
 * - with `pathname`, none of the wildcards matches `/`.
 *
 * @see https://apr.apache.org/docs/apr/1.7/group__apr__fnmatch.html
 */
import { CharSet, regexLiteral } from './charset.js'
import { makeRegExp } from './match-limit.js'

export interface FnmatchOptions {
  /** `/` is matched by `/` alone. */
  readonly pathname?: boolean
  readonly ignoreCase?: boolean
}

/** A regular expression that matches exactly what the wildcard pattern matches, whole strings only. Never throws. */
export function fnmatch(pattern: string, options: FnmatchOptions = {}): RegExp {
  const { pathname = false, ignoreCase = false } = options
  const any = pathname ? '[^/]' : '[^]'
  let source = ''
  let at = 0
  while (at < pattern.length) {
    const char = pattern[at] as string
    if (char === '*') {
      while (pattern[at + 1] === '*') at++
      source += `${any}*`
    } else if (char === '?') {
      source += any
    } else if (char === '[') {
      const bracket = readBracket(pattern, at, pathname)
      if (bracket === undefined) source += '\\['
      else {
        const set = ignoreCase ? bracket.set.withBothCases() : bracket.set
        const chosen = bracket.negated ? set.inverted() : set
        if (pathname) chosen.remove(SLASH)
        source += chosen.toRegexSource()
        at = bracket.end
      }
    } else {
      if (char === '\\' && at + 1 < pattern.length) at++
      source += literal(pattern.charCodeAt(at), ignoreCase)
    }
    at++
  }
  return makeRegExp(`^${source}$`, '')
}

/** Whether a pattern has wildcards at all: httpd's `apr_fnmatch_test`. */
export function hasWildcards(pattern: string): boolean {
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at]
    if (char === '?' || char === '*') return true
    if (char === '\\') at++
    else if (char === '[' && pattern.indexOf(']', at + 1) >= 0) return true
  }
  return false
}

const SLASH = '/'.charCodeAt(0)

function literal(code: number, ignoreCase: boolean): string {
  const char = String.fromCharCode(code)
  return ignoreCase && /[A-Za-z]/.test(char)
    ? CharSet.of(char).withBothCases().toRegexSource()
    : regexLiteral(code)
}

interface Bracket {
  readonly set: CharSet
  readonly negated: boolean
  /** Where its `]` is. */
  readonly end: number
}

/** The set that starts at `[`, or undefined where nothing closes it. */
function readBracket(pattern: string, start: number, pathname: boolean): Bracket | undefined {
  let at = start + 1
  const negated = pattern[at] === '!' || pattern[at] === '^'
  if (negated) at++
  const set = new CharSet()
  while (at < pattern.length) {
    if (pattern[at] === ']') return { set, negated, end: at }
    if (pattern[at] === '\\') at++
    if (at >= pattern.length || (pathname && pattern[at] === '/')) return undefined
    const from = pattern.charCodeAt(at)
    if (pattern[at + 1] === '-' && pattern[at + 2] !== ']') {
      at += pattern[at + 2] === '\\' ? 3 : 2
      if (at >= pattern.length || (pathname && pattern[at] === '/')) return undefined
      set.addRange(from, pattern.charCodeAt(at))
    } else {
      set.add(from)
    }
    at++
  }
  return undefined
}
