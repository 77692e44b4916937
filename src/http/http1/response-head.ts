/**
 * The header of a response as text. Every name and value is looked at, so that no response can be split in two.
 * Rules: RFC 9112 section 4; RFC 9110 section 5.5.
 */

import { FREQUENT_NAMES } from '../field-names.js'
import { dateNow } from '../http-date.js'
import { HeaderFault, isBadLength, type ResponseHead } from '../message.js'

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/
const LINE = /^[\t\x20-\x7e\x80-\xff]*\r\n$/

/** A line as it was made last. */
interface Line {
  readonly value: string
  readonly text: string
}

/**
 * Of each frequent name, the line that it came in last: most values come again and again, and need neither be looked at nor put together anew. What has been looked
 * at is one flat text, too, where a header put together from its parts is copied part by part when it is written: together 4 % of a hello world.
 */
const lines = new Map<string, Line>(
  FREQUENT_NAMES.map((name) => [name, { value: '0', text: `${name}: 0\r\n` }]),
)
/** Longer ones are not kept. */
const KEPT_MAX_BYTES = 256

/** @throws {@link HeaderFault} */
function lineOf(name: string, value: string): string {
  const last = lines.get(name)
  if (last !== undefined && last.value === value) return last.text
  if (last === undefined && !NAME.test(name))
    throw new HeaderFault(`a name that no field can have: ${JSON.stringify(name)}`)
  const text = `${name}: ${value}\r\n`
  // the test makes one flat text of it, too
  if (!LINE.test(text) || isBadLength(name, value))
    throw new HeaderFault(`a value that no field can have: ${JSON.stringify(value)} of ${name}`)
  if (last !== undefined && text.length <= KEPT_MAX_BYTES) lines.set(name, { value, text })
  return text
}

/** The status line and `Date`, which are the same for a second. */
let first = { status: 0, reason: '', version: '', date: '', text: '' }

/** @throws {@link HeaderFault} */
function firstLines(status: number, reason: string, version: string): string {
  const date = dateNow()
  if (first.status === status && first.date === date && first.reason === reason && first.version === version)
    return first.text
  if (!(status >= 100 && status <= 999) || NO_VALUE.test(reason))
    throw new HeaderFault(`status ${status} ${reason}`)
  const text = `HTTP/${version} ${status} ${reason}\r\nDate: ${date}\r\n`
  first = { status, reason, version, date, text }
  return text
}

/**
 * The header without its last, empty line.
 * @throws {@link HeaderFault}
 */
export function headText({ status, reason, fields, version = '1.1' }: ResponseHead): string {
  let text = firstLines(status, reason, version)
  for (let at = 0; at < fields.length; at += 2) text += lineOf(fields[at] as string, fields[at + 1] as string)
  return text
}

/** Fields after a chunked body. @throws {@link HeaderFault} */
export function trailerText(fields: readonly string[]): string {
  let text = ''
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    const value = fields[at + 1] as string
    if (!NAME.test(name) || NO_VALUE.test(value)) throw new HeaderFault(`trailer ${JSON.stringify(name)}`)
    text += `${name}: ${value}\r\n`
  }
  return text
}
