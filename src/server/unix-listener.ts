/**
 * Listening UNIX sockets for daemon processes: made here, inherited by the process, reached by server workers alone.
 */
import { chownSync, closeSync, rmSync } from 'node:fs'
import { unixAddress } from './addresses.js'
import { bind, C, listen, streamSocket } from './libc.js'

/**
 * Makes a socket file (mode 0600) and listens on it.
 *
 * @param owner whose processes may connect, besides root; undefined: this process's user
 * @returns the descriptor, closed on exec
 * @throws RangeError for a path that is too long, SystemCallError where it cannot be made
 */
export function listenOnPath(
  path: string,
  backlog: number,
  owner?: { readonly uid: number; readonly gid: number },
): number {
  const address = unixAddress(path)
  const fd = streamSocket(C.AF_UNIX)
  // The file's mode must be right from the start; nothing else can create files in between, as this is synchronous.
  const mask = process.umask(0o177)
  try {
    rmSync(path, { force: true })
    bind(fd, address, address.length)
    if (owner !== undefined) chownSync(path, owner.uid, owner.gid)
    listen(fd, backlog)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  } finally {
    process.umask(mask)
  }
}
