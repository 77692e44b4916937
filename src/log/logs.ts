/**
 * Opens the logs of a whole site. The process that does so must still have the right to: a server worker opens before it drops privileges, and
 * gets the pipes of running log programs from the supervisor, which has started them (`piped.ts`).
 */
import { closeSync } from 'node:fs'
import type { ServerConfig, Site } from '../config/site.js'
import type { Request } from '../request/request.js'
import { accessLoggerOf, accessLoggers, serverCountsInput } from './access-log.js'
import {
  type Destination,
  describeOpenFailure,
  destinationKey,
  type LogDestination,
  logDestinations,
  parseDestination,
} from './destination.js'
import { type ErrorLog, serverRecord } from './error-log.js'
import { namesOfRequest, namesOfSites, type ServerNames } from './names.js'
import type { OpenedAnew } from './reopen.js'
import { ServerErrorLog } from './server-log.js'
import { type AccessLogTarget, errorLogKey } from './settings.js'
import { DescriptorSink, type DropReport, openFileSink, type Sink } from './sink.js'
import { openSyslogSink } from './syslog.js'

export interface OpenLogsOptions {
  /** Descriptors to write to, by {@link Destination}'s `command`. */
  readonly pipes?: ReadonlyMap<string, number>
  /** @default what the modules know of this site's names */
  readonly names?: ServerNames
  /** Only the error logs, for a process that serves no requests. @default false */
  readonly errorLogsOnly?: boolean
  /** Tag of syslog records where the configuration names none. @default 'wsgi-httpd' */
  readonly program?: string
  /** For tests: where syslog listens. */
  readonly syslogSocket?: string
}

export interface Logs {
  /** Virtual hosts without `ErrorLog` share the main server's destination. */
  errorLogFor(server: ServerConfig): ErrorLog
  /** Writes the access log lines of a finished request: one per log for a whole chain of internal redirects. */
  accessLoggerFor(server: ServerConfig): (request: Request) => void
  destinations(): readonly LogDestination[]
  flush(): void
  /** Goes on in files that have been opened anew; the descriptors belong to these logs from now on. Lines that wait go there, too. */
  goOnIn(files: OpenedAnew): void
  /** Flushes and closes. Records that come later are dropped. */
  close(): void
}

/** A log could not be opened. The message is what httpd prints, then the line of the configuration and what to do. */
export class LogOpenError extends Error {
  override readonly name = 'LogOpenError'
}

/** @throws LogOpenError for the first destination that cannot be opened; nothing stays open then */
export function openLogs(site: Site, options: OpenLogsOptions = {}): Logs {
  const names = options.names ?? namesOfSites.get(site) ?? namesOfRequest
  const servers = [site.main, ...site.virtualHosts]
  const sinks = new Map<string, Sink>()
  const errorLogs = new Map<ServerConfig, ErrorLog>()

  const mainKey = destinationKey(
    parseDestination(site.main.settings.get(errorLogKey).errorLog.text, 'error', site.serverRoot),
  )
  const reportDropped: DropReport = ({ destination, lines, reason }) => {
    const what = lines === undefined ? 'Log lines for' : `${lines} log line(s) for`
    const message = `${what} ${destination} ${lines === undefined ? 'are being' : 'were'} lost: ${reason}`
    const mainLog = errorLogs.get(site.main)
    if (mainLog !== undefined) serverRecord(mainLog, { module: 'log_config', level: 'error', message })
  }
  // What the main error log loses it can tell afterwards only.
  const reportOfMain: DropReport = (dropped) => {
    if (dropped.lines !== undefined) reportDropped(dropped)
  }

  const closeAll = () => {
    // The main error log is the first of all, and takes what others have to say of their lost lines.
    for (const sink of [...sinks.values()].reverse()) sink.close()
  }

  const destinations = logDestinations(site).filter(
    ({ purpose }) => !options.errorLogsOnly || purpose === 'error',
  )
  try {
    for (const destination of destinations) {
      const key = destinationKey(destination.destination)
      sinks.set(key, openSink(destination, options, key === mainKey ? reportOfMain : reportDropped))
    }
  } catch (error) {
    closeAll()
    throw error
  }
  const sinkFor = (destination: Destination) => sinks.get(destinationKey(destination)) as Sink

  for (const server of servers) {
    const { errorLog } = server.settings.get(errorLogKey)
    const sink = sinkFor(parseDestination(errorLog.text, 'error', site.serverRoot))
    errorLogs.set(server, new ServerErrorLog(server, sink, names))
  }

  if (!options.errorLogsOnly) {
    const countInput = servers.some(serverCountsInput)
    const sinkOf = ({ destination }: AccessLogTarget) =>
      sinkFor(parseDestination(destination.text, 'access', site.serverRoot))
    for (const server of servers) {
      const logger = accessLoggerOf(server, { names, sinkOf, countInput })
      if (logger !== undefined) accessLoggers.set(server, logger)
    }
  }

  const flush = () => {
    for (const sink of sinks.values()) sink.flush()
  }
  process.on('exit', flush)

  return {
    errorLogFor: (server) => errorLogs.get(server) ?? (errorLogs.get(site.main) as ErrorLog),
    accessLoggerFor: (server) => accessLoggers.get(server) ?? (() => {}),
    destinations: () => destinations,
    flush,
    goOnIn(files) {
      for (const [path, fd] of files) {
        const sink = sinks.get(destinationKey({ kind: 'file', path }))
        if (sink instanceof DescriptorSink) sink.goOnIn(fd)
        else closeSync(fd)
      }
    },
    close() {
      process.off('exit', flush)
      for (const server of servers) accessLoggers.delete(server)
      closeAll()
    },
  }
}

function openSink(wanted: LogDestination, options: OpenLogsOptions, onDropped: DropReport): Sink {
  const { destination } = wanted
  try {
    switch (destination.kind) {
      case 'file':
        return openFileSink(destination.path, onDropped)
      case 'pipe': {
        const fd = options.pipes?.get(destination.command)
        if (fd === undefined) throw new Error('its program has not been started')
        return new DescriptorSink({ fd, name: wanted.text, isPipe: true, owned: false, onDropped })
      }
      case 'syslog':
        return openSyslogSink({
          facility: destination.facility,
          tag: destination.tag ?? options.program ?? 'wsgi-httpd',
          onDropped,
          ...(options.syslogSocket !== undefined && { socketPath: options.syslogSocket }),
        })
      default:
        return destination satisfies never
    }
  } catch (error) {
    throw new LogOpenError(describeOpenFailure(wanted, error as NodeJS.ErrnoException), { cause: error })
  }
}
