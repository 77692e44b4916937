/**
 * Reads small files whose names come from authors of `.htaccess` files or from clients: a FIFO would keep the reader waiting for good, a device
 * goes on without end, a huge file fills the memory. All of them are refused.
 */
import { closeSync, constants, fstatSync, openSync, type PathLike, readSync, type Stats } from 'node:fs'
import { open } from 'node:fs/promises'

/** For who opens such a file: a FIFO does not wait for its other end. */
export const READ_AT_ONCE = constants.O_RDONLY | constants.O_NONBLOCK

/** The bytes as latin-1 text. @throws where it is none that is read, and as `node:fs` */
export function readRegularFileSync(path: PathLike, maxBytes: number): string {
  const fd = openSync(path, READ_AT_ONCE)
  try {
    return readOpened(fd, maxBytes)
  } finally {
    closeSync(fd)
  }
}

/** As {@link readRegularFileSync}, of a file opened with {@link READ_AT_ONCE}. */
export function readOpened(fd: number, maxBytes: number): string {
  const bytes = Buffer.allocUnsafe(fitSize(fstatSync(fd), maxBytes))
  let filled = 0
  for (let count = -1; count !== 0 && filled < bytes.length; filled += count)
    count = readSync(fd, bytes, filled, bytes.length - filled, null)
  return bytes.toString('latin1', 0, filled)
}

/** As {@link readRegularFileSync}; the event loop goes on. */
export async function readRegularFile(path: PathLike, maxBytes: number): Promise<string> {
  const file = await open(path, READ_AT_ONCE)
  try {
    const bytes = Buffer.allocUnsafe(fitSize(await file.stat(), maxBytes))
    let filled = 0
    for (let count = -1; count !== 0 && filled < bytes.length; filled += count)
      count = (await file.read(bytes, filled, bytes.length - filled, null)).bytesRead
    return bytes.toString('latin1', 0, filled)
  } finally {
    await file.close()
  }
}

function fitSize(file: Stats, maxBytes: number): number {
  if (!file.isFile()) throw new Error('Not a regular file')
  if (file.size > maxBytes) throw new Error(`More than ${maxBytes} bytes`)
  return file.size
}
