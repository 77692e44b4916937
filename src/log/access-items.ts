/**
 * The `%` items of `LogFormat`: for each, which request of a chain of internal redirects it speaks of unless `<` or `>` says otherwise, and how it is
 * printed. https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats
 *
 * A printer is made once per format. It returns `-` where there is nothing, as httpd does.
 */
import type { HeaderTable } from '../request/headers.js'
import type { Request } from '../request/request.js'
import { commonLogTime } from './clock.js'
import { escapeItem, escapeRecurring } from './escape.js'
import type { ServerNames } from './names.js'
import { compileStrftime } from './strftime.js'

export type Printer = (request: Request) => string

export interface AccessItem {
  /** The first request of the chain, not the last. */
  readonly ofOriginal: boolean
  /** `arg` is what stands in `{}`, empty without. */
  readonly printer: (arg: string, names: ServerNames) => Printer
}

function last(printer: AccessItem['printer']): AccessItem {
  return { ofOriginal: false, printer }
}

function original(printer: AccessItem['printer']): AccessItem {
  return { ofOriginal: true, printer }
}

export const ACCESS_ITEMS: Readonly<Record<string, AccessItem>> = {
  a: last((arg) =>
    arg.toLowerCase() === 'c'
      ? ({ connection }) => connection.peerAddress ?? connection.remoteAddress
      : ({ connection }) => connection.remoteAddress,
  ),
  A: last(() => (request) => request.connection.localAddress),
  b: last(() => (request) => (request.bytesSent === 0 ? '-' : String(request.bytesSent))),
  B: last(() => (request) => String(request.bytesSent)),
  c: last((arg) => tlsPrinter(LEGACY_TLS_NAMES[arg.toLowerCase()] ?? '')),
  C: last(cookiePrinter),
  D: original(() => (request) => String(elapsedMicros(request))),
  e: last((arg) => (request) => text(request.variable(arg))),
  f: last(() => (request) => text(request.filename || undefined)),
  h: last(
    () =>
      ({ connection }) =>
        connection.remoteHost ?? connection.remoteAddress,
  ),
  H: last(() => (request) => escapeItem(request.protocol)),
  i: last((arg) => {
    const value = joinedHeader(arg)
    return (request) => {
      const found = value(request.headersIn)
      return found === undefined ? '-' : escapeRecurring(found)
    }
  }),
  I: last(() => (request) => count(request.bytesReceived)),
  // Counts responses that announced that the connection stays; this one is among them, unless it is the one that closes it.
  k: last(() => (request) => String(Math.max(request.connection.keepalives - 1, 0))),
  l: last(() => () => '-'),
  L: original((arg) =>
    arg.toLowerCase() === 'c' ? (request) => request.connection.id : (request) => request.idIfAny ?? '-',
  ),
  m: last(() => (request) => escapeItem(request.method)),
  n: last((arg) => (request) => text(request.notes.get(arg))),
  o: last(responseHeaderPrinter),
  O: last(() => (request) => count(totalSent(request))),
  p: last(portPrinter),
  P: last(processPrinter),
  q: last(() => (request) => (request.query === undefined ? '' : `?${escapeItem(request.query)}`)),
  // Part by part: testing the joined line would make the engine copy it first.
  r: original(
    () =>
      ({ rawLine, method, target, protocol }) =>
        rawLine === undefined
          ? `${escapeItem(method)} ${escapeItem(target)} ${escapeItem(protocol)}`
          : escapeItem(rawLine),
  ),
  R: original(() => (request) => text(request.handler)),
  s: original(() => (request) => (request.status > 0 ? String(request.status) : '-')),
  S: last(() => (request) => {
    const sent = totalSent(request)
    return count(
      sent === undefined || request.bytesReceived === undefined ? undefined : sent + request.bytesReceived,
    )
  }),
  t: last(timePrinter),
  T: original(durationPrinter),
  u: last(() => (request) => (request.user === '' ? '""' : text(request.user))),
  U: original(() => (request) => escapeItem(request.path)),
  v: last((_, names) => (request) => text(names.serverName(request.server) || undefined)),
  V: last((_, names) => (request) => text(names.canonicalName(request) || undefined)),
  x: last(tlsPrinter),
  X: last(() => connectionState),
  '^FB': last(() => (request) => count(request.firstByteMicros)),
  '^ti': last((arg) => {
    const wanted = arg.toLowerCase()
    return (request) => text(fieldOf(request.incoming.rawTrailers, wanted))
  }),
  '^to': last((arg) => (request) => text(request.trailersOut?.get(arg))),
}

function text(value: string | undefined): string {
  return value === undefined ? '-' : escapeItem(value)
}

function count(value: number | undefined): string {
  return value === undefined ? '-' : String(value)
}

function totalSent(request: Request): number | undefined {
  return request.headerBytesSent === undefined ? undefined : request.headerBytesSent + request.bytesSent
}

/** httpd joins equal request fields when it reads them; here it is done by the reader. */
function joinedHeader(name: string): (table: HeaderTable) => string | undefined {
  const wanted = name.toLowerCase()
  const first = wanted.charCodeAt(0) | 32
  return ({ fields, unified }) => {
    let value: string | undefined
    for (let at = 0; at < fields.length; at += 2) {
      const field = fields[at] as string
      // Two cheap tests before the ones that look at each character. `| 32` takes the case from a letter.
      if (field.length !== wanted.length || (field.charCodeAt(0) | 32) !== first) continue
      if (field !== name && field.toLowerCase() !== wanted) continue
      value = value === undefined ? fields[at + 1] : `${value}, ${fields[at + 1]}`
      if (unified) return value
    }
    return value
  }
}

/** In a flat list of names and values. */
function fieldOf(fields: readonly string[], wanted: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2)
    if ((fields[at] as string).toLowerCase() === wanted) return fields[at + 1]
  return undefined
}

/** `errHeadersOut` is sent before `headersOut`. A media type is logged without its parameters; only `Set-Cookie` shows all of its values. */
function responseHeaderPrinter(name: string): Printer {
  const lower = name.toLowerCase()
  if (lower === 'set-cookie')
    return ({ errHeadersOut, headersOut }) => {
      const values = [...errHeadersOut.all(name), ...headersOut.all(name)]
      return text(values.length === 0 ? undefined : values.join(', '))
    }
  const value = (request: Request) => request.errHeadersOut.get(name) ?? request.headersOut.get(name)
  if (lower === 'content-type')
    return (request) => text((request.contentType ?? value(request))?.replace(/\s*;.*$/s, ''))
  return (request) => text(value(request))
}

function cookiePrinter(name: string): Printer {
  const wanted = name.toLowerCase()
  const cookies = joinedHeader('Cookie')
  return (request) => {
    for (const pair of (cookies(request.headersIn) ?? '').split(';')) {
      const sign = pair.indexOf('=')
      if (sign > 0 && pair.slice(0, sign).replace(/\s/g, '').toLowerCase() === wanted)
        return text(pair.slice(sign + 1).trim())
    }
    return '-'
  }
}

function portPrinter(arg: string, names: ServerNames): Printer {
  switch (arg.toLowerCase()) {
    case '':
    case 'canonical':
      return (request) => String(names.serverPort(request))
    case 'local':
      return (request) => String(request.connection.localPort)
    case 'remote':
      return (request) => String(request.connection.remotePort)
    default:
      return () => arg
  }
}

/** JavaScript runs on the process's main thread, whose id is the process's. */
function processPrinter(arg: string): Printer {
  switch (arg.toLowerCase()) {
    case '':
    case 'pid':
    case 'tid':
      return () => String(process.pid)
    case 'hextid':
      return () => process.pid.toString(16)
    default:
      return () => arg
  }
}

/** `X` cut, `+` may be used again, `-` will be closed. */
function connectionState({ connection, cut, outgoing }: Request): string {
  if (connection.aborted || cut) return 'X'
  return outgoing.canKeep && !outgoing.closes ? '+' : '-'
}

function tlsPrinter(name: string): Printer {
  return (request) => text(request.tlsVariable?.(name))
}

/** `%{name}c` is the older spelling of mod_ssl's `%{name}x`. */
const LEGACY_TLS_NAMES: Readonly<Record<string, string>> = {
  version: 'SSL_PROTOCOL',
  cipher: 'SSL_CIPHER',
  subjectdn: 'SSL_CLIENT_S_DN',
  clientcert: 'SSL_CLIENT_S_DN',
  issuerdn: 'SSL_CLIENT_I_DN',
  cacert: 'SSL_CLIENT_I_DN',
  errstr: 'SSL_CLIENT_VERIFY_ERRSTR',
}

// Moments. All items of one line speak of the same end, so that `%{end:sec}t` and `%{end:usec_frac}t` fit together.

let end: bigint | undefined

/** To be called before each line. */
export function startLine(): void {
  end = undefined
}

function elapsedMicros(request: Request): number {
  end ??= process.hrtime.bigint()
  return Number((end - request.startedNs) / 1000n)
}

function durationPrinter(unit: string): Printer {
  const divisor = { '': 1e6, s: 1e6, ms: 1e3, us: 1 }[unit.toLowerCase()]
  if (divisor === undefined) return () => unit
  return (request) => String(Math.floor(elapsedMicros(request) / divisor))
}

/** `%t`, `%{sec}t` and its kin, `%{strftime}t`; each also with `begin:` or `end:`. */
function timePrinter(arg: string): Printer {
  const [, moment, format = ''] = /^(?:(begin|end)(?::|$))?(.*)$/s.exec(arg) ?? []
  const micros: (request: Request) => number =
    moment === 'end'
      ? (request) => request.startedAt * 1000 + elapsedMicros(request)
      : (request) => request.startedAt * 1000
  if (format === '')
    return moment === 'end'
      ? (request) => commonLogTime(micros(request) / 1000)
      : (request) => commonLogTime(request.startedAt)
  const number = NUMERIC_TIMES[format]
  if (number !== undefined) return (request) => number(micros(request))
  const strftime = compileStrftime(format)
  return (request) => strftime(micros(request) / 1000)
}

const NUMERIC_TIMES: Readonly<Record<string, (micros: number) => string>> = {
  sec: (micros) => String(Math.floor(micros / 1e6)),
  msec: (micros) => String(Math.floor(micros / 1e3)),
  usec: (micros) => String(micros),
  msec_frac: (micros) => String(Math.floor(micros / 1e3) % 1000).padStart(3, '0'),
  usec_frac: (micros) => String(micros % 1e6).padStart(6, '0'),
}
