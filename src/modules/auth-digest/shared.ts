/**
 * What server workers share for digest authentication: a secret, and the table of what has been used. Both are in one file in the server's
 * private directory, which the first worker that needs it makes; it lasts over restarts, and so do the nonces that clients have.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, ftruncateSync, linkSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { mapFile } from '../../system/shared-memory.js'
import { ENTRY_BYTES, UsedTable } from './used.js'

const SECRET_BYTES = 32
/** Where the table begins; memory is mapped by pages. */
const HEAD_BYTES = 64

export interface DigestShared {
  readonly secret: Uint8Array
  readonly used: UsedTable
}

/** For a process on its own. */
export function unsharedState(bytes: number): DigestShared {
  return { secret: randomBytes(SECRET_BYTES), used: new UsedTable(new ArrayBuffer(tableBytes(bytes))) }
}

/**
 * The state that all workers with this directory share.
 * @param bytes size of the table, where the file is not there yet
 * @throws the file system's error, or one that says that the file cannot be mapped
 */
export function sharedState(directory: string, bytes: number): DigestShared {
  const fd = openOrMake(join(directory, 'digest'), HEAD_BYTES + tableBytes(bytes))
  try {
    const secret = Buffer.alloc(SECRET_BYTES)
    readSync(fd, secret, 0, SECRET_BYTES, 0)
    const { size } = fstatSync(fd)
    return { secret, used: new UsedTable(mapFile(fd, size), HEAD_BYTES) }
  } finally {
    closeSync(fd)
  }
}

function tableBytes(bytes: number): number {
  return Math.max(1, Math.floor(bytes / ENTRY_BYTES)) * ENTRY_BYTES
}

/** Complete when it gets its name: other workers do the same at the same time. */
function openOrMake(path: string, size: number): number {
  try {
    return openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const draft = `${path}.${process.pid}`
  rmSync(draft, { force: true })
  const fd = openSync(draft, 'wx+', 0o600)
  try {
    ftruncateSync(fd, size)
    writeSync(fd, randomBytes(SECRET_BYTES), 0, SECRET_BYTES, 0)
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    closeSync(fd)
    rmSync(draft, { force: true })
  }
  return openSync(path, 'r+')
}
