/**
 * Lines of the error log: httpd's built-in line, and `ErrorLogFormat` compiled into a function.
 * https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat
 *
 * A format is a row of items, parted into *fields* by blanks (`\ ` is a blank that parts nothing, `% ` parts without printing). When an item has nothing
 * to print, its field vanishes: what the field had printed is taken back and the rest of it is skipped.
 */
import type { ServerConfig } from '../config/site.js'
import type { Connection } from '../request/request.js'
import { describeSystemError } from '../system/libc.js'
import { ctime } from './clock.js'
import { LEVELS, type LogRecord } from './error-log.js'
import { escapeItem, escapeMessage } from './escape.js'
import { cutJsonText, isJsonFormat, jsonText } from './json-text.js'
import type { ServerNames } from './names.js'
import { compileStrftime } from './strftime.js'

/** httpd cuts a line here (its buffer of 8192, less line end and terminator), so that no application can flood the log with one record. */
export const MAX_LINE_BYTES = 8190

/** A record on its way to becoming a line. */
export interface LineSource {
  readonly record: LogRecord
  readonly level: number
  /** Microseconds since the epoch. */
  readonly time: number
  /** The server that logs; undefined before there is a configuration. */
  readonly server: ServerConfig | undefined
  readonly names: ServerNames
}

/** Makes a line without its line end; empty: write nothing. */
export type LineFormatter = (source: LineSource) => string

/**
 * httpd's line without a format:
 * `[Sun Nov 22 09:22:23.123456 2026] [authz_core:error] [pid 71:tid 74] (13)Permission denied: [client 192.0.2.1:5060] AH01630: text, referer: …`.
 * A destination with its own clock (syslog) gets it without the time.
 */
export function defaultLine(source: LineSource, withTime = true): string {
  const { record } = source
  const pid = record.pid ?? process.pid
  let line = withTime ? `[${ctime(source.time, { fraction: 'us' })}] ` : ''
  line += `[${record.module}:${record.level}] [pid ${pid}:tid ${record.tid ?? pid}] `
  if (record.cause !== undefined) line += prefixed(describeSystemError(record.cause))
  const connection = connectionOf(record)
  if (connection !== undefined) line += `[client ${connection.remoteAddress}:${connection.remotePort}] `
  line += messageOf(record)
  const referer = record.request?.headersIn.get('Referer')
  if (referer) line += `, referer: ${escapeItem(referer)}`
  return cut(line)
}

/** What goes to standard error while no log is open: no time, no process, only what is wrong. */
export function plainLine(record: LogRecord): string {
  const cause = record.cause === undefined ? '' : prefixed(describeSystemError(record.cause))
  return cut(`${cause}${messageOf(record)}`)
}

interface Item {
  readonly print: (source: LineSource) => string | undefined
  /** Text of the format itself. */
  readonly isLiteral: boolean
  /** Starts a new field. */
  fieldStart: boolean
  /** `%M`: printed even where its field is being skipped. */
  readonly isMessage: boolean
  /** `+`: without it there is no line. */
  readonly required: boolean
  /** `-`: print a hyphen for nothing. */
  readonly hyphen: boolean
  /** Printed only for records of this level number and above. */
  readonly minLevel: number
}

/**
 * @param kind `main` formats must have `%M`; those of the lines written once per connection or request must not
 * @throws Error with the text that belongs behind the directive's position
 */
export function compileErrorFormat(format: string, kind: 'main' | 'once'): LineFormatter {
  const items = parse(format)
  const hasMessage = items.some((item) => item.isMessage)
  if (kind === 'main' && !hasMessage)
    throw new Error("main ErrorLogFormat must contain message format string '%M'")
  if (kind === 'once' && hasMessage)
    throw new Error('%M cannot be used in once-per-request or once-per-connection formats')
  if (isJsonFormat(format)) return jsonFormatter(items)
  return function formatErrorLine(source) {
    let line = ''
    let fieldStart = 0
    let skipping = false
    for (const item of items) {
      if (item.fieldStart) {
        if (!skipping) fieldStart = line.length
        skipping = false
      }
      if (skipping && !item.isMessage) continue
      const text = source.level < item.minLevel ? undefined : item.print(source)
      if (text) line += text
      else if (source.level >= item.minLevel && item.required) return ''
      else if (source.level >= item.minLevel && item.hyphen) line += '-'
      else if (!item.isMessage) {
        line = line.slice(0, fieldStart)
        skipping = true
      }
    }
    return cut(line)
  }
}

/** Nothing vanishes from such a line: whoever reads it finds the same members in each. What is too long is cut where it is longest. */
function jsonFormatter(items: readonly Item[]): LineFormatter {
  return function formatJsonLine(source) {
    const texts: string[] = []
    for (const { print, isLiteral, required, hyphen, minLevel } of items) {
      const text = source.level < minLevel ? undefined : print(source)
      if (!text && required && source.level >= minLevel) return ''
      texts.push(isLiteral ? (text as string) : jsonText(text || (hyphen ? '-' : '')))
    }
    const line = texts.join('')
    return line.length <= MAX_LINE_BYTES ? line : shortened(items, texts)
  }
}

function shortened(items: readonly Item[], texts: string[]): string {
  for (;;) {
    const excess = texts.join('').length - MAX_LINE_BYTES
    const longest = texts.reduce(
      (most, text, at) => (items[at]?.isLiteral ? most : Math.max(most, text.length)),
      0,
    )
    if (excess <= 0 || longest === 0) return texts.join('')
    const at = texts.findIndex((text, at) => !items[at]?.isLiteral && text.length === longest)
    texts[at] = cutJsonText(texts[at] as string, longest - excess)
  }
}

/** The items of 8.1 of httpd's manual; what stands in `{}` is `arg`. Each returns what to print, nothing where there is nothing. */
const ITEMS: Readonly<Record<string, (arg: string | undefined) => Item['print']>> = {
  a:
    () =>
    ({ record }) =>
      address(connectionOf(record), 'remote'),
  A:
    () =>
    ({ record }) =>
      address(connectionOf(record), 'local'),
  e:
    (arg = '') =>
    ({ record }) =>
      escaped(record.request?.variable(arg)),
  E:
    () =>
    ({ record }) =>
      record.cause && describeSystemError(record.cause),
  // The source position: there is none worth printing in compiled code.
  F: () => () => undefined,
  i:
    (arg = '') =>
    ({ record }) =>
      escaped(record.request?.headersIn.get(arg)),
  k:
    () =>
    ({ record }) =>
      number(connectionOf(record)?.keepalives),
  l:
    () =>
    ({ level }) =>
      LEVELS[level],
  L: (arg) => (arg?.toLowerCase() === 'c' ? connectionId : ({ record }) => record.request?.id),
  m:
    () =>
    ({ record }) =>
      record.module,
  n:
    (arg = '') =>
    ({ record }) =>
      escaped(record.request?.notes.get(arg)),
  P:
    () =>
    ({ record }) =>
      String(record.pid ?? process.pid),
  t: (arg) => time(arg),
  T:
    () =>
    ({ record }) =>
      String(record.tid ?? record.pid ?? process.pid),
  v:
    () =>
    ({ server, names }) =>
      server && escaped(names.serverName(server)),
  V:
    () =>
    ({ record, names }) =>
      record.request && escaped(names.canonicalName(record.request)),
}

function connectionId({ record }: LineSource): string | undefined {
  return connectionOf(record)?.id
}

/** `%{u}t`, `%{cuz}t` and so on by letters; anything with `%` is a strftime pattern. */
function time(arg: string | undefined): Item['print'] {
  if (arg?.includes('%')) {
    const format = compileStrftime(arg)
    return (source) => format(source.time / 1000)
  }
  const has = (letter: string) => arg?.includes(letter) ?? false
  const options = {
    fraction: has('u') ? 'us' : has('m') ? 'ms' : undefined,
    compact: has('c'),
    zone: has('z'),
  } as const
  return (source) => ctime(source.time, options)
}

/** A field boundary, a percent sign, or an item with its modifiers in any order. */
const SPECIAL = /% |%%|%((?:[-+0-9]|\{[^}]*\}?)*)(.?)/suy

const PLAIN_ITEM = { isLiteral: false, isMessage: false, required: false, hyphen: false, minLevel: 0 }

function parse(format: string): Item[] {
  const items: Item[] = []
  let at = 0
  let fieldStart = false
  const push = (print: Item['print'], flags: Partial<Item> = {}) => {
    items.push({ ...PLAIN_ITEM, print, ...flags, fieldStart })
    fieldStart = false
  }
  while (at < format.length) {
    SPECIAL.lastIndex = at
    const match = SPECIAL.exec(format)
    if (match === null) {
      if (format[at] === ' ') fieldStart = true
      const { text, end } = literal(format, at)
      at = end
      push(() => text, { isLiteral: true })
    } else {
      const [whole, modifiers = '', letter = ''] = match
      at += whole.length
      if (whole === '% ') fieldStart = true
      else if (whole === '%%') push(() => '%', { isLiteral: true })
      else {
        const { print, ...flags } = item(modifiers, letter)
        push(print, flags)
      }
    }
  }
  return items
}

/** Everything up to the next `%` or blank; a leading run of blanks belongs to it. */
function literal(format: string, start: number): { text: string; end: number } {
  const match = /^ *(?:\\.|[^%\\ ]|\\$)*/su.exec(format.slice(start))
  const written = match?.[0] ?? ''
  const text = written.replace(/\\(.)/gsu, (_, letter: string) => ESCAPES[letter] ?? letter)
  return { text, end: start + written.length }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

function item(modifiers: string, letter: string): Omit<Item, 'fieldStart' | 'isLiteral'> {
  if (letter === '') throw new Error('Ran off end of error log format parsing args to some directive')
  const options = modifiers.replace(/\{[^}]*\}?/g, '')
  const arg = /\{([^}]*)/.exec(modifiers)?.[1]
  const flags = {
    required: options.includes('+'),
    hyphen: options.includes('-'),
    minLevel: Number(/\d+/.exec(options)?.[0] ?? 0),
  }
  if (letter === 'M') return { ...flags, isMessage: true, print: ({ record }) => messageOf(record) }
  const make = ITEMS[letter]
  if (make !== undefined) return { ...flags, isMessage: false, print: make(arg) }
  throw new Error(`Unrecognized error log format directive %${letter}`)
}

function messageOf(record: LogRecord): string {
  const message = escapeMessage(record.message)
  return record.code ? `${record.code}: ${message}` : message
}

function connectionOf(record: LogRecord): Connection | undefined {
  return record.request?.connection ?? record.connection
}

function address(connection: Connection | undefined, side: 'remote' | 'local'): string | undefined {
  return connection && `${connection[`${side}Address`]}:${connection[`${side}Port`]}`
}

function prefixed(text: string): string {
  return text && `${text}: `
}

function escaped(text: string | undefined): string | undefined {
  return text && escapeItem(text)
}

function number(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value)
}

function cut(line: string): string {
  return line.length > MAX_LINE_BYTES ? line.slice(0, MAX_LINE_BYTES) : line
}
