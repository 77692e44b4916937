/** The few calls of the C library that the logs need: pipes for log programs, datagrams for syslog, sockets that are standard streams. */
import { close, errorText, lastError, native } from '../system/libc.js'

export interface Libc {
  /** Fills the two descriptors: read end, write end. 0, or -1. */
  pipe(fds: number[]): number
  fcntl(fd: number, command: number, kind: 'int', value: number): number
  close(fd: number): number
  socket(domain: number, type: number, protocol: number): number
  sendto(
    fd: number,
    data: Buffer,
    length: number,
    flags: number,
    address: Buffer | null,
    addressLength: number,
  ): number
  /** `errno` of the last call. */
  errno(): number
}

const calls: Libc = {
  pipe: native('int pipe(_Out_ int *fds)'),
  fcntl: native('int fcntl(int, int, ...)'),
  close,
  socket: native('int socket(int, int, int)'),
  sendto: native('long sendto(int, const void *, size_t, int, const void *, uint32_t)'),
  errno: lastError,
}

const DARWIN = process.platform === 'darwin'
const MSG_DONTWAIT = DARWIN ? 0x80 : 0x40
const MSG_NOSIGNAL = DARWIN ? 0 : 0x4000
/** Flags of `sendto`: it neither waits nor ends this process. */
export const AT_ONCE = MSG_DONTWAIT | MSG_NOSIGNAL

export function libc(): Libc {
  return calls
}

/** `(13)Permission denied`: how httpd names a system error in front of a message. Empty where there is no number. */
export function describeSystemError(error: { errno?: number | undefined }): string {
  if (!error.errno) return ''
  const number = Math.abs(error.errno)
  return `(${number})${errorText(number)}`
}
