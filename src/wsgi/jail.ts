/**
 * File names on both sides of a changed root directory (`chroot=`): configuration and URL mapping use the outer names, applications see the inner ones.
 * Release 3.0, feature 4. Pure.
 */

/** A file's name as seen inside the jail; undefined where the file lies outside. */
export function insideJail(path: string, jail: string): string | undefined {
  if (jail === '/') return path
  return path.startsWith(`${jail}/`) ? path.slice(jail.length) : undefined
}

/** `DOCUMENT_ROOT` in the jail, which mod_wsgi compares as text alone; undefined: the key is left out. */
export function documentRootInside(path: string, jail: string): string | undefined {
  if (jail === '/') return path
  return path.startsWith(jail) ? path.slice(jail.length) || '/' : undefined
}
