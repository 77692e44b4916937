/**
 * Header fields of HTTP/2 as the rest of the server has them, and back. Pure.
 * Rules: RFC 9113 sections 8.2 and 8.3.
 */
import type { OutgoingHttpHeaders } from 'node:http2'
import { HeaderFault, isBadLength } from '../message.js'

/** The header of a request. */
export interface RequestHead {
  readonly method: string
  readonly target: string
  /** Names and values in turn; `Host` first, made of `:authority`. */
  readonly fields: string[]
  /** Bytes of all names and values. */
  readonly bytes: number
  /** Undefined: nothing wrong. */
  readonly fault: string | undefined
}

/** What a target may hold; the syntax of paths is the front's business. */
const TARGET = /^[\x21-\x7e\x80-\xff]+$/

/**
 * @param raw names and values in turn, pseudo-fields included, as Node gives them
 * @param hasBody no END_STREAM came with the header
 */
export function requestHead(raw: readonly string[], hasBody: boolean): RequestHead {
  let method = ''
  let path: string | undefined
  let authority: string | undefined
  let cookie = -1
  let hasLength = false
  let bytes = 0
  const fields: string[] = []
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string
    const value = raw[at + 1] as string
    bytes += name.length + value.length
    if (name.charCodeAt(0) === 58) {
      if (name === ':method') method = value
      else if (name === ':path') path = value
      else if (name === ':authority') authority = value
      continue
    }
    // The authority is the host; a second one that says otherwise is kept, and refused as two Host fields are.
    if (name === 'host' && authority !== undefined && value.toLowerCase() === authority.toLowerCase())
      continue
    if (name === 'cookie') {
      if (cookie >= 0) {
        fields[cookie] += `; ${value}`
        continue
      }
      cookie = fields.length + 1
    } else if (name === 'content-length') hasLength = true
    fields.push(name, value)
  }
  if (authority !== undefined) fields.unshift('Host', authority)
  // HTTP/2 frames bodies itself; who reads them asks, as for HTTP/1, whether there is one.
  if (hasBody && !hasLength) fields.push('Transfer-Encoding', 'chunked')
  const target = path ?? authority ?? ''
  const fault = !TARGET.test(target) ? 'the path has characters that no path can have' : undefined
  return { method, target, fields, bytes, fault }
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/

/** Fields that belong to an HTTP/1 connection. */
const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
])

/** Fields of which Node sends one only. */
const SINGLE = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'content-location',
  'content-range',
  'content-md5',
  'content-language',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
  'server',
  'age',
  'max-forwards',
])

/**
 * Fields in the form that Node takes.
 * @throws HeaderFault where a name or a value cannot stand in a header
 */
export function outgoingFields(fields: readonly string[]): { headers: OutgoingHttpHeaders; bytes: number } {
  const headers: OutgoingHttpHeaders = { __proto__: null } as unknown as OutgoingHttpHeaders
  let bytes = 0
  for (let at = 0; at < fields.length; at += 2) {
    const written = fields[at] as string
    const value = fields[at + 1] as string
    if (!NAME.test(written))
      throw new HeaderFault(`a name that no field can have: ${JSON.stringify(written)}`)
    if (NO_VALUE.test(value) || isBadLength(written, value))
      throw new HeaderFault(`a value that no field can have: ${JSON.stringify(value)} of ${written}`)
    const name = written.toLowerCase()
    if (OF_CONNECTION.has(name)) continue
    bytes += name.length + value.length
    const before = headers[name]
    if (before === undefined || SINGLE.has(name)) headers[name] = value
    else if (Array.isArray(before)) before.push(value)
    else headers[name] = [String(before), value]
  }
  return { headers, bytes }
}

/** Error codes of RFC 9113, section 7: Node's constants would have every start read its HTTP/2. */
export const NGHTTP2_NO_ERROR = 0x0
export const NGHTTP2_INTERNAL_ERROR = 0x2
export const NGHTTP2_ENHANCE_YOUR_CALM = 0xb
