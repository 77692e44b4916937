/**
 * The `Date` field's value, made once a second.
 * Rules: RFC 9110 section 5.6.7.
 */
let second = 0
let text = ''

/** The current time as `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function dateNow(): string {
  const now = Date.now()
  const current = now - (now % 1000)
  if (current !== second) {
    second = current
    text = new Date(current).toUTCString()
  }
  return text
}
