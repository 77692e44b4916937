/**
 * The error log of one server: decides by `LogLevel` whether a record is written, makes its line, and hands it to the sink.
 */
import type { Settings } from '../config/settings.js'
import type { ServerConfig } from '../config/site.js'
import type { Request } from '../request/request.js'
import { nowMicros } from './clock.js'
import {
  compileErrorFormat,
  defaultLine,
  type LineFormatter,
  type LineSource,
  plainLine,
} from './error-format.js'
import type { ErrorLog, Level, LogRecord, SystemError } from './error-log.js'
import { admits, type LogLevels, levelNumber, mergeLevels, NOTICE } from './levels.js'
import { namesOfRequest, type ServerNames } from './names.js'
import { directoryLevelsKey, errorLogKey, serverLevelsKey } from './settings.js'
import type { Sink } from './sink.js'

/** Records this severe are written at once, not at the end of the event loop's turn: the process may not live that long. */
const URGENT: ReadonlySet<Level> = new Set(['emerg', 'alert', 'crit'])

export class ServerErrorLog implements ErrorLog {
  readonly #server: ServerConfig
  readonly #sink: Sink
  readonly #names: ServerNames
  readonly #levels: LogLevels
  /** `LogLevel` of the places of this server, merged over its own; by the merged settings of the place. */
  readonly #levelsOfPlaces = new WeakMap<Settings, LogLevels>()
  readonly #format: LineFormatter
  readonly #onceFormats: OnceFormats | undefined

  /** @throws Error for a format that cannot be compiled; the directive has tried it before */
  constructor(server: ServerConfig, sink: Sink, names: ServerNames) {
    this.#server = server
    this.#sink = sink
    this.#names = names
    this.#levels = server.settings.get(serverLevelsKey)
    const { format, connectionFormats, requestFormats } = server.settings.get(errorLogKey)
    this.#format =
      format === undefined
        ? (source) => defaultLine(source, !sink.hasClock)
        : compileErrorFormat(format.text, 'main')
    if (connectionFormats.length > 0 || requestFormats.length > 0)
      this.#onceFormats = new OnceFormats(
        connectionFormats.map(({ text }) => compileErrorFormat(text, 'once')),
        requestFormats.map(({ text }) => compileErrorFormat(text, 'once')),
      )
  }

  request(
    request: Request,
    module: string,
    level: Level,
    message: string,
    code = '',
    cause?: SystemError,
  ): void {
    this.record({ request, module, level, message, code, cause })
  }

  server(module: string, level: Level, message: string, code = ''): void {
    this.record({ module, level, message, code })
  }

  admits(module: string, level: Level, request?: Request): boolean {
    return admits(this.#levelsFor(request), module, levelNumber(level) as number)
  }

  record(record: LogRecord): void {
    const level = levelNumber(record.level) as number
    if (record.always !== true && !admits(this.#levelsFor(record.request), record.module, level)) return
    const source: LineSource = { record, level, time: nowMicros(), server: this.#server, names: this.#names }
    // A request that has a record gets its id, so that `%L` in the access log tells that there is one.
    record.request?.id
    if (this.#onceFormats !== undefined)
      for (const line of this.#onceFormats.linesBefore(source)) this.#write(line, record.level)
    this.#write(this.#format(source), record.level)
    if (URGENT.has(record.level)) this.#sink.flush()
  }

  #write(line: string, level: Level): void {
    if (line !== '') this.#sink.write(`${line}\n`, level)
  }

  #levelsFor(request: Request | undefined): LogLevels {
    const own = request?.dir.peek(directoryLevelsKey)
    if (request === undefined || own === undefined) return this.#levels
    let levels = this.#levelsOfPlaces.get(request.dir)
    if (levels === undefined) {
      const merged = mergeLevels(this.#levels, own)
      levels = { level: merged.level ?? this.#levels.level, modules: merged.modules ?? new Map() }
      this.#levelsOfPlaces.set(request.dir, levels)
    }
    return levels
  }
}

/** `ErrorLogFormat connection|request`: lines that come before the first record of a connection or a request. */
class OnceFormats {
  readonly #seen = new WeakSet<object>()

  constructor(
    readonly connection: readonly LineFormatter[],
    readonly request: readonly LineFormatter[],
  ) {}

  linesBefore(source: LineSource): string[] {
    const { request, connection = request?.connection } = source.record
    return [
      ...this.#linesFor(connection, this.connection, source),
      // A subrequest and an internal redirect are the same request to the reader of the log.
      ...this.#linesFor((request?.main ?? request)?.original, this.request, source),
    ]
  }

  #linesFor(key: object | undefined, formats: readonly LineFormatter[], source: LineSource): string[] {
    if (key === undefined || formats.length === 0 || this.#seen.has(key)) return []
    this.#seen.add(key)
    return formats.map((format) => format(source))
  }
}

export interface StderrLogOptions {
  /** Records above this level are dropped (httpd's `-e`). @default 'warn' */
  readonly level?: Level
  /** Whether lines have time, module and process in front, as in a log file. @default false: only the message, as at start-up */
  readonly decorated?: boolean
  /** Takes each line with its line end. @default writes to standard error */
  readonly write?: (line: string) => void
}

/** The log of a process that has no configuration yet, or none at all. */
export function stderrLog(options: StderrLogOptions = {}): ErrorLog {
  const {
    level: limit = 'warn',
    decorated = false,
    write = (line) => process.stderr.write(line, 'latin1'),
  } = options
  const levels: LogLevels = { level: levelNumber(limit) ?? NOTICE, modules: new Map() }
  const record = (record: LogRecord) => {
    const level = levelNumber(record.level) as number
    if (record.always !== true && !admits(levels, record.module, level)) return
    const source = { record, level, time: nowMicros(), server: undefined, names: namesOfRequest }
    write(`${decorated ? defaultLine(source) : plainLine(record)}\n`)
  }
  return {
    record,
    request: (request, module, level, message, code = '') =>
      record({ request, module, level, message, code }),
    server: (module, level, message, code = '') => record({ module, level, message, code }),
    admits: (module, level) => admits(levels, module, levelNumber(level) as number),
  }
}

/** One line as httpd writes it without `ErrorLogFormat`, without line end. */
export function formatRecord(record: LogRecord, time = nowMicros()): string {
  const level = levelNumber(record.level) as number
  return defaultLine({ record, level, time, server: undefined, names: namesOfRequest })
}
