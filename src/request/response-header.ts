/**
 * The header of a response: what modules and handlers have set, without what is ours to say, and our own fields.
 * Rules: RFC 9110, RFC 9112 section 9; httpd's ap_http_header_filter and ap_set_keepalive.
 */
import { DISCARD_MAX_BYTES } from '../http/http1/connection.js'
import { coreDir, coreServer } from '../modules/core/settings.js'
import type { Request } from './request.js'
import { serverBanner } from './server-tokens.js'

/** Statuses after which httpd closes the connection. */
const CLOSING: ReadonlySet<number> = new Set([400, 408, 411, 413, 414, 431, 500, 501, 503])

/** Both tables without what is ours to say, then our own fields. */
export function finalFields(request: Request, length: number | undefined): string[] {
  const fields: string[] = ['Server', request.originServer ?? serverBanner(request.server)]
  // what is always sent comes first, as in httpd
  const always = request.errHeadersOut.fields
  const varies = !(request.hasEnv && request.env.has('force-no-vary'))
  for (let at = 0; at < always.length; at += 2) {
    const name = always[at] as string
    const lower = name.toLowerCase()
    // what the response's end shows by is the other table's to say
    if (lower !== 'content-length' && (varies || lower !== 'vary'))
      fields.push(name, always[at + 1] as string)
  }
  let hasType = false
  let hasLength = false
  const { status } = request
  const bodyless = status === 204 || status === 304 || status < 200
  const out = request.headersOut.fields
  for (let at = 0; at < out.length; at += 2) {
    const name = out[at] as string
    let value = out[at + 1] as string
    switch (name.length) {
      case 4:
        if (name === 'Date' || name.toLowerCase() === 'date') continue
        if (!varies && name.toLowerCase() === 'vary') continue
        break
      case 6:
        if (name === 'Server' || name.toLowerCase() === 'server') continue
        break
      case 10: {
        const lower = name.toLowerCase()
        if (lower === 'connection' || lower === 'keep-alive') continue
        break
      }
      case 12:
        if (name === 'Content-Type' || name.toLowerCase() === 'content-type') {
          hasType = true
          if (status === 304 || status === 204) continue
          value = withCharset(request, value)
        }
        break
      case 14:
        if (name === 'Content-Length' || name.toLowerCase() === 'content-length') {
          // clients wait for as much as it says, whatever the status
          if (bodyless || hasLength) continue
          hasLength = true
        }
        break
      case 17:
        if (name.toLowerCase() === 'transfer-encoding') continue
        break
    }
    fields.push(name, value)
  }
  if (
    !hasType &&
    !bodyless &&
    request.contentType !== undefined &&
    !request.contentType.startsWith('application/x-httpd-')
  )
    fields.push('Content-Type', withCharset(request, request.contentType))
  if (request.contentEncoding.length > 0 && !bodyless)
    fields.push('Content-Encoding', request.contentEncoding.join(', '))
  if (request.contentLanguages.length > 0 && status !== 304)
    fields.push('Content-Language', request.contentLanguages.join(', '))
  if (!hasLength && !bodyless && length !== undefined) {
    fields.push('Content-Length', String(length))
    request.headersOut.fields.push('Content-Length', String(length))
  }
  return fields
}

/** Adds the charset that the file's name gave, or `AddDefaultCharset`'s to plain text and HTML. */
function withCharset(request: Request, type: string): string {
  if (request.isBuiltInPage && request.hasEnv && request.env.has('suppress-error-charset')) return type
  const charset = request.charset ?? request.dir.get(coreDir).addDefaultCharset
  if (charset === undefined || /;\s*charset=/i.test(type)) return type
  if (request.charset === undefined && !/^text\/(?:plain|html)\s*(?:;|$)/i.test(type)) return type
  return `${type}; charset=${charset}`
}

/** How a client is treated whose HTTP/1.1 is not to be trusted: by the variables `downgrade-1.0`, `force-response-1.0` and `force-no-vary`. */
export interface Treatment {
  /** As one that speaks HTTP/1.0. */
  readonly isOld: boolean
  /** The version in the status line. */
  readonly version: '1.0' | '1.1'
}

const USUAL: Treatment = { isOld: false, version: '1.1' }
const OLD: Treatment = { isOld: true, version: '1.1' }
const OLD_AND_TOLD_SO: Treatment = { isOld: true, version: '1.0' }

/** See {@link Treatment}. */
export function treatmentOf(request: Request): Treatment {
  const isOld = request.incoming.version === '1.0'
  if (!request.hasEnv) return isOld ? OLD : USUAL
  const { env } = request
  if (env.has('force-no-vary')) return OLD_AND_TOLD_SO
  if (!isOld && !env.has('downgrade-1.0')) return USUAL
  return env.has('force-response-1.0') ? OLD_AND_TOLD_SO : OLD
}

/**
 * Decides whether the connection stays, and says so as httpd does: `Keep-Alive` only to who asked for it.
 * @param isFramed it shows without the connection's end where the response ends, for a client of HTTP/1.0 as well
 * @returns true: no other request follows.
 */
export function connectionFields(
  request: Request,
  fields: string[],
  { isOld, version }: Treatment,
  isFramed: boolean,
): boolean {
  const { outgoing, connection, incoming } = request
  const core = request.server.settings.get(coreServer)
  const left = core.maxKeepAliveRequests === 0 ? 1 : core.maxKeepAliveRequests - connection.keepalives
  const stays =
    outgoing.canKeep &&
    core.keepAlive &&
    core.keepAliveTimeout > 0 &&
    left > 0 &&
    connection.closing !== true &&
    !CLOSING.has(request.status) &&
    (incoming.body.complete || !leavesBodyUnread(request)) &&
    !(isOld && (version === '1.0' || !request.asksKeepAlive || !isFramed)) &&
    !(request.hasEnv && request.env.has('nokeepalive'))
  if (!stays) {
    fields.push('Connection', 'close')
    return true
  }
  connection.keepalives++
  if (!request.asksKeepAlive) return false
  const seconds = Math.floor(core.keepAliveTimeout / 1000)
  fields.push(
    'Keep-Alive',
    core.maxKeepAliveRequests === 0 ? `timeout=${seconds}` : `timeout=${seconds}, max=${left}`,
  )
  fields.push('Connection', 'Keep-Alive')
  return false
}

/** Whether a body is on its way that nobody has begun to read and that is too much to throw away. */
function leavesBodyUnread(request: Request): boolean {
  const { incoming, headersIn } = request
  if (incoming.body.aborted) return true
  // who waits for 100 Continue may send the body or not: no telling where the next request begins
  if (request.expectsContinue) return true
  if (incoming.body.begun) return false
  if (headersIn.has('Transfer-Encoding')) return true
  return Number(headersIn.get('Content-Length') ?? 0) > DISCARD_MAX_BYTES
}
