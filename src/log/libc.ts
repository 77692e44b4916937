/**
 * The few calls of the C library that the logs need and Node does not have. Loaded when first used, so that a server without pipes,
 * syslog and system errors never loads the foreign-function library.
 */
import { createRequire } from 'node:module'

type Koffi = typeof import('koffi')

export interface Libc {
  strerror(errno: number): string
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
    address: Buffer,
    addressLength: number,
  ): number
  /** `errno` of the last call. */
  errno(): number
}

let loaded: Libc | undefined

export function libc(): Libc {
  loaded ??= load()
  return loaded
}

function load(): Libc {
  // Required, not imported: an import would be asynchronous here and unconditional at the top of the file.
  const koffi = createRequire(import.meta.url)('koffi') as Koffi
  const library = koffi.load(process.platform === 'darwin' ? 'libSystem.B.dylib' : null)
  return {
    strerror: library.func('const char *strerror(int)'),
    pipe: library.func('int pipe(_Out_ int *fds)'),
    fcntl: library.func('int fcntl(int, int, ...)'),
    close: library.func('int close(int)'),
    socket: library.func('int socket(int, int, int)'),
    sendto: library.func('long sendto(int, const void *, size_t, int, const void *, uint32_t)'),
    errno: () => koffi.errno(),
  }
}

/** `(13)Permission denied`: how httpd names a system error in front of a message. Empty where there is no number. */
export function describeSystemError(error: { errno?: number | undefined }): string {
  if (!error.errno) return ''
  const number = Math.abs(error.errno)
  return `(${number})${libc().strerror(number)}`
}
