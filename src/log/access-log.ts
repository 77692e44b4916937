/**
 * The access logs of one server: which targets get a line for a finished request. Runs in the last phase, `logTransaction`.
 */
import type { ServerConfig } from '../config/site.js'
import type { Request } from '../request/request.js'
import { compileLogFormat } from './access-format.js'
import type { ServerNames } from './names.js'
import { type AccessLogTarget, accessLogKey } from './settings.js'
import type { Sink } from './sink.js'

/** Takes any request of a chain of internal redirects: there is one line for all of the chain. */
export type AccessLogger = (request: Request) => void

/** The loggers of the open logs, for the module's hook: set by `openLogs`. Servers without access log are absent. */
export const accessLoggers = new WeakMap<ServerConfig, AccessLogger>()

/** Compiles what the server's `CustomLog` lines ask for; does nothing where there are none. */
export function accessLoggerOf(
  server: ServerConfig,
  names: ServerNames,
  sinkOf: (target: AccessLogTarget) => Sink,
): AccessLogger {
  const { logs, formats, defaultFormat } = server.settings.get(accessLogKey)
  const writers = logs.map((target): AccessLogger => {
    const written = target.format ?? defaultFormat
    const line = compileLogFormat(formats.get(written) ?? written, names)
    const sink = sinkOf(target)
    const { condition } = target
    if (condition === undefined) return (last) => sink.write(`${line(last)}\n`)
    return (last) => {
      if (condition(last.original)) sink.write(`${line(last)}\n`)
    }
  })
  if (writers.length === 0) return () => {}
  return function writeAccessLogs(request) {
    const last = request.transaction?.last ?? request
    for (const write of writers) write(last)
  }
}
