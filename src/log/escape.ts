/**
 * Escaping for the logs: what a client or an application sends can neither end a line nor reach a terminal as a control sequence.
 * `\b \n \r \t \v \\` by name, everything else outside of printable ASCII as `\xhh`, as httpd's `ap_escape_logitem` does.
 */

const NAMED: Readonly<Record<number, string>> = {
  8: '\\b',
  9: '\\t',
  10: '\\n',
  11: '\\v',
  13: '\\r',
  34: '\\"',
  92: '\\\\',
}
/** Anything but printable ASCII, `"` and `\`. */
const UNSAFE_ITEM = /[^ !#-[\]-~]/
const UNSAFE_MESSAGE = /[^ -[\]-~]/

/** For the access log and for header fields in the error log: `"` is escaped too, so that quoted fields stay whole. */
export function escapeItem(text: string): string {
  return UNSAFE_ITEM.test(text) ? escapeAll(text, true) : text
}

/**
 * As {@link escapeItem}, for fields that come again and again (`User-Agent`, `Referer`): comparing with a text seen before is many times faster than
 * looking at each character. What is remembered is bounded in number and in length.
 */
export function escapeRecurring(text: string): string {
  const { length } = text
  if (length < SHORT || length > LONG) return escapeItem(text)
  const slot = (length * 31 + text.charCodeAt(length >> 1) * 7 + text.charCodeAt(length - 2)) & (SLOTS - 1)
  if (seen[slot] === text) return escaped[slot] as string
  seen[slot] = text
  const result = escapeItem(text)
  escaped[slot] = result
  return result
}

const SLOTS = 256
const SHORT = 8
const LONG = 512
const seen = new Array<string>(SLOTS).fill('')
const escaped = new Array<string>(SLOTS).fill('')

/** For messages of the error log: `"` stays as it is. */
export function escapeMessage(text: string): string {
  return UNSAFE_MESSAGE.test(text) ? escapeAll(text, false) : text
}

function escapeAll(text: string, quotes: boolean): string {
  let escaped = ''
  for (const character of text) {
    const code = character.codePointAt(0) as number
    if (code === 34 && !quotes) escaped += character
    else if (code >= 0x20 && code <= 0x7e && code !== 34 && code !== 92) escaped += character
    else escaped += NAMED[code] ?? hex(character, code)
  }
  return escaped
}

/** Text is bytes as latin-1; whatever cannot be a byte is written as its UTF-8 bytes. */
function hex(character: string, code: number): string {
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`
  return Buffer.from(character, 'utf8').toString('hex').replace(/../g, '\\x$&')
}
