/**
 * UNIX sockets as bare descriptors, which Node does not give: a listening one to hand to a child process, and pairs.
 * All are made close-on-exec, so that no other child gets them by accident; the list of a child's `stdio` undoes that.
 */
import { chmodSync, chownSync, lstatSync, unlinkSync } from 'node:fs'
import { close, native, SystemCallError } from '../system/libc.js'
import { bind, C, listen, openSocket, openSocketPair } from '../system/sockets.js'
import { AF_UNIX, unixAddress } from '../system/unix-address.js'

/** sizeof(sun_path): 108 on Linux, 104 on macOS; one byte is the terminator. */
export const SOCKET_PATH_MAX_BYTES = (process.platform === 'darwin' ? 104 : 108) - 1

const umask = native<[mask: number]>('unsigned int umask(unsigned int)')

/** The kernel takes its own limit where that is lower. */
const BACKLOG_MAX = 4096

export interface ListenOptions {
  /** Permission bits of the socket. Default 0700: only the owner connects. */
  readonly mode?: number
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Connections that may wait. Default: as many as the system lets. */
  readonly backlog?: number
}

/**
 * Creates a listening UNIX socket and returns its descriptor; a stale socket of that name is removed.
 * @throws {SystemCallError} or the file system's error
 */
export function listenUnix(path: string, options: ListenOptions = {}): number {
  const name = Buffer.from(path)
  if (name.length > SOCKET_PATH_MAX_BYTES) {
    throw new RangeError(`socket path is longer than ${SOCKET_PATH_MAX_BYTES} bytes: ${path}`)
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) unlinkSync(path)
  const fd = openSocket(AF_UNIX, C.SOCK_STREAM)
  try {
    // The mask keeps others out from the first moment on; chmod then opens it as far as wanted.
    const mask = umask(0o077)
    try {
      bind(fd, unixAddress(name))
    } finally {
      umask(mask)
    }
    if (options.owner !== undefined) chownSync(path, options.owner.uid, options.owner.gid)
    chmodSync(path, options.mode ?? 0o700)
    listen(fd, options.backlog ?? BACKLOG_MAX)
    return fd
  } catch (error) {
    closeFd(fd)
    throw error instanceof SystemCallError ? new SystemCallError(error.call, error.errno, path) : error
  }
}

/**
 * A connected pair of stream sockets.
 * @throws {SystemCallError}
 */
export function socketPair(): [number, number] {
  return openSocketPair(AF_UNIX, C.SOCK_STREAM)
}

/** Closes a descriptor. Errors are of no interest: it is gone either way. */
export function closeFd(fd: number): void {
  close(fd)
}
