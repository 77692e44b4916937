/**
 * Which `WSGIScriptAlias` a URL path belongs to, and the file name that follows from it. Pure.
 * The first alias in the list that matches wins, not the longest (mod_wsgi tries them in the order of the file).
 */
import type { ScriptAlias } from '../modules/wsgi/settings.js'

export interface AliasMatch {
  readonly alias: ScriptAlias
  /** The script, and after it whatever of the path the alias did not take: the directory walk splits the two. */
  readonly filename: string
}

export function matchAlias(aliases: readonly ScriptAlias[], path: string): AliasMatch | undefined {
  for (const alias of aliases) {
    const filename = alias.url === undefined ? matchPattern(alias, path) : matchUrl(alias, alias.url, path)
    if (filename !== undefined) return { alias, filename }
  }
  return undefined
}

function matchUrl(alias: ScriptAlias, url: string, path: string): string | undefined {
  // The root takes everything and keeps the slash that separates script and path info.
  if (url === '/') return path.startsWith('/') ? alias.script + path : undefined
  const end = matchPrefix(url, path)
  return end === 0 ? undefined : alias.script + path.slice(end)
}

/**
 * Length of the part of `path` that the prefix `url` takes, 0 where it does not match. A run of slashes in one matches a run in the
 * other; unless `url` ends in a slash, the match must end at a slash or at the end of the path.
 */
export function matchPrefix(url: string, path: string): number {
  if (path.startsWith(url)) {
    const next = path.length === url.length || url.endsWith('/') || path[url.length] === '/'
    if (next) return skipSlashes(url, url.length, path, url.length)
  }
  if (!url.includes('//') && !path.includes('//')) return 0
  let at = 0
  let from = 0
  while (from < url.length) {
    if (url[from] === '/') {
      if (path[at] !== '/') return 0
      while (url[from] === '/') from++
      while (path[at] === '/') at++
    } else {
      if (url[from] !== path[at]) return 0
      from++
      at++
    }
  }
  if (!url.endsWith('/') && at < path.length && path[at] !== '/') return 0
  return at
}

/** A prefix that ends in a slash takes all slashes that stand there. */
function skipSlashes(url: string, from: number, path: string, at: number): number {
  if (url[from - 1] !== '/') return at
  let end = at
  while (path[end] === '/') end++
  return end
}

function matchPattern(alias: ScriptAlias, path: string): string | undefined {
  const found = alias.pattern?.exec(path)
  if (!found) return undefined
  const end = found.index + found[0].length
  if (end === 0) return undefined
  return substitute(alias.script, found) + path.slice(end)
}

/** `$0`…`$9` and `&` stand for what the pattern found; a backslash takes their meaning away. */
export function substitute(template: string, found: RegExpMatchArray): string {
  return template.replace(
    /\\([$&\\])|\$(\d)|&/g,
    (_, escaped: string | undefined, digit: string | undefined) => {
      if (escaped !== undefined) return escaped
      return (digit === undefined ? found[0] : found[Number(digit)]) ?? ''
    },
  )
}
