/**
 * Sending a response: the final header of what modules and handlers have set, and the body, whole or piece by piece.
 * Node's `http` frames the message and refuses control characters in names and values, so a response cannot be split.
 * Rules: RFC 9110, RFC 9112; httpd's ap_http_header_filter and ap_set_keepalive.
 */
import { STATUS_CODES } from 'node:http'
import { coreDir, coreServer } from '../modules/core/settings.js'
import { lingerOnClose } from './linger.js'
import { stackOf } from './phases.js'
import type { Request } from './request.js'
import { serverBanner } from './server-tokens.js'

/** The body of a response that is sent piece by piece. */
export interface BodyWriter {
  /** False: more than a little waits for the client; go on after `onDrain`. The piece is taken in either case. */
  write(chunk: Uint8Array | string): boolean
  end(): void
  /** Breaks the connection, so that the client sees that the response is incomplete. */
  cut(): void
  /** Called each time that what waited has gone. */
  onDrain(callback: () => void): void
  /** Bytes that wait for the client in this process. */
  readonly bufferedBytes: number
}

/** An unread request body up to this size is read and thrown away to keep the connection. */
const DISCARD_MAX_BYTES = 64 * 1024
/** Bodies up to this size go out in one write with the header. */
const JOINED_BODY_MAX_BYTES = 16 * 1024

/** Statuses after which httpd closes the connection. */
const CLOSING: ReadonlySet<number> = new Set([400, 408, 411, 413, 414, 431, 500, 501, 503])

/** Sends the response with a body that is there as a whole. A Content-Length is added where none is set. Strings are latin-1. */
export function sendWhole(request: Request, body: Uint8Array | string = ''): void {
  const { outgoing } = request
  const length = body.length
  // without a body, only HEAD can tell its length, and only where there would be one
  if (!sendHeader(request, length > 0 || !hasNoBody(request) ? length : undefined)) return
  if (hasNoBody(request) || length === 0) {
    outgoing.end()
    return
  }
  const declared = declaredLength(request)
  const sent = declared === undefined || declared >= length ? body : body.slice(0, declared)
  request.bytesSent = sent.length
  if (declared !== undefined && declared > length) {
    reportShort(request, declared, length)
    outgoing.write(sent, 'latin1')
    cutOff(request)
  } else if (typeof sent === 'string') outgoing.end(sent, 'latin1')
  else if (length > JOINED_BODY_MAX_BYTES) outgoing.end(sent)
  else outgoing.end(asText(sent), 'latin1')
}

/** Sends a status with no body of its own: 204, 304, or a redirect whose page nobody reads. */
export function sendStatus(request: Request, status: number): void {
  request.status = status
  sendWhole(request)
}

/**
 * Sends the header and opens the body.
 * @param length its length in bytes where that is known; a Content-Length is then added unless one is set. Otherwise HTTP/1.1 gets chunks, and
 * HTTP/1.0 the end of the connection.
 */
export function openBody(request: Request, length?: number): BodyWriter {
  if (!sendHeader(request, length)) return new DiscardingWriter()
  return new ResponseWriter(request, declaredLength(request))
}

class ResponseWriter implements BodyWriter {
  readonly #silent: boolean
  #ended = false

  constructor(
    private readonly request: Request,
    private readonly declared: number | undefined,
  ) {
    this.#silent = hasNoBody(request)
  }

  get bufferedBytes(): number {
    return this.request.outgoing.writableLength
  }

  write(chunk: Uint8Array | string): boolean {
    const { request } = this
    const { outgoing } = request
    // a client that is gone takes everything
    if (this.#silent || this.#ended || chunk.length === 0 || outgoing.destroyed) return true
    let piece = chunk
    if (this.declared !== undefined) {
      const room = this.declared - request.bytesSent
      if (room <= 0) return true
      // more than was declared would be read as the next response
      if (piece.length > room) piece = piece.slice(0, room)
    }
    request.bytesSent += piece.length
    if (outgoing.chunkedEncoding) addOverhead(request, piece.length.toString(16).length + 4)
    return outgoing.write(piece, 'latin1')
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    const { request, declared } = this
    if (request.outgoing.destroyed) return
    if (!this.#silent && declared !== undefined && request.bytesSent < declared) {
      reportShort(request, declared, request.bytesSent)
      cutOff(request)
    } else {
      if (request.outgoing.chunkedEncoding) addOverhead(request, LAST_CHUNK_BYTES)
      request.outgoing.end()
    }
  }

  cut(): void {
    if (this.#ended) return
    this.#ended = true
    cutOff(this.request)
  }

  onDrain(callback: () => void): void {
    this.request.outgoing.on('drain', callback)
  }
}

/** Takes what is written after a header could not be sent. */
class DiscardingWriter implements BodyWriter {
  readonly bufferedBytes = 0
  write(): boolean {
    return true
  }
  end(): void {}
  cut(): void {}
  onDrain(): void {}
}

/** `0`, and two line ends. */
const LAST_CHUNK_BYTES = 5

function addOverhead(request: Request, bytes: number): void {
  request.headerBytesSent = (request.headerBytesSent ?? 0) + bytes
}

/** Ends the connection without ending the response. */
export function cutOff(request: Request): void {
  request.cut = true
  const { outgoing } = request
  const { socket } = outgoing
  if (socket === null) outgoing.destroy()
  // Without length or chunks, the end of the connection is the end of the body: only a reset tells the client otherwise.
  else if (declaredLength(request) === undefined && !outgoing.chunkedEncoding) socket.resetAndDestroy()
  else socket.destroySoon()
}

function reportShort(request: Request, declared: number, sent: number): void {
  request.report(
    'core',
    'error',
    `Content-Length is ${declared}, but the body ended after ${sent} bytes`,
    'WSGH0003',
  )
}

/** HEAD, 1xx, 204 and 304 have none. */
function hasNoBody(request: Request): boolean {
  const { status } = request
  return request.incoming.method === 'HEAD' || status === 204 || status === 304 || status < 200
}

function declaredLength(request: Request): number | undefined {
  const text = request.headersOut.get('Content-Length')
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** One write instead of two, when header and body are both text. */
function asText(bytes: Uint8Array): string {
  return Buffer.isBuffer(bytes)
    ? bytes.toString('latin1')
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

/** Sends the header. False: it could not be sent, and an error page went out in its place. */
function sendHeader(request: Request, length: number | undefined): boolean {
  const { outgoing, transaction } = request
  if (request.headersSent || outgoing.headersSent || outgoing.destroyed) return false
  if (transaction !== undefined) {
    transaction.last = request
    for (const edit of transaction.phases.responseHeaders) edit(request)
  }
  const fields = finalFields(request, length)
  connectionFields(request, fields)
  const reason = request.reason || STATUS_CODES[request.status] || 'Unknown'
  try {
    // Tells Node that `Connection` is ours to decide.
    outgoing.removeHeader('Connection')
    outgoing.writeHead(request.status, reason, fields)
  } catch (error) {
    request.report('core', 'error', `Response header refused: ${stackOf(error)}`, 'WSGH0004')
    sendBareFailure(request)
    return false
  }
  request.headersSent = true
  request.headerBytesSent = headerLength(outgoing)
  return true
}

/** Where even the header of an error page is refused. */
function sendBareFailure(request: Request): void {
  request.status = 500
  request.headersSent = true
  request.outgoing.writeHead(500, 'Internal Server Error', ['Content-Length', '0', 'Connection', 'close'])
  request.outgoing.end()
}

/** Node keeps the header's text there; there is no public way to its length. */
function headerLength(outgoing: object): number {
  return (outgoing as { _header?: string })._header?.length ?? 0
}

/** Both tables without what is ours to say, then our own fields. */
function finalFields(request: Request, length: number | undefined): string[] {
  const fields: string[] = ['Server', serverBanner(request.server)]
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
          if (status === 304) continue
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
  const always = request.errHeadersOut.fields
  for (let at = 0; at < always.length; at++) fields.push(always[at] as string)
  if (
    !hasType &&
    !bodyless &&
    request.contentType !== undefined &&
    !request.contentType.startsWith('application/x-httpd-')
  )
    fields.push('Content-Type', withCharset(request, request.contentType))
  if (request.contentEncoding.length > 0 && !bodyless)
    fields.push('Content-Encoding', request.contentEncoding.join(', '))
  if (request.contentLanguages.length > 0)
    fields.push('Content-Language', request.contentLanguages.join(', '))
  if (!hasLength && !bodyless && length !== undefined) {
    fields.push('Content-Length', String(length))
    request.headersOut.fields.push('Content-Length', String(length))
  }
  return fields
}

/** Adds the charset that the file's name gave, or `AddDefaultCharset`'s to plain text and HTML. */
function withCharset(request: Request, type: string): string {
  const charset = request.charset ?? request.dir.get(coreDir).addDefaultCharset
  if (charset === undefined || /;\s*charset=/i.test(type)) return type
  if (request.charset === undefined && !/^text\/(?:plain|html)\s*(?:;|$)/i.test(type)) return type
  return `${type}; charset=${charset}`
}

/** Decides whether the connection stays, and says so as httpd does: `Keep-Alive` only to who asked for it. */
function connectionFields(request: Request, fields: string[]): void {
  const { outgoing, connection, incoming } = request
  const core = request.server.settings.get(coreServer)
  const left = core.maxKeepAliveRequests === 0 ? 1 : core.maxKeepAliveRequests - connection.keepalives
  const unread = !incoming.complete && leavesBodyUnread(request)
  const stays =
    outgoing.shouldKeepAlive &&
    core.keepAlive &&
    core.keepAliveTimeout > 0 &&
    left > 0 &&
    connection.closing !== true &&
    !CLOSING.has(request.status) &&
    !unread &&
    !(request.hasEnv && request.env.has('nokeepalive'))
  if (!stays) {
    fields.push('Connection', 'close')
    if (unread && outgoing.socket !== null) lingerOnClose(outgoing.socket)
    return
  }
  connection.keepalives++
  if (!request.asksKeepAlive) return
  const seconds = Math.floor(core.keepAliveTimeout / 1000)
  fields.push(
    'Keep-Alive',
    core.maxKeepAliveRequests === 0 ? `timeout=${seconds}` : `timeout=${seconds}, max=${left}`,
  )
  fields.push('Connection', 'Keep-Alive')
}

/** Whether a body is on its way that nobody has begun to read and that is too much to throw away. */
function leavesBodyUnread(request: Request): boolean {
  const { incoming, headersIn } = request
  if (incoming.readableFlowing !== null || incoming.readableDidRead) return false
  // who waits for 100 Continue may send the body or not: no telling where the next request begins
  if (request.expectsContinue) return true
  if (headersIn.has('Transfer-Encoding')) return true
  return Number(headersIn.get('Content-Length') ?? 0) > DISCARD_MAX_BYTES
}
