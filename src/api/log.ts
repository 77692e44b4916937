/**
 * The log of a mounted application: records as the service gets them, or lines on standard error.
 */
import type { ErrorLog, LogRecord as InternalRecord, Level } from '../log/error-log.js'
import { LEVELS } from '../log/error-log.js'
import { stderrLog } from '../log/server-log.js'
import type { LogLevel, LogRecord } from './options.js'

/**
 * @param write takes the records that the level admits; undefined: they are written to standard error in httpd's form
 */
export function openLog(level: LogLevel, write: ((record: LogRecord) => void) | undefined): ErrorLog {
  if (write === undefined) return stderrLog({ level, decorated: true })
  const most = LEVELS.indexOf(level)
  const admits = (of: Level) => LEVELS.indexOf(of) <= most
  const record = (one: InternalRecord) => {
    if (one.always !== true && !admits(one.level)) return
    try {
      write(recordOf(one))
    } catch (error) {
      // the service's fault, and not to be felt where something is logged
      process.nextTick(() => {
        throw error
      })
    }
  }
  return {
    record,
    request: (request, module, of, message, code = '') =>
      record({ request, module, level: of, message, code }),
    server: (module, of, message, code = '') => record({ module, level: of, message, code }),
    admits: (_module, of) => admits(of),
  }
}

/** Some messages begin with their code. */
const LEADING_CODE = /^(?:AH|WSGI|WSGH)\d+(?=: )/

const LEADING_PID = /^mod_wsgi \(pid=(\d+)\): /

function recordOf({ level, module, message, code: apart, request }: InternalRecord): LogRecord {
  const code = apart || LEADING_CODE.exec(message)?.[0]
  const pid = LEADING_PID.exec(message)?.[1]
  return {
    level: level.startsWith('trace') ? 'debug' : (level as LogLevel),
    message: readable(message),
    module,
    ...(code !== undefined && { code }),
    ...(pid !== undefined && { pid: Number(pid) }),
    ...(request !== undefined && {
      request: {
        method: request.method,
        url: request.target,
        remoteAddress: request.connection.remoteAddress,
        id: request.id,
      },
    }),
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** Records hold bytes, one per character, as a rule of UTF-8; what is none stays as it is. */
export function readable(text: string): string {
  if (!/[\x80-\xff]/.test(text) || /[\u0100-\uffff]/.test(text)) return text
  try {
    return UTF8.decode(Buffer.from(text, 'latin1'))
  } catch {
    return text
  }
}

/** A log that hears what passes through it as well. */
export function overheard(log: ErrorLog, hear: (level: Level, message: string) => void): ErrorLog {
  return {
    request: (request, module, level, message, code, cause) => {
      hear(level, message)
      log.request(request, module, level, message, code, cause)
    },
    server: (module, level, message, code) => {
      hear(level, message)
      log.server(module, level, message, code)
    },
    admits: (module, level, request) => log.admits(module, level, request),
  }
}
