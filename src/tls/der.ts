/**
 * Reading DER, as far as certificates and stored TLS sessions need it. Pure.
 * Rules: ITU-T X.690.
 */

/** One value: its tag byte and where its contents stand. */
export interface DerValue {
  /** Class, form and number together: 0x30 is a SEQUENCE. */
  readonly tag: number
  readonly bytes: Buffer
  /** The whole encoding, tag and length included. */
  readonly whole: Buffer
}

/** The values of a constructed encoding in order. @throws RangeError where it is cut short or malformed */
export function derChildren(bytes: Buffer): DerValue[] {
  const values: DerValue[] = []
  let at = 0
  while (at < bytes.length) {
    const begin = at
    const tag = byteAt(bytes, at++)
    let length = byteAt(bytes, at++)
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count === 0 || count > 4) throw new RangeError('DER: length of an unknown form')
      length = 0
      for (let index = 0; index < count; index++) length = length * 256 + byteAt(bytes, at++)
    }
    if (at + length > bytes.length) throw new RangeError('DER: cut short')
    values.push({ tag, bytes: bytes.subarray(at, at + length), whole: bytes.subarray(begin, at + length) })
    at += length
  }
  return values
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw new RangeError('DER: cut short')
  return byte
}

/** An OBJECT IDENTIFIER in dots. */
export function objectIdentifier(bytes: Buffer): string {
  const parts: number[] = []
  let value = 0
  for (const byte of bytes) {
    value = value * 128 + (byte & 0x7f)
    if (byte & 0x80) continue
    if (parts.length === 0) {
      const first = Math.min(Math.floor(value / 40), 2)
      parts.push(first, value - first * 40)
    } else parts.push(value)
    value = 0
  }
  return parts.join('.')
}

/** Text of any of ASN.1's string types. */
export function derText({ tag, bytes }: DerValue): string {
  if (tag === 0x1e) return Buffer.from(bytes).swap16().toString('utf16le') // BMPString
  return bytes.toString(tag === 0x0c ? 'utf8' : 'latin1') // UTF8String, or one of the ASCII-like ones
}
