/** Standard streams as destinations of logs: by the names that container images use, and the pipes that they often are. */
import { constants, fstatSync, openSync } from 'node:fs'

/** They are written to, not opened: as an unprivileged user, or where they are sockets, opening fails. */
const NAMES: ReadonlyMap<string, number> = new Map([
  ['/dev/stdout', 1],
  ['/dev/fd/1', 1],
  ['/proc/self/fd/1', 1],
  ['/dev/stderr', 2],
  ['/dev/fd/2', 2],
  ['/proc/self/fd/2', 2],
])

/** 1 or 2 where the path of a log is a name of the standard output or error; undefined for all others. */
export function standardDescriptor(path: string): number | undefined {
  return NAMES.get(path)
}

/**
 * Another descriptor for the pipe that a standard stream is, which waits or does not, as is wanted. Whether the inherited one waits is not for us to
 * say: all processes that have it share that, and each Node changes it. Undefined where it is no pipe, or may not be opened.
 */
export function openPipeAnew(fd: number, waits: boolean): number | undefined {
  try {
    if (!fstatSync(fd).isFIFO()) return undefined
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | (waits ? 0 : constants.O_NONBLOCK))
  } catch {
    return undefined
  }
}
