/**
 * Sending a response: the final header of what modules and handlers have set, and the body, whole or piece by piece.
 * Node's `http` frames the message and refuses control characters in names and values, so a response cannot be split.
 * Rules: RFC 9110, RFC 9112; httpd's ap_http_header_filter and ap_set_keepalive.
 */
import { type ServerResponse, STATUS_CODES } from 'node:http'
import { stackOf } from './phases.js'
import type { Request } from './request.js'
import { connectionFields, finalFields } from './response-header.js'

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

/** Bodies up to this size go out in one write with the header. */
const JOINED_BODY_MAX_BYTES = 16 * 1024

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
  } else if (length > JOINED_BODY_MAX_BYTES) outgoing.end(sent, 'latin1')
  else endJoined(outgoing, typeof sent === 'string' ? sent : asText(sent))
}

/**
 * Ends a response with header and body in one write. Given to `end`, the body would go out in a vector of two pieces, of which the second is
 * empty: that costs a tenth of a small response's time. `_header` is where Node keeps the header's text until it is sent.
 */
function endJoined(outgoing: ServerResponse, body: string): void {
  const message = outgoing as ServerResponse & { _header?: unknown; _headerSent?: unknown }
  if (typeof message._header === 'string' && message._headerSent === false && !outgoing.chunkedEncoding) {
    message._header += body
    outgoing.end()
  } else outgoing.end(body, 'latin1')
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
