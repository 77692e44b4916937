/**
 * The `CO` flag: `name:value:domain[:minutes[:path[:secure[:httponly[:samesite]]]]]`, with `;` between the parts where it begins with one. Pure.
 */

const isSet = (word: string | undefined, name: string): boolean =>
  word !== undefined && ['true', '1', name].includes(word.toLowerCase())

/** The value of `Set-Cookie`, or undefined where name, value or domain is missing. @param now milliseconds since the epoch */
export function cookieHeader(text: string, now: number): string | undefined {
  const separator = text.startsWith(';') ? ';' : ':'
  const parts = (separator === ';' ? text.slice(1) : text).split(separator)
  const [name, value, domain, minutes, path, secure, httpOnly, sameSite] = parts
  if (!name || value === undefined || !domain) return undefined
  let cookie = `${name}=${value}; path=${path || '/'}; domain=${domain}`
  const lifetime = Number.parseInt(minutes ?? '', 10)
  if (lifetime) cookie += `; expires=${expiry(now + lifetime * 60_000)}`
  if (isSet(secure, 'secure')) cookie += '; secure'
  if (isSet(httpOnly, 'httponly')) cookie += '; HttpOnly'
  if (sameSite && !['0', 'false'].includes(sameSite.toLowerCase())) cookie += `; SameSite=${sameSite}`
  // one line, whatever a group has found
  return cookie.replace(/[\x00-\x1f\x7f]/g, '')
}

/** `Sun, 22-Nov-2026 09:22:23 GMT`. */
function expiry(time: number): string {
  return new Date(time).toUTCString().replace(/ (\w{3}) (\d{4}) /, '-$1-$2 ')
}
