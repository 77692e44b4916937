/**
 * What a request header may be, beyond what the protocol itself checks: one pass over its fields for everything the front needs of them.
 * Rules: RFC 9112 sections 3.2, 6.1 and 6.3.
 */
import type { IncomingMessage } from '../http/message.js'

/** What the pass found. The one object is used again for each request. */
export interface HeaderFacts {
  /** Value of `Host`; undefined where there is none. */
  host: string | undefined
  /** Number of fields. */
  count: number
  /** Bytes of the longest field, name, colon and value. */
  longest: number
  /** Bytes of all fields, counted so. */
  total: number
  asksKeepAlive: boolean
  /** Of `Expect`, which HTTP/1.0 does not know. */
  expectation: 'none' | 'continue' | 'unknown'
  /** 0: nothing wrong; else what refuses the request. */
  status: number
  why: string
}

const facts: HeaderFacts = {
  host: undefined,
  count: 0,
  longest: 0,
  total: 0,
  asksKeepAlive: false,
  expectation: 'none',
  status: 0,
  why: '',
}

/** Reads the fields. `isHttp1`: the version was the client's to say. The result is valid until the next call. */
export function readHeader(
  incoming: Pick<IncomingMessage, 'rawHeaders' | 'version'>,
  isHttp1: boolean,
): Readonly<HeaderFacts> {
  const { rawHeaders, version } = incoming
  facts.host = undefined
  facts.count = rawHeaders.length >> 1
  facts.longest = 0
  facts.total = 0
  facts.asksKeepAlive = false
  facts.expectation = 'none'
  facts.status = 0
  facts.why = ''
  let coding: string | undefined
  let hasAuthorization = false
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const value = rawHeaders[at + 1] as string
    const size = name.length + value.length + 2
    facts.total += size
    if (size > facts.longest) facts.longest = size
    switch (name.length) {
      case 4:
        if (name !== 'Host' && name.toLowerCase() !== 'host') break
        if (facts.host !== undefined) refuse(400, 'more than one Host field')
        facts.host = value
        break
      case 6:
        if (name.toLowerCase() !== 'expect' || version === '1.0') break
        // an empty list expects nothing
        if (value === '') break
        if (!/^100-continue$/i.test(value)) facts.expectation = 'unknown'
        else if (facts.expectation === 'none') facts.expectation = 'continue'
        break
      case 10:
        if (name.toLowerCase() === 'connection' && /(?:^|,)\s*keep-alive\s*(?:,|$)/i.test(value))
          facts.asksKeepAlive = true
        break
      case 13:
        if (name.toLowerCase() !== 'authorization') break
        if (hasAuthorization) refuse(400, 'more than one Authorization field')
        hasAuthorization = true
        break
      case 17:
        if (name.toLowerCase() === 'transfer-encoding')
          coding = coding === undefined ? value : `${coding}, ${value}`
        break
    }
  }
  if (isHttp1 && version !== '1.1' && version !== '1.0')
    refuse(version.startsWith('0') ? 400 : 505, `HTTP/${version} is not served`)
  else if (facts.host === undefined && version === '1.1') refuse(400, 'HTTP/1.1 request without Host')
  if (coding !== undefined) {
    if (coding.trim().toLowerCase() !== 'chunked') refuse(400, `unknown Transfer-Encoding: ${coding}`)
    else if (version === '1.0') refuse(400, 'Transfer-Encoding in an HTTP/1.0 request')
  }
  return facts
}

/** The name of a field that has more bytes than `most`, counted as {@link HeaderFacts.longest}. */
export function overlong(rawHeaders: readonly string[], most: number): string | undefined {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (name.length + (rawHeaders[at + 1] as string).length + 2 > most) return name
  }
  return undefined
}

/**
 * The name under which the fields of a header, joined to one value, have more bytes than `most`; undefined where there is none. httpd joins fields of one
 * name before anybody sees them, and `LimitRequestFieldSize` holds for the result, too.
 */
export function overlongTogether(rawHeaders: readonly string[], most: number): string | undefined {
  const lengths = new Map<string, number>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] as string).toLowerCase()
    const before = lengths.get(name)
    const length = (before === undefined ? 0 : before + 2) + (rawHeaders[at + 1] as string).length
    if (length > most) return rawHeaders[at] as string
    lengths.set(name, length)
  }
  return undefined
}

function refuse(status: number, why: string): void {
  if (facts.status !== 0) return
  facts.status = status
  facts.why = why
}
