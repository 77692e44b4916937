/**
 * Formats whose lines are JSON: one that as a whole is written as an object, `{ … }`, has its values escaped as JSON wants them, not as httpd does
 * (`\xff` and `\v` are none of JSON's, and the message of an error record has bare quotes), so that every line can be parsed.
 */

export function isJsonFormat(format: string): boolean {
  return /^\s*\{.*\}\s*$/s.test(format)
}

/** Anything that is not to stand in a JSON string as it is, and httpd's escapes as a whole. */
const UNSAFE = /["\\]|[^ -~]/
const UNSAFE_PARTS = /"|\\(?:x([0-9a-f]{2})|(v)|["\\bnrt])?|[^ -~]/g

/** @param text a value as httpd prints it, escaped already. */
export function jsonText(text: string): string {
  return UNSAFE.test(text) ? text.replace(UNSAFE_PARTS, jsonPart) : text
}

function jsonPart(part: string, hex: string | undefined, tab: string | undefined): string {
  if (hex !== undefined) return `\\u00${hex}`
  if (tab !== undefined) return '\\u000b'
  if (part === '"' || part === '\\') return `\\${part}`
  return part.length > 1 && part.startsWith('\\') ? part : unicode(part)
}

function unicode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** As much of the inside of a JSON string as `most` characters can hold, without half an escape at its end. */
export function cutJsonText(text: string, most: number): string {
  if (text.length <= most) return text
  const kept = text.slice(0, Math.max(0, most))
  const tail = /(?:^|[^\\])(?:\\\\)*(\\(?:u[0-9a-f]{0,3})?)$/.exec(kept)?.[1] ?? ''
  return kept.slice(0, kept.length - tail.length)
}
