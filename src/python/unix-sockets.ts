/**
 * UNIX sockets as bare descriptors, which Node does not give: a listening one to hand to a child process, and pairs.
 * All are made close-on-exec, so that no other child gets them by accident; the list of a child's `stdio` undoes that.
 */
import { chmodSync, chownSync, lstatSync, unlinkSync } from 'node:fs'
import koffi from 'koffi'

const AF_UNIX = 1
const SOCK_STREAM = 1
const F_GETFD = 1
const F_SETFD = 2
const FD_CLOEXEC = 1
const isDarwin = process.platform === 'darwin'
/** Linux sets close-on-exec in the same call; elsewhere it takes a second one. */
const SOCK_CLOEXEC = isDarwin ? 0 : 0o2000000
/** sizeof(sun_path): 108 on Linux, 104 on macOS; one byte is the terminator. */
export const SOCKET_PATH_MAX_BYTES = (isDarwin ? 104 : 108) - 1

const libc = koffi.load(isDarwin ? 'libSystem.dylib' : 'libc.so.6')
const c = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, const uint8_t *address, uint32_t length)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  socketpair: libc.func('int socketpair(int domain, int type, int protocol, _Out_ int *fds)'),
  close: libc.func('int close(int fd)'),
  fcntl: libc.func('int fcntl(int fd, int command, ...)'),
  umask: libc.func('unsigned int umask(unsigned int mask)'),
}

/** A failed call to the C library, with its errno as text in the message. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError'
  readonly code: string
  constructor(call: string, detail: string, errno: number) {
    const code =
      Object.entries(koffi.os.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`
    super(`${call} ${detail}: ${code}`)
    this.code = code
  }
}

function checked(result: number, call: string, detail: string): number {
  if (result < 0) throw new SystemCallError(call, detail, koffi.errno())
  return result
}

export interface ListenOptions {
  /** Permission bits of the socket. Default 0700: only the owner connects. */
  readonly mode?: number
  readonly owner?: { readonly uid: number; readonly gid: number }
  /** Connections that may wait. Default 100 (`listen-backlog`). */
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
  const fd = checked(c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), 'socket', path)
  try {
    setCloseOnExec(fd, true)
    // The mask keeps others out from the first moment on; chmod then opens it as far as wanted.
    const mask = c.umask(0o077)
    try {
      const address = socketAddress(name)
      checked(c.bind(fd, address, address.length), 'bind', path)
    } finally {
      c.umask(mask)
    }
    if (options.owner !== undefined) chownSync(path, options.owner.uid, options.owner.gid)
    chmodSync(path, options.mode ?? 0o700)
    checked(c.listen(fd, options.backlog ?? 100), 'listen', path)
    return fd
  } catch (error) {
    closeFd(fd)
    throw error
  }
}

/** struct sockaddr_un; the BSDs put the length first and the family into one byte. */
function socketAddress(name: Buffer): Buffer {
  const address = Buffer.alloc(2 + name.length + 1)
  if (isDarwin) {
    address[0] = address.length
    address[1] = AF_UNIX
  } else address.writeUInt16LE(AF_UNIX, 0)
  name.copy(address, 2)
  return address
}

/**
 * A connected pair of stream sockets.
 * @throws {SystemCallError}
 */
export function socketPair(): [number, number] {
  const fds: [number, number] = [-1, -1]
  checked(c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 'socketpair', '')
  for (const fd of fds) setCloseOnExec(fd, true)
  return fds
}

/** Whether a descriptor vanishes when this process executes another program. @throws {SystemCallError} */
export function setCloseOnExec(fd: number, on: boolean): void {
  const flags = checked(c.fcntl(fd, F_GETFD), 'fcntl', `descriptor ${fd}`)
  const wanted = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC
  if (wanted !== flags) checked(c.fcntl(fd, F_SETFD, 'int', wanted), 'fcntl', `descriptor ${fd}`)
}

/** Closes a descriptor. Errors are of no interest: it is gone either way. */
export function closeFd(fd: number): void {
  c.close(fd)
}
