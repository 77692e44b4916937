/**
 * Nonces that say themselves when they were made and by whom: nothing has to be kept about them. Pure.
 */
import { createHmac } from 'node:crypto'
import { sameText } from '../auth-basic/same-text.js'

/** 8 bytes of time in base64, then 40 hexadecimal digits that vouch for it. */
const TIME_LENGTH = 12
const PROOF_LENGTH = 40
export const NONCE_LENGTH = TIME_LENGTH + PROOF_LENGTH

/** @param secret known to all server workers, and to nobody else */
export function makeNonce(secret: Uint8Array, realm: string, now: number): string {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(Math.floor(now)))
  const time = bytes.toString('base64')
  return time + proofOf(secret, realm, time)
}

/** When the nonce was made, in milliseconds since the epoch; undefined where it was not made here, or for another realm. */
export function timeOfNonce(nonce: string, secret: Uint8Array, realm: string): number | undefined {
  if (nonce.length !== NONCE_LENGTH) return undefined
  const time = nonce.slice(0, TIME_LENGTH)
  if (!sameText(nonce.slice(TIME_LENGTH), proofOf(secret, realm, time))) return undefined
  return Number(Buffer.from(time, 'base64').readBigUInt64BE())
}

function proofOf(secret: Uint8Array, realm: string, time: string): string {
  return createHmac('sha256', secret)
    .update(`${time}:${realm}`, 'latin1')
    .digest('hex')
    .slice(0, PROOF_LENGTH)
}
