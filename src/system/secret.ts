/** Random text that nobody can guess. By the C library: a start would spend longer on loading `node:crypto` than on the rest of what it needs this for. */
import { call } from './libc.js'

const getentropy = call<[bytes: Buffer, length: number]>('int getentropy(uint8_t *, size_t)')
const BYTES = 16

/** 128 bits, in hexadecimal digits. @throws SystemCallError */
export function makeSecret(): string {
  const bytes = Buffer.alloc(BYTES)
  getentropy(bytes, BYTES)
  return bytes.toString('hex')
}
