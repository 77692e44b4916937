/**
 * What has been used once and must not be used again (a nonce, or a nonce with its count): a table in memory that server workers share, so that
 * a request which one of them has answered is not accepted by another.
 *
 * An entry is one 64-bit word: a fingerprint, and the second after which it may be forgotten. Words are set by compare-and-exchange, so no
 * worker can leave a lock behind. Where a place in the table is full, what would be forgotten next gives way.
 */
import { createHash } from 'node:crypto'

/** Words that one key may be in. */
const WAYS = 8

export const ENTRY_BYTES = 8

export class UsedTable {
  readonly #words: BigUint64Array

  /** @param memory zeroes at first, from `offset` on; {@link ENTRY_BYTES} for each entry */
  constructor(memory: ArrayBuffer, offset = 0) {
    this.#words = new BigUint64Array(memory, offset)
  }

  /**
   * Uses a key up.
   * @param until seconds since the epoch after which the key is refused for other reasons
   * @param now seconds since the epoch
   * @returns false where it has been used before. Two who claim it at the same moment may both be refused, never both be granted.
   */
  claim(key: string, until: number, now: number): boolean {
    const digest = createHash('sha256').update(key, 'latin1').digest()
    const fingerprint = digest.readUInt32LE(4)
    const first = this.#firstWord(digest.readUInt32LE(0))
    const word = (BigInt(fingerprint) << 32n) | BigInt(Math.min(Math.max(1, Math.ceil(until)), 0xffffffff))
    for (;;) {
      const place = this.#place(first, fingerprint, now)
      if (place === undefined) return false
      const before = Atomics.compareExchange(this.#words, place.at, place.word, word)
      if (before === place.word) return this.#isAlone(first, place.at, fingerprint, now)
    }
  }

  #firstWord(random: number): number {
    const buckets = Math.max(1, Math.floor(this.#words.length / WAYS))
    return (random % buckets) * WAYS
  }

  /** Where the fingerprint can go; undefined where it is there already. */
  #place(first: number, fingerprint: number, now: number): { at: number; word: bigint } | undefined {
    let best: { at: number; word: bigint; until: number } | undefined
    for (let at = first; at < Math.min(first + WAYS, this.#words.length); at++) {
      const word = Atomics.load(this.#words, at)
      const until = untilOf(word)
      if (until >= now && fingerprintOf(word) === fingerprint) return undefined
      if (best === undefined || until < best.until) best = { at, word, until }
    }
    return best
  }

  #isAlone(first: number, own: number, fingerprint: number, now: number): boolean {
    for (let at = first; at < Math.min(first + WAYS, this.#words.length); at++) {
      if (at === own) continue
      const word = Atomics.load(this.#words, at)
      if (untilOf(word) >= now && fingerprintOf(word) === fingerprint) return false
    }
    return true
  }
}

const untilOf = (word: bigint): number => Number(word & 0xffffffffn)
const fingerprintOf = (word: bigint): number => Number(word >> 32n)
