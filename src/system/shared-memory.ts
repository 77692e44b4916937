/** Files that several processes have in their memory. */
import { foreign, native } from './libc.js'

/** As `mmap` takes them, on Linux and macOS alike. */
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_FAILED = 0xffffffffffffffffn

const mmap = native<[null, number, number, number, number, number], bigint | null>(
  'void *mmap(void *, size_t, int, int, int, int64_t)',
)

/**
 * Maps the beginning of a file, which stays mapped for the life of the process. The descriptor may be closed.
 * @param size in bytes
 * @throws Error when the file cannot be mapped
 */
export function mapFile(fd: number, size: number): ArrayBuffer {
  const address = mmap(null, size, PROT_READ_WRITE, MAP_SHARED, fd, 0)
  if (address === null || BigInt(address) === MAP_FAILED)
    throw new Error('the file cannot be mapped into memory')
  return foreign().view(address, size)
}
