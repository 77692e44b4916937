/**
 * Where a log goes: a file, a running program, or syslog. `ErrorLog` and `CustomLog` words become data here; nothing is opened.
 * https://httpd.apache.org/docs/2.4/logs.html#piped
 */
import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { describePosition, type Position } from '../config/position.js'
import type { ServerConfig, Site } from '../config/site.js'
import { describeSystemError } from '../system/libc.js'
import { accessLogKey, errorLogKey } from './settings.js'
import { FACILITIES } from './syslog.js'

export type Destination =
  | {
      readonly kind: 'file'
      /** Absolute. */
      readonly path: string
    }
  | {
      readonly kind: 'pipe'
      /** What names the program among the pipes: the words without the leading `|` or `||`. */
      readonly command: string
    }
  | {
      readonly kind: 'syslog'
      readonly facility: string
      readonly tag: string | undefined
    }

/** A distinct destination of a site with what messages need to say about it. */
export interface LogDestination {
  readonly destination: Destination
  /** The directive's word as written. */
  readonly text: string
  readonly purpose: 'error' | 'access'
  /** The first line that names it; undefined for the default error log. */
  readonly at: Position | undefined
}

/**
 * @param text the word of `ErrorLog`, `CustomLog`, `TransferLog`
 * @throws Error for an unknown syslog facility or an empty program
 */
export function parseDestination(text: string, purpose: 'error' | 'access', serverRoot: string): Destination {
  if (text.startsWith('|')) {
    const command = text.replace(/^\|\|?/, '').trim()
    if (command === '' || command === '$') throw new Error(`no program after the | of "${text}"`)
    return { kind: 'pipe', command }
  }
  // httpd knows syslog for the error log alone; a CustomLog of that name is a file.
  if (purpose === 'error' && /^syslog(?::|$)/i.test(text)) return syslogDestination(text)
  return { kind: 'file', path: resolve(serverRoot, text) }
}

/** `syslog`, `syslog:facility`, `syslog:facility:tag`, `syslog::tag`. */
function syslogDestination(text: string): Destination {
  const [, facility = '', ...rest] = text.split(':')
  const name = facility === '' ? 'local7' : facility.toLowerCase()
  if (!(name in FACILITIES))
    throw new Error(`unknown syslog facility "${facility}" (one of ${Object.keys(FACILITIES).join(' ')})`)
  return { kind: 'syslog', facility: name, tag: rest.join(':') || undefined }
}

/** Equal for destinations that share one descriptor, one program, one socket. */
export function destinationKey(destination: Destination): string {
  switch (destination.kind) {
    case 'file':
      return `file ${destination.path}`
    case 'pipe':
      return `pipe ${destination.command}`
    case 'syslog':
      return `syslog ${destination.facility} ${destination.tag ?? ''}`
    default:
      return destination satisfies never
  }
}

/**
 * Every distinct destination of a site, error logs first. The supervisor starts the programs among them before it opens anything.
 */
export function logDestinations(site: Site): LogDestination[] {
  const servers = [site.main, ...site.virtualHosts]
  const found = new Map<string, LogDestination>()
  const add = (text: string, purpose: 'error' | 'access', at: Position | undefined) => {
    const destination = parseDestination(text, purpose, site.serverRoot)
    const key = destinationKey(destination)
    if (!found.has(key)) found.set(key, { destination, text, purpose, at })
  }
  for (const server of servers) {
    const { errorLog } = server.settings.get(errorLogKey)
    add(errorLog.text, 'error', errorLog.at)
  }
  for (const server of servers)
    for (const { destination } of accessLogsOf(server)) add(destination.text, 'access', destination.at)
  return [...found.values()]
}

/**
 * What is wrong with the directories of a site's log files, in httpd's words; empty when all can be reached. Opens and creates nothing, so that a
 * configuration can be checked without touching logs.
 */
export function checkLogDirectories(destinations: readonly LogDestination[]): string[] {
  const faults: string[] = []
  for (const { destination, purpose, at } of destinations) {
    if (destination.kind !== 'file') continue
    const directory = dirname(destination.path)
    try {
      statSync(Buffer.from(directory, 'latin1'))
    } catch (error) {
      const system = describeSystemError(error as NodeJS.ErrnoException)
      const what =
        purpose === 'access'
          ? `AH02297: Cannot access directory '${directory}/' for log file '${destination.path}'`
          : `AH02291: Cannot access directory '${directory}/' for error log`
      const where = at === undefined ? 'the default of ErrorLog' : `defined on ${describePosition(at)}`
      faults.push(`${system}: ${what} (${where}); create the directory or name another one`)
    }
  }
  return faults
}

export function accessLogsOf(server: ServerConfig) {
  return server.settings.get(accessLogKey).logs
}

/** `(2)No such file or directory: AH00091: wsgi-httpd: could not open error log file /x/y.` and two lines of help. */
export function describeOpenFailure(
  { destination, text, purpose, at }: LogDestination,
  error: NodeJS.ErrnoException,
): string {
  const system = describeSystemError(error)
  const what =
    destination.kind !== 'file'
      ? `could not open the ${purpose} log ${text}: ${error.message}`
      : purpose === 'error'
        ? `AH00091: wsgi-httpd: could not open error log file ${destination.path}.`
        : `AH00649: could not open transfer log file ${destination.path}.`
  const where =
    at === undefined ? 'It is the default of ErrorLog.' : `It is named on ${describePosition(at)}.`
  return `${system && `${system}: `}${what}\n${where}${advice(error.code)}`
}

function advice(code: string | undefined): string {
  switch (code) {
    case 'ENOENT':
      return ' The directory must exist: create it, or name another one.'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return ' The user who starts the server must be allowed to write there.'
    case 'EISDIR':
      return ' It is a directory: name a file in it.'
    default:
      return ''
  }
}
