/**
 * Calls of the C library that Node does not offer, through koffi. The one place that loads it; it is loaded when the first call is made, so that
 * a process which needs none never does. What a part of the server calls is declared in that part, with the functions below.
 */
import { constants } from 'node:fs'
import { createRequire } from 'node:module'

type Koffi = typeof import('koffi')

let koffi: Koffi | undefined
let library: ReturnType<Koffi['load']> | undefined

/** The foreign-function library itself, for what goes beyond functions of libc. */
export function foreign(): Koffi {
  // Required, not imported: an import would load it with the file.
  koffi ??= createRequire(import.meta.url)('koffi') as Koffi
  return koffi
}

type Done<R> = (error: Error | null, result: R) => void

/** A function of the C library. `async` runs it on a thread of libuv's pool, where {@link lastError} does not see its `errno`. */
export interface Native<A extends unknown[], R> {
  (...args: A): R
  async(...args: [...A, Done<R>]): void
}

/** A function of the C library by its prototype. What fails is told by the result and {@link lastError}. */
export function native<A extends unknown[], R = number>(prototype: string): Native<A, R> {
  let bound: Native<A, R> | undefined
  const bind = (): Native<A, R> => {
    library ??= foreign().load(null)
    bound = library.func(prototype) as unknown as Native<A, R>
    return bound
  }
  return Object.assign((...args: A) => (bound ?? bind())(...args), {
    async: (...args: [...A, Done<R>]) => (bound ?? bind()).async(...args),
  })
}

/** A function that answers -1 when it fails; the wrapper throws {@link SystemCallError} then. */
export function call<A extends unknown[]>(prototype: string): (...args: A) => number {
  const name = /(\w+)\(/.exec(prototype)?.[1] as string
  const function_ = native<A>(prototype)
  return (...args) => {
    const result = function_(...args)
    if (result === -1) throw new SystemCallError(name, lastError())
    return result
  }
}

/** `errno` of the last call. */
export function lastError(): number {
  return foreign().errno()
}

const strerror = native<[errno: number], string>('str strerror(int)')

/** `Address already in use` for an `errno`. */
export function errorText(errno: number): string {
  return strerror(errno)
}

/** `(13)Permission denied`: how httpd names a system error in front of a message. Empty where there is no number. */
export function describeSystemError(error: { errno?: number | undefined }): string {
  if (!error.errno) return ''
  const number = Math.abs(error.errno)
  return `(${number})${errorText(number)}`
}

/** A call of the C library failed. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError'
  constructor(
    readonly call: string,
    readonly errno: number,
    /** What the call was about: a path, a descriptor. */
    detail = '',
  ) {
    super(`${call}${detail === '' ? '' : ` ${detail}`}: ${errorText(errno)}`)
  }

  /** `EADDRINUSE` and its kin. */
  get code(): string {
    const found = Object.entries(foreign().os.errno).find(([, number]) => number === this.errno)
    return found?.[0] ?? `errno ${this.errno}`
  }
}

export const close = native<[fd: number]>('int close(int)')
const getFlags = call<[fd: number, command: number]>('int fcntl(int, int)')
const setFlags = call<[fd: number, command: number, type: 'int', value: number]>('int fcntl(int, int, ...)')
const control = native<[fd: number, command: number, type: 'int', value: number]>('int fcntl(int, int, ...)')

const F_GETFD = 1
const F_GETFL = 3
const F_SETFL = 4
const F_SETFD = 2
const FD_CLOEXEC = 1
/** Linux. */
const F_DUPFD_CLOEXEC = 1030

/** Whether a descriptor is closed when the process becomes another program. @throws SystemCallError */
export function setCloseOnExec(fd: number, on: boolean): void {
  const flags = getFlags(fd, F_GETFD)
  const wanted = on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC
  if (wanted !== flags) setFlags(fd, F_SETFD, 'int', wanted)
}

/** Whether reads and writes of a descriptor wait, for all processes that share it. @throws SystemCallError */
export function setWaiting(fd: number, on: boolean): void {
  const flags = getFlags(fd, F_GETFL)
  const wanted = on ? flags & ~constants.O_NONBLOCK : flags | constants.O_NONBLOCK
  if (wanted !== flags) setFlags(fd, F_SETFL, 'int', wanted)
}

/** Linux: another descriptor of what `fd` is one of, closed when the process becomes another program; -1 where there are too many. */
export function duplicate(fd: number): number {
  return control(fd, F_DUPFD_CLOEXEC, 'int', 0)
}
