/**
 * Escaping of URL paths that this server puts into `Location` and into links. Pure.
 */

/** What httpd leaves alone when it escapes a path (its T_OS_ESCAPE_PATH class), slashes included. */
const PLAIN_PATH = /^[A-Za-z0-9$\-_.+!*'(),:;@&=/~]*$/

const ESCAPES = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  return PLAIN_PATH.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
})

/**
 * A decoded path as it is written in a URL. Characters above U+00FF, which no decoded path has, are written as UTF-8.
 * @param path one character per byte.
 */
export function escapePath(path: string): string {
  if (PLAIN_PATH.test(path)) return path
  let escaped = ''
  for (const character of path) {
    const code = character.codePointAt(0) as number
    escaped += code < 256 ? ESCAPES[code] : encodeURIComponent(character)
  }
  return escaped
}

/**
 * Escapes the path of a redirection target. Its query and fragment stay as they are, but for what cannot stand in a header: a pattern may have
 * put decoded characters of the request's path there.
 */
export function escapeTarget(url: string): string {
  const end = url.search(/[?#]/)
  if (end < 0) return escapePath(url)
  const rest = url
    .slice(end)
    .replace(/[^\x21-\x7e]/g, (character) => ESCAPES[character.charCodeAt(0)] ?? character)
  return escapePath(url.slice(0, end)) + rest
}

/** Whether a text starts with a scheme and a colon, as httpd's ap_is_url asks. */
export function isUrl(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(text)
}
