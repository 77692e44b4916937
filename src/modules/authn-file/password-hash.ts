/**
 * Comparing a password with a stored hash, as APR's apr_password_validate does: `{SHA}`, `$apr1$`, and everything else as crypt(3) of the system
 * knows it (bcrypt, SHA-crypt, DES, yescrypt …). Plain text is never a match. Takes its time: only {@link isQuick} hashes may be compared on
 * the event loop.
 */
import { createHash } from 'node:crypto'
import { sameText } from '../auth-basic/same-text.js'
import { crypt } from './crypt.js'

/** `unsupported`: no function here computes hashes of this kind. */
export type Comparison = 'same' | 'different' | 'unsupported'

/**
 * No longer password is compared, in bytes: the time that some functions take grows with it, and libxcrypt has the same limit.
 */
export const PASSWORD_MAX_BYTES = 511

/** `$id$…` of the modular format, `_…` and 13 characters of DES. Anything else is plain text, most probably. */
const CRYPT = /^(?:\$|_[./0-9A-Za-z]{19}$|[./0-9A-Za-z]{13}$)/

const SHA = '{SHA}'
const APR1 = '$apr1$'

/** Whether a hash is computed in microseconds. */
export function isQuick(hash: string): boolean {
  return hash.startsWith(SHA)
}

/** @param password one character per byte, as is `hash` */
export function comparePassword(password: string, hash: string): Comparison {
  if (password.length > PASSWORD_MAX_BYTES || password.includes('\0') || hash === '') return 'different'
  const computed = computeHash(password, hash)
  if (computed === undefined) return 'unsupported'
  return sameText(computed, hash) ? 'same' : 'different'
}

function computeHash(password: string, hash: string): string | undefined {
  if (hash.startsWith(SHA)) return SHA + createHash('sha1').update(password, 'latin1').digest('base64')
  if (hash.startsWith(APR1)) return apr1(password, hash.slice(APR1.length).split('$', 1)[0] as string)
  return CRYPT.test(hash) ? crypt(password, hash) : undefined
}

const SALT_MAX = 8
const ROUNDS = 1000
const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** The bytes of the digest that go into one group of digits each, as the format orders them. */
const GROUPS = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
] as const

/** Apache's variant of MD5-crypt. */
export function apr1(password: string, salt: string): string {
  const secret = Buffer.from(password, 'latin1')
  const seed = Buffer.from(salt.slice(0, SALT_MAX), 'latin1')
  let digest = md5(secret, Buffer.from(APR1), seed, ...mixture(secret, md5(secret, seed, secret)))
  for (let round = 0; round < ROUNDS; round++) {
    const parts = [round & 1 ? secret : digest]
    if (round % 3) parts.push(seed)
    if (round % 7) parts.push(secret)
    parts.push(round & 1 ? digest : secret)
    digest = md5(...parts)
  }
  return `${APR1}${seed.toString('latin1')}$${digits(digest)}`
}

/** What the format adds to the first digest: as much of another digest as the password is long, then a byte for each bit of that length. */
function mixture(secret: Buffer, other: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let left = secret.length; left > 0; left -= 16) parts.push(other.subarray(0, Math.min(16, left)))
  for (let bits = secret.length; bits > 0; bits >>= 1) {
    parts.push(bits & 1 ? Buffer.alloc(1) : secret.subarray(0, 1))
  }
  return parts
}

function md5(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function digits(digest: Buffer): string {
  const byte = (at: number): number => digest[at] as number
  const groups = GROUPS.map(([a, b, c]) => base64((byte(a) << 16) | (byte(b) << 8) | byte(c), 4))
  return groups.join('') + base64(byte(11), 2)
}

/** Least significant digit first. */
function base64(value: number, count: number): string {
  return Array.from({ length: count }, (_, at) => DIGITS[(value >> (6 * at)) & 63]).join('')
}
