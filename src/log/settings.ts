/**
 * The settings that the logs are opened from. The directives that fill them are in `src/modules/core/logging.ts` and `src/modules/log-config.ts`;
 * the keys are here because the logs must not know the modules.
 */
import type { Position } from '../config/position.js'
import { settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import { LEVELS } from './error-log.js'
import { type LogLevels, mergeLevels } from './levels.js'

/** A directive's word together with the line it stands on. */
export interface Written {
  readonly text: string
  /** Absent for defaults. */
  readonly at?: Position
}

export interface ErrorLogSettings {
  /** A file, `|program`, or `syslog…`, as written: relative paths are resolved when logs are opened, when the last `ServerRoot` is known. */
  readonly errorLog: Written
  /** The main format; undefined for httpd's built-in line. */
  readonly format: Written | undefined
  /** Formats of the lines written once per connection and once per request, before its first record. */
  readonly connectionFormats: readonly Written[]
  readonly requestFormats: readonly Written[]
}

export const errorLogKey = settingsKey<ErrorLogSettings>('core.errorLog', {
  errorLog: { text: 'logs/error_log' },
  format: undefined,
  connectionFormats: [],
  requestFormats: [],
})

const DEFAULT_LEVELS: LogLevels = { level: LEVELS.indexOf('warn'), modules: new Map() }

/** `LogLevel` at server level. */
export const serverLevelsKey = settingsKey<LogLevels>('core.logLevel.server', DEFAULT_LEVELS, mergeLevels)

/** `LogLevel` in sections; lies over the server's. */
export const directoryLevelsKey = settingsKey<LogLevels>(
  'core.logLevel.directory',
  DEFAULT_LEVELS,
  mergeLevels,
)

/** One `CustomLog`, `TransferLog` or `GlobalLog`. */
export interface AccessLogTarget {
  readonly destination: Written
  /** A nickname or a format; undefined: the server's default format. */
  readonly format: string | undefined
  /** Decides per request whether it is logged; undefined: always. Sees the first request of a chain of internal redirects. */
  readonly condition: ((request: Request) => boolean) | undefined
  /** `GlobalLog`: also for virtual hosts with logs of their own. */
  readonly global: boolean
}

export interface AccessLogSettings {
  readonly logs: readonly AccessLogTarget[]
  /** `LogFormat` with a nickname. */
  readonly formats: ReadonlyMap<string, string>
  /** `LogFormat` without one. */
  readonly defaultFormat: string
}

export const COMMON_FORMAT = '%h %l %u %t "%r" %>s %b'

export const accessLogKey = settingsKey<AccessLogSettings>(
  'log_config',
  { logs: [], formats: new Map(), defaultFormat: COMMON_FORMAT },
  mergeAccessLogs,
)

/** A virtual host with a log of its own does not write to the main server's, `GlobalLog` excepted. */
function mergeAccessLogs(
  base: Readonly<Partial<AccessLogSettings>>,
  added: Readonly<Partial<AccessLogSettings>>,
): Partial<AccessLogSettings> {
  const outer = base.logs ?? []
  return {
    ...base,
    ...added,
    logs: added.logs === undefined ? outer : [...outer.filter((log) => log.global), ...added.logs],
    formats: new Map([...(base.formats ?? []), ...(added.formats ?? [])]),
  }
}
