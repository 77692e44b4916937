/**
 * The grammar of an HTTP/1 request header, as regular expressions that read like the RFC's rules, and what the framing of the message follows from.
 * Pure: text in, facts out. It accepts what Node's own parser accepts in its strict form, and less; test/http/fuzz.test.ts compares the two.
 * Rules: RFC 9112 sections 2 to 6; RFC 9110 section 5.
 */
import { fieldNameAt } from '../field-names.js'
import { RecentTexts } from '../recent-texts.js'

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
/** What a field's value may hold: tabs, blanks, visible ASCII, and bytes above. */
const VALUE = '[\\t\\x20-\\x7e\\x80-\\xff]*'

/**
 * A method, which may be any token: applications have methods of their own. The target: `/path?query`, `*`, `scheme://authority/…`; for CONNECT an
 * authority. Visible ASCII alone.
 */
const REQUEST_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\/[\x21-\x7e]*|\*|[A-Za-z]+:\/\/[\w.~!$&'()*+,;=%@:[\]-]+(?:[/?][\x21-\x7e]*)?|[\w.\-[\]]*:[0-9]+) HTTP\/([0-9]\.[0-9])$/

/** One or more whole fields with their line ends. */
const FIELDS = new RegExp(`^(?:${TOKEN}:${VALUE}\\r\\n)*$`)

export const FIELD_LINE = new RegExp(`^${TOKEN}:${VALUE}\\r\\n$`)

/** A request line whose end has not come yet, as far as it can be told. */
export const BEGUN_LINE = /^[\t\x20-\x7e\x80-\xff]*\r?$/
export const BEGUN_REQUEST_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?: [\x21-\x7e]*(?: [HTP/0-9.]*\r?)?)?$/

/** Versions that are read as far as their header; what is not served is refused afterwards, by its own status. */
const KNOWN_VERSIONS: ReadonlySet<string> = new Set(['1.1', '1.0', '0.9', '2.0'])

/** A request header, taken apart. */
export interface RequestHead {
  readonly method: string
  readonly target: string
  readonly version: string
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[]
  /** Bytes of the body; 0 where there is none; -1: chunked. */
  readonly length: number
  /** The client allows another request on the connection: HTTP/1.0 by `keep-alive` alone, and `close` counts always. */
  readonly canKeep: boolean
  /** The client has said that this is its last request on the connection (RFC 9112 section 9.6); HTTP/1.0 alone does not say so. */
  readonly saysClose: boolean
}

/** Why a header is refused: what is wrong, for the log. */
export type HeadFault = string

const TOO_LONG = 'Content-Length is too large'

/** @param line without its line end. */
export function faultOfRequestLine(line: string): HeadFault | undefined {
  const parts = REQUEST_LINE.exec(line)
  if (parts === null) return 'the request line is not "method target HTTP/version"'
  if (!KNOWN_VERSIONS.has(parts[3] as string)) return 'unknown version of HTTP'
  return undefined
}

/**
 * Takes a header apart.
 * @param text the request line and all fields, each with its line end; without the empty line after them.
 */
export function parseHead(text: string): RequestHead | HeadFault {
  const lineEnd = text.indexOf('\r\n')
  const parts = REQUEST_LINE.exec(text.slice(0, lineEnd))
  if (parts === null) return faultOfRequestLine(text.slice(0, lineEnd)) as HeadFault
  const method = parts[1] as string
  const target = parts[2] as string
  const version = parts[3] as string
  if (!KNOWN_VERSIONS.has(version)) return 'unknown version of HTTP'
  // an authority alone is a target for CONNECT alone
  if (isAuthority(target) && method !== 'CONNECT') return 'the target is neither a path nor a URL'
  const fields = rememberedFields(version, text.slice(lineEnd + 2))
  if (typeof fields === 'string') return fields
  return {
    method,
    target,
    version,
    rawHeaders: fields.rawHeaders,
    length: fields.length,
    canKeep: fields.canKeep,
    saysClose: fields.saysClose,
  }
}

/** Neither a path, nor `*`, nor a URL (RFC 9112 section 3.2). */
function isAuthority(target: string): boolean {
  const first = target.charCodeAt(0)
  return first !== 47 && first !== 42 && !target.includes('://')
}

/** What the fields of a header say, whatever its request line. */
type Fields = Pick<RequestHead, 'rawHeaders' | 'length' | 'canKeep' | 'saysClose'>

/** Of HTTP/1.1. */
const remembered = new RecentTexts<Fields>()

function rememberedFields(version: string, text: string): Fields | HeadFault {
  if (version !== '1.1') return parseFields(version, text)
  const known = remembered.get(text)
  if (known !== undefined) return known
  const fields = parseFields(version, text)
  if (typeof fields !== 'string') remembered.set(text, fields)
  return fields
}

function parseFields(version: string, text: string): Fields | HeadFault {
  const rawHeaders: string[] = []
  let length = 0
  let hasLength = false
  let isChunked = false
  let canKeep = version === '1.1'
  let saysClose = false
  const fault = eachField(text, 0, (name, value) => {
    rawHeaders.push(name, value)
    switch (name.length) {
      case 10:
        if (name === 'Connection' || name.toLowerCase() === 'connection') {
          if (/(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(value)) saysClose = true
          else if (version === '1.0' && /(?:^|,)[ \t]*keep-alive[ \t]*(?:,|$)/i.test(value)) canKeep = true
        }
        return undefined
      case 14:
        if (name.toLowerCase() !== 'content-length') return undefined
        if (hasLength) return 'more than one Content-Length'
        if (!/^[0-9]+$/.test(value)) return 'Content-Length is not a number'
        hasLength = true
        length = Number(value)
        return Number.isSafeInteger(length) ? undefined : TOO_LONG
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') return undefined
        if (isChunked || !/^chunked$/i.test(value)) return `unknown Transfer-Encoding: ${value}`
        isChunked = true
        return undefined
    }
    return undefined
  })
  if (fault !== undefined) return fault
  if (isChunked && hasLength) return 'both Content-Length and Transfer-Encoding'
  if (isChunked && version !== '1.1') return `Transfer-Encoding in an HTTP/${version} request`
  return { rawHeaders, length: isChunked ? -1 : length, canKeep: canKeep && !saysClose, saysClose }
}

/**
 * Reads fields, of a header or of trailers.
 * @param text whole lines from `from` on.
 * @param visit may return a fault, which ends the reading.
 */
export function eachField(
  text: string,
  from: number,
  visit: (name: string, value: string) => HeadFault | undefined,
): HeadFault | undefined {
  if (!FIELDS.test(from === 0 ? text : text.slice(from))) return 'a field is not "name: value"'
  for (let at = from; at < text.length; ) {
    const colon = text.indexOf(':', at)
    const end = text.indexOf('\r', colon)
    const fault = visit(fieldNameAt(text, at, colon), trimmed(text, colon + 1, end))
    if (fault !== undefined) return fault
    at = end + 2
  }
  return undefined
}

/** Without blanks and tabs around it. */
function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}
