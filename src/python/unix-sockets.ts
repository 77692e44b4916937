/**
 * UNIX sockets as bare descriptors, which Node does not give: a listening one to hand to a child process, and pairs.
 * All are made close-on-exec, so that no other child gets them by accident; the list of a child's `stdio` undoes that.
 */
import { chmodSync, chownSync, lstatSync, unlinkSync } from 'node:fs'
import { close, lastError, native, SystemCallError, setCloseOnExec } from '../system/libc.js'
import { AF_UNIX, unixAddress } from '../system/unix-address.js'

const SOCK_STREAM = 1
const isDarwin = process.platform === 'darwin'
/** Linux sets close-on-exec in the same call; elsewhere it takes a second one. */
const SOCK_CLOEXEC = isDarwin ? 0 : 0o2000000
/** sizeof(sun_path): 108 on Linux, 104 on macOS; one byte is the terminator. */
export const SOCKET_PATH_MAX_BYTES = (isDarwin ? 104 : 108) - 1

const socket = native<[domain: number, type: number, protocol: number]>('int socket(int, int, int)')
const bind = native<[fd: number, address: Buffer, length: number]>('int bind(int, const uint8_t *, uint32_t)')
const listen = native<[fd: number, backlog: number]>('int listen(int, int)')
const socketpair = native<[domain: number, type: number, protocol: number, fds: number[]]>(
  'int socketpair(int, int, int, _Out_ int *fds)',
)
const umask = native<[mask: number]>('unsigned int umask(unsigned int)')

function checked(result: number, call: string, detail: string): number {
  if (result < 0) throw new SystemCallError(call, lastError(), detail)
  return result
}

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
  const fd = checked(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket', path)
  try {
    setCloseOnExec(fd, true)
    // The mask keeps others out from the first moment on; chmod then opens it as far as wanted.
    const mask = umask(0o077)
    try {
      const address = unixAddress(name)
      checked(bind(fd, address, address.length), 'bind', path)
    } finally {
      umask(mask)
    }
    if (options.owner !== undefined) chownSync(path, options.owner.uid, options.owner.gid)
    chmodSync(path, options.mode ?? 0o700)
    checked(listen(fd, options.backlog ?? BACKLOG_MAX), 'listen', path)
    return fd
  } catch (error) {
    closeFd(fd)
    throw error
  }
}

/**
 * A connected pair of stream sockets.
 * @throws {SystemCallError}
 */
export function socketPair(): [number, number] {
  const fds: [number, number] = [-1, -1]
  checked(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 'socketpair', '')
  for (const fd of fds) setCloseOnExec(fd, true)
  return fds
}

/** Closes a descriptor. Errors are of no interest: it is gone either way. */
export function closeFd(fd: number): void {
  close(fd)
}
