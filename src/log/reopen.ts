/**
 * Log files that are opened anew while the server runs (`SIGUSR2`), because what had their names has been moved away, by logrotate mostly. Programs,
 * syslog, standard streams and whatever else is no regular file stay as they are.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import type { Site } from '../config/site.js'
import { describeOpenFailure, logDestinations } from './destination.js'
import { standardDescriptor } from './standard-stream.js'

/** Descriptors of files that have just been opened, by the paths of their destinations. */
export type OpenedAnew = ReadonlyMap<string, number>

/** As at the start, but it never waits: there may be a named pipe that nobody reads. */
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK

/** The log files of a site that could be opened, and a message for each that could not. */
export function openAnew(site: Site): { readonly opened: OpenedAnew; readonly faults: readonly string[] } {
  const opened = new Map<string, number>()
  const faults: string[] = []
  for (const wanted of logDestinations(site)) {
    const { destination } = wanted
    if (destination.kind !== 'file' || standardDescriptor(destination.path) !== undefined) continue
    try {
      const fd = openSync(Buffer.from(destination.path, 'latin1'), FLAGS, 0o666)
      if (fstatSync(fd).isFile()) opened.set(destination.path, fd)
      else closeSync(fd)
    } catch (error) {
      const cause = error as NodeJS.ErrnoException
      // a pipe without its reader, which may come back
      if (cause.code !== 'ENXIO') faults.push(describeOpenFailure(wanted, cause).replaceAll('\n', ' '))
    }
  }
  return { opened, faults }
}
