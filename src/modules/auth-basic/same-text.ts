import { timingSafeEqual } from 'node:crypto'

/**
 * Whether two texts of one-byte characters are equal, in a time that does not tell how much of them is. Their length is no secret.
 */
export function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, 'latin1'), Buffer.from(other, 'latin1')]
  return a.length === b.length && timingSafeEqual(a, b)
}
