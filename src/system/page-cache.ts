/** Asks whether the kernel has a byte of a file in memory, by `preadv2(2)` with `RWF_NOWAIT`. */
import { foreign, native } from './libc.js'

const preadv2 = native<[fd: number, vector: Buffer, count: number, position: number, flags: number]>(
  'long preadv2(int, const uint8_t *, int, long, int)',
)

const RWF_NOWAIT = 8
/** Bytes of struct iovec. */
const IOVEC = 16

/** A vector of one byte; outside of V8's heap, since it names an address. */
let vector: Buffer | undefined

function prepared(): Buffer {
  if (vector !== undefined) return vector
  const koffi = foreign()
  const allocated = koffi.alloc('uint8_t', IOVEC + 8)
  vector = Buffer.from(koffi.view(allocated, IOVEC + 8))
  vector.writeBigUInt64LE(koffi.address(allocated) + BigInt(IOVEC), 0)
  vector.writeBigUInt64LE(1n, 8)
  return vector
}

/** Linux has it; musl since 1.2.5. */
let isThere = process.platform === 'linux'

/** Whether reading that byte of a file waits for no disk. False also where the file ends before it, and where nothing tells. */
export function isInMemory(file: number, position: number): boolean {
  if (!isThere) return false
  try {
    return preadv2(file, prepared(), 1, position, RWF_NOWAIT) === 1
  } catch {
    isThere = false
    return false
  }
}
