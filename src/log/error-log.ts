/**
 * The error log's face to everything else: levels, and where a record goes. How lines are formatted and written is in the files beside it.
 */
import type { Request } from '../request/request.js'

/** httpd's levels, most severe first. */
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

/** Writes records for one server (main server or virtual host). */
export interface ErrorLog {
  /** A record of a request; dropped unless the level in force where the request is (per directory, per module) admits it. */
  request(request: Request, module: string, level: Level, message: string, code?: string): void
  /** A record of the server itself, without client. */
  server(module: string, level: Level, message: string, code?: string): void
  /** Whether a record of that module and level would be written. Test before building costly messages. */
  admits(module: string, level: Level, request?: Request): boolean
}
