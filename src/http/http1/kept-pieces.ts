/**
 * Copies of what was read into the shared buffer (shared-reads.ts), for bodies. Who has done with one may give it back; the others are the
 * collector's. Large uploads would otherwise keep it busy with 64 KiB for every read.
 */

const PIECE_BYTES = 64 * 1024
/** Smaller pieces are copied into memory of their own size: what waits for a reader is bounded by its bytes, and may hold twice as much at most. */
const POOLED_MIN_BYTES = PIECE_BYTES / 2
/** Free ones that are kept for all connections together. */
const FREE_MAX = 32

const free: Buffer[] = []
const wholes = new WeakMap<ArrayBufferLike, Buffer>()

/** A copy that may be kept. */
export function keepPiece(bytes: Buffer): Buffer {
  if (bytes.length < POOLED_MIN_BYTES || bytes.length > PIECE_BYTES) {
    // not from Node's own pool, whose slabs may be much larger
    const copy = Buffer.allocUnsafeSlow(bytes.length)
    bytes.copy(copy)
    return copy
  }
  let whole = free.pop()
  if (whole === undefined) {
    whole = Buffer.allocUnsafeSlow(PIECE_BYTES)
    wholes.set(whole.buffer, whole)
  }
  bytes.copy(whole)
  return whole.subarray(0, bytes.length)
}

/** Nobody needs the piece any more. No effect on what does not come from {@link keepPiece}. */
export function giveBackPiece(piece: Buffer): void {
  const whole = wholes.get(piece.buffer)
  if (whole !== undefined && free.length < FREE_MAX) free.push(whole)
}
