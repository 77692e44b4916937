/**
 * Which files an `Include` names: wildcards in every component, directories with all that is in them, in the order of their bytes.
 * @see https://httpd.apache.org/docs/2.4/mod/core.html#include
 */
import { FaultHere } from './errors.js'
import type { ConfigFiles } from './files.js'
import { fnmatch, hasWildcards } from './fnmatch.js'

/** How deep directories are followed below an included one. */
const MAX_DIRECTORY_DEPTH = 128

/**
 * The files for an absolute path or pattern. A file that is missing is named all the same, unless `optional`: opening it tells why.
 * Throws {@link FaultHere} with httpd's message.
 */
export function includedFiles(pattern: string, optional: boolean, files: ConfigFiles): string[] {
  const found: string[] = []
  matchComponents(
    '/',
    pattern.split('/').filter((part) => part !== ''),
    optional,
    files,
    found,
  )
  return found
}

function matchComponents(
  base: string,
  components: readonly string[],
  optional: boolean,
  files: ConfigFiles,
  found: string[],
): void {
  const [component, ...rest] = components
  if (component === undefined) {
    addAll(base, 0, optional, files, found)
    return
  }
  if (!hasWildcards(component)) {
    matchComponents(join(base, component), rest, optional, files, found)
    return
  }
  let names: string[]
  try {
    names = files.list(base)
  } catch (error) {
    if (optional) return
    throw new FaultHere(
      `Include/IncludeOptional: Could not open directory ${base}: ${(error as Error).message}`,
    )
  }
  const wanted = fnmatch(component)
  const matches = names
    // a leading period must be written out
    .filter((name) => wanted.test(name) && (!name.startsWith('.') || component.startsWith('.')))
    .filter((name) => rest.length === 0 || files.isDirectory(join(base, name)))
    .sort(byBytes)
  if (matches.length === 0 && !optional)
    throw new FaultHere(
      `Include/IncludeOptional: No matches for the wildcard '${component}' in '${base}', failing`,
    )
  for (const name of matches) matchComponents(join(base, name), rest, optional, files, found)
}

function addAll(path: string, depth: number, optional: boolean, files: ConfigFiles, found: string[]): void {
  if (!files.isDirectory(path)) {
    if (!optional || files.exists(path)) found.push(path)
    return
  }
  if (depth >= MAX_DIRECTORY_DEPTH)
    throw new FaultHere(
      `Directory ${path} exceeds the maximum include directory nesting level of ${MAX_DIRECTORY_DEPTH}. You have probably a recursion somewhere.`,
    )
  let names: string[]
  try {
    names = files.list(path)
  } catch (error) {
    throw new FaultHere(`Could not open config directory ${path}: ${(error as Error).message}`)
  }
  for (const name of names.sort(byBytes)) addAll(join(path, name), depth + 1, optional, files, found)
}

function join(base: string, name: string): string {
  return base.endsWith('/') ? base + name : `${base}/${name}`
}

// names are latin-1 text, so the order of their characters is the order of their bytes
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
