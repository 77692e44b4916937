/**
 * The access logs of one server: which targets get a line for a finished request. Runs in the last phase, `logTransaction`.
 */
import type { ServerConfig } from '../config/site.js'
import type { Request } from '../request/request.js'
import { compileLogFormat, countsInput } from './access-format.js'
import type { ServerNames } from './names.js'
import { type AccessLogTarget, accessLogKey } from './settings.js'
import type { Sink } from './sink.js'

/** Takes any request of a chain of internal redirects: there is one line for all of the chain. */
export type AccessLogger = (request: Request) => void

/** The loggers of the open logs, for the module's hook: set by `openLogs`. Absent where there is nothing to do. */
export const accessLoggers = new WeakMap<ServerConfig, AccessLogger>()

/** The format of a target: its nickname's, its own text, or the server's default. */
function formatOf(server: ServerConfig, target: AccessLogTarget): string {
  const { formats, defaultFormat } = server.settings.get(accessLogKey)
  const written = target.format ?? defaultFormat
  return formats.get(written) ?? written
}

/** Whether a log of that server prints how much was received. Counting goes by connection, so all servers must then take part. */
export function serverCountsInput(server: ServerConfig): boolean {
  return server.settings.get(accessLogKey).logs.some((target) => countsInput(formatOf(server, target)))
}

export interface AccessLoggerOptions {
  readonly names: ServerNames
  readonly sinkOf: (target: AccessLogTarget) => Sink
  /** Whether any server of the site {@link serverCountsInput}. */
  readonly countInput: boolean
}

/** Compiles what the server's `CustomLog` lines ask for; undefined where nothing is to be done for a request. */
export function accessLoggerOf(server: ServerConfig, options: AccessLoggerOptions): AccessLogger | undefined {
  const { names, sinkOf, countInput } = options
  const writers = server.settings.get(accessLogKey).logs.map((target): AccessLogger => {
    const line = compileLogFormat(formatOf(server, target), names)
    const sink = sinkOf(target)
    const { condition } = target
    if (condition === undefined) return (last) => sink.write(`${line(last)}\n`)
    return (last) => {
      if (condition(last.original)) sink.write(`${line(last)}\n`)
    }
  })
  if (writers.length === 0 && !countInput) return undefined
  return function writeAccessLogs(request) {
    const last = request.transaction?.last ?? request
    if (countInput) last.bytesReceived ??= last.incoming.bytesReceived
    for (const write of writers) write(last)
  }
}
