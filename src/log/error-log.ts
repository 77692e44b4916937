/**
 * The error log's face to everything else: levels, records, and where a record goes. How lines are formatted and written is in the files beside it.
 */
import type { Connection, Request } from '../request/request.js'

/** httpd's levels, most severe first. A level's index is its number in httpd (`APLOG_EMERG` 0 … `APLOG_TRACE8` 15). */
export const LEVELS = [
  'emerg',
  'alert',
  'crit',
  'error',
  'warn',
  'notice',
  'info',
  'debug',
  'trace1',
  'trace2',
  'trace3',
  'trace4',
  'trace5',
  'trace6',
  'trace7',
  'trace8',
] as const
export type Level = (typeof LEVELS)[number]

/** What failed underneath, for the `(13)Permission denied: ` in front of a message: a Node error, or anything with its numbers. */
export interface SystemError {
  /** As Node gives it (negative) or as the C library does (positive). */
  readonly errno?: number | undefined
  readonly code?: string | undefined
}

/**
 * One record. All text is bytes held as latin-1 (as everything that comes from the network, from the configuration or from a Python process is);
 * characters above U+00FF are taken as their UTF-8 bytes.
 */
export interface LogRecord {
  /** Short module name as in `LogLevel`: `core`, `authz_core`, `wsgi`. */
  readonly module: string
  readonly level: Level
  /** The text without code. May be hostile: control characters and non-ASCII are escaped when it is written. */
  readonly message: string
  /** `AH01630`, `WSGI0012`: printed in front of the message. */
  readonly code?: string
  readonly request?: Request
  /** Where there is no request yet. */
  readonly connection?: Connection
  readonly cause?: SystemError | undefined
  /** Another process or thread on whose behalf this is written; otherwise this process. */
  readonly pid?: number | undefined
  readonly tid?: number | undefined
  /** Written whatever `LogLevel` says. */
  readonly always?: boolean
}

/** Writes records for one server (main server or virtual host). */
export interface ErrorLog {
  /** A record of a request; dropped unless the level in force where the request is (per directory, per module) admits it. */
  request(
    request: Request,
    module: string,
    level: Level,
    message: string,
    code?: string,
    cause?: SystemError,
  ): void
  /** A record of the server itself, without client. */
  server(module: string, level: Level, message: string, code?: string): void
  /** Whether a record of that module and level would be written. Test before building costly messages. */
  admits(module: string, level: Level, request?: Request): boolean
  /** The general form of the two above. Present on every log that `openLogs` and `stderrLog` make; call it through {@link serverRecord}. */
  record?(record: LogRecord): void
}

/**
 * Writes a record that is not simply "this process, now": one that a daemon process reported outside of a request, one with a system error,
 * one about a connection.
 */
export function serverRecord(log: ErrorLog, record: LogRecord): void {
  if (log.record !== undefined) log.record(record)
  else if (record.request !== undefined)
    log.request(record.request, record.module, record.level, record.message, record.code)
  else log.server(record.module, record.level, record.message, record.code)
}
