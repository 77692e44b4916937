/**
 * Values of `Header` and `RequestHeader`: text with `%t`, `%D`, `%{VARIABLE}e` and their kin, compiled when the configuration is read.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_headers.html#header
 */
import { loadavg } from 'node:os'
import type { Request } from '../../request/request.js'

/** The value for one request: one line, whatever was put in. */
export type HeaderValue = (request: Request) => string

/** What a variable that is not set becomes. */
const UNSET = '(null)'

/** How busy this server is: percentages of its request slots. Whoever counts requests provides it. */
export interface ServerLoad {
  readonly busy: number
  readonly idle: number
}
let serverLoad: (() => ServerLoad) | undefined

/** For `%b` and `%i`; until it is called these are `(null)`. */
export function provideServerLoad(load: () => ServerLoad): void {
  serverLoad = load
}

const FORMATS: Readonly<Record<string, (argument: string) => HeaderValue>> = {
  // microseconds since the epoch; the clock gives milliseconds
  t: () => (request) => `t=${request.startedAt * 1000}`,
  D: () => (request) => `D=${(process.hrtime.bigint() - request.startedNs) / 1000n}`,
  e: (name) => (request) => request.variable(name) ?? UNSET,
  s: (name) => (request) => request.tlsVariable?.(name) || UNSET,
  l: () => () =>
    `l=${loadavg()
      .map((load) => load.toFixed(2))
      .join('/')}`,
  i: () => () => `i=${serverLoad?.().idle ?? UNSET}`,
  b: () => () => `b=${serverLoad?.().busy ?? UNSET}`,
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', r: '\r', n: '\n', t: '\t' }

/**
 * @returns the compiled value; the text itself where it is the same for all requests.
 * @throws Error for an unknown format
 */
export function compileValue(text: string): string | HeaderValue {
  const parts: (string | HeaderValue)[] = []
  for (const [, escaped, formatted, argument, format, plain] of text.matchAll(
    /\\([\\rnt])|(%)(?:\{([^}]*)\})?(.?)|([^\\%]+|\\)/gs,
  )) {
    if (escaped !== undefined) parts.push(ESCAPES[escaped] as string)
    else if (formatted === undefined) parts.push(plain as string)
    else if (format === '%' || (format === '' && argument === undefined)) parts.push('%')
    else {
      const make = FORMATS[format as string]
      if (make === undefined) throw new Error(`Unrecognized header format %${format ?? ''}`)
      parts.push(make(argument ?? ''))
    }
  }
  if (parts.every((part) => typeof part === 'string')) return oneLine(parts.join(''))
  return (request) => {
    let value = ''
    for (const part of parts) value += typeof part === 'string' ? part : part(request)
    return oneLine(value)
  }
}

/** A line end in a value would begin a header of its own; other control characters are not allowed in one either. */
export function oneLine(value: string): string {
  return /[\x00-\x08\x0a-\x1f\x7f]/.test(value) ? value.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, ' ') : value
}
