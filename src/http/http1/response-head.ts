/**
 * The header of a response as text. Every name and value is looked at, so that no response can be split in two.
 * Rules: RFC 9112 section 4; RFC 9110 section 5.5.
 */
import { dateNow } from '../http-date.js'
import { HeaderFault, type ResponseHead } from '../message.js'

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/

/**
 * The header without its last, empty line.
 * @throws {@link HeaderFault}
 */
export function headText({ status, reason, fields, version = '1.1' }: ResponseHead): string {
  if (!(status >= 100 && status <= 999) || NO_VALUE.test(reason))
    throw new HeaderFault(`status ${status} ${reason}`)
  let text = `HTTP/${version} ${status} ${reason}\r\nDate: ${dateNow()}\r\n`
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    const value = fields[at + 1] as string
    if (!NAME.test(name)) throw new HeaderFault(`a name that no field can have: ${JSON.stringify(name)}`)
    if (NO_VALUE.test(value))
      throw new HeaderFault(`a value that no field can have: ${JSON.stringify(value)} of ${name}`)
    text += `${name}: ${value}\r\n`
  }
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
