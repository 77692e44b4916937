/**
 * Sending a response: the final header of what modules and handlers have set, and the body, whole or piece by piece.
 * The protocol (src/http/) frames the message and refuses control characters in names and values, so a response cannot be split.
 * Rules: RFC 9110, RFC 9112; httpd's ap_http_header_filter and ap_set_keepalive.
 */
import { type HandedOver, HeaderFault, type ResponseHead, type SwitchedConnection } from '../http/message.js'
import { hasOutputFilters } from '../modules/filter/settings.js'
import { FilteredWriter } from './filtered-body.js'
import type { BodyTransform } from './output-filter.js'
import { reasonOf } from './reasons.js'
import type { Request } from './request.js'
import { connectionFields, finalFields, treatmentOf } from './response-header.js'

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
  /**
   * The descriptor of the client's connection, where the next bytes of the body may be written to it as they are by somebody else. Nothing is
   * written here until he has said what he has sent ({@link sentElsewhere}). Undefined where the body is filtered, framed, encrypted or has to wait.
   */
  lend?(): number | undefined
  /** So many bytes of the body were written to the descriptor, and so many beside it. */
  sentElsewhere?(bytes: number, overheadBytes?: number): void
  /**
   * The same as {@link lend} for somebody who writes the header and frames the body, too. `later`: something waits, `onDrain` tells when it does not.
   * @param firstMaxBytes of the header; what is longer is written here
   * @param isKept the connection may serve other requests afterwards
   */
  handOver?(firstMaxBytes: number, isKept: boolean): HandedOver | 'later' | undefined
  /** The rest of what he has begun to write, whose bytes have been told. False as {@link write}. */
  writeAsIs?(bytes: Uint8Array): boolean
}

/** Sends the response with a body that is there as a whole. A Content-Length is added where none is set. Strings are latin-1. */
export function sendWhole(request: Request, body: Uint8Array | string = ''): void {
  const transform = hasOutputFilters(request) ? filterOfWhole(request, body) : undefined
  if (transform === undefined) respond(request, body)
  else void sendFiltered(request, body, transform)
}

/** What does not have the length that it claims is not filtered. */
function filterOfWhole(request: Request, body: Uint8Array | string): BodyTransform | undefined {
  const declared = declaredLength(request)
  const length = hasNoBody(request) ? declared : body.length
  return declared === undefined || declared === length ? filterOf(request, length) : undefined
}

/** A filter works beside the event loop: the response goes out when it is done. */
async function sendFiltered(
  request: Request,
  body: Uint8Array | string,
  transform: BodyTransform,
): Promise<void> {
  let filtered: Uint8Array
  try {
    const bytes = typeof body === 'string' ? Buffer.from(body, 'latin1') : body
    filtered = hasNoBody(request) ? bytes.subarray(0, 0) : await transform.whole(bytes)
    transform.ended?.(bytes.length, filtered.length)
  } catch (error) {
    reportFilter(request, error as Error)
    cutOff(request)
    return
  }
  if (request.outgoing.isOver) return
  try {
    respond(request, filtered)
  } catch (error) {
    // the handler has returned: nobody else would make a response of it
    request.report(
      'core',
      'error',
      `Internal fault while sending a response: ${(error as Error).stack}`,
      'WSGH0001',
    )
    if (request.outgoing.headSent) cutOff(request)
    else sendBare500(request)
  }
}

function respond(request: Request, body: Uint8Array | string): void {
  const { outgoing } = request
  const { length } = body
  const bodyless = hasNoBody(request)
  // without a body, only HEAD can tell its length, and only where there would be one
  const head = makeHead(request, length > 0 || !bodyless ? length : undefined)
  if (head === undefined) return
  const { declared } = head
  if (bodyless || length === 0) send(request, () => outgoing.respond(head, ''))
  else if (declared === undefined || declared === length) {
    request.bytesSent = length
    send(request, () => outgoing.respond(head, body))
  } else if (declared < length) {
    request.bytesSent = declared
    send(request, () => outgoing.respond(head, body.slice(0, declared)))
  } else {
    request.bytesSent = length
    reportShort(request, declared, length)
    if (!send(request, () => outgoing.begin(head))) return
    outgoing.write(body)
    cutOff(request)
  }
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
  const declared = declaredLength(request) ?? length
  const transform = filterOf(request, declared)
  if (transform === undefined) return open(request, length)
  return new FilteredWriter({
    transform,
    target: open(request, undefined),
    declared,
    failed: (error) => reportFilter(request, error),
    short: (taken) => reportShort(request, declared ?? taken, taken),
  })
}

function open(request: Request, length: number | undefined): BodyWriter {
  const head = makeHead(request, length)
  if (head === undefined || !send(request, () => request.outgoing.begin(head))) return new DiscardingWriter()
  return new ResponseWriter(request, head.hasLength ? head.declared : undefined)
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
    return this.request.outgoing.bufferedBytes
  }

  write(chunk: Uint8Array | string): boolean {
    const { request } = this
    const { outgoing } = request
    // a client that is gone takes everything
    if (this.#silent || this.#ended || chunk.length === 0 || outgoing.isOver) return true
    let piece = chunk
    if (this.declared !== undefined) {
      const room = this.declared - request.bytesSent
      if (room <= 0) return true
      // more than was declared would be read as the next response
      if (piece.length > room) piece = piece.slice(0, room)
    }
    request.bytesSent += piece.length
    return outgoing.write(piece)
  }

  lend(): number | undefined {
    if (this.#silent || this.#ended || this.declared === undefined) return undefined
    return this.request.outgoing.lend?.()
  }

  handOver(firstMaxBytes: number, isKept: boolean): HandedOver | 'later' | undefined {
    if (this.#silent || this.#ended) return undefined
    const room = this.declared === undefined ? undefined : this.declared - this.request.bytesSent
    return this.request.outgoing.handOver?.(room, firstMaxBytes, isKept)
  }

  writeAsIs(bytes: Uint8Array): boolean {
    const { outgoing } = this.request
    return this.#ended || outgoing.isOver || outgoing.writeAsIs?.(bytes) !== false
  }

  sentElsewhere(bytes: number, overheadBytes = 0): void {
    this.request.bytesSent += bytes
    if (overheadBytes > 0) this.request.outgoing.countElsewhere?.(overheadBytes)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    const { request, declared } = this
    if (request.outgoing.isOver) return
    if (!this.#silent && declared !== undefined && request.bytesSent < declared) {
      reportShort(request, declared, request.bytesSent)
      cutOff(request)
    } else request.outgoing.end()
  }

  cut(): void {
    if (this.#ended) return
    this.#ended = true
    cutOff(this.request)
  }

  onDrain(callback: () => void): void {
    this.request.outgoing.onDrain(callback)
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

/**
 * Answers 101: from here on the connection speaks `protocol`. The response is over when the connection is.
 * @returns undefined where this connection cannot change its protocol
 */
export function switchProtocols(request: Request, protocol: string): SwitchedConnection | undefined {
  const { outgoing } = request
  if (outgoing.switchProtocols === undefined) return undefined
  request.status = 101
  const head = makeHead(request, undefined)
  if (head === undefined) return undefined
  const about = new Set(['connection', 'keep-alive'])
  const fields: string[] = []
  for (let at = 0; at < head.fields.length; at += 2) {
    const name = head.fields[at] as string
    if (!about.has(name.toLowerCase())) fields.push(name, head.fields[at + 1] as string)
  }
  fields.push('Upgrade', protocol, 'Connection', 'Upgrade')
  return outgoing.switchProtocols({ ...head, fields, bodyless: true, close: true })
}

/** The filter that the response's body goes through, where it is not too late for one. */
function filterOf(request: Request, length: number | undefined): BodyTransform | undefined {
  if (request.headersSent || request.outgoing.headSent) return undefined
  return request.transaction?.phases.outputFilter(request, length)
}

/** Ends the response so that the client can tell that it is incomplete. */
export function cutOff(request: Request): void {
  request.cut = true
  request.outgoing.cut()
}

function reportFilter(request: Request, error: Error): void {
  request.report('core', 'error', `Response cut: an output filter failed: ${error.message}`, 'WSGH0018')
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

/** What the header says of the body's length, right or wrong. */
interface DeclaringHead extends ResponseHead {
  readonly declared: number | undefined
}

/** The header as it goes out; undefined where it is too late for one. */
function makeHead(request: Request, length: number | undefined): DeclaringHead | undefined {
  const { outgoing, transaction } = request
  if (request.headersSent || outgoing.headSent || outgoing.isOver) return undefined
  if (transaction !== undefined) {
    transaction.last = request
    for (const edit of transaction.phases.responseHeaders) edit(request)
  }
  const fields = finalFields(request, length)
  const { status } = request
  const bodyless = hasNoBody(request)
  const declared = declaredLength(request)
  const hasLength = !bodyless && declared !== undefined
  const treatment = treatmentOf(request)
  const close =
    outgoing.hasConnectionFields && connectionFields(request, fields, treatment, bodyless || hasLength)
  request.headersSent = true
  return {
    status,
    reason: request.reason || reasonOf(status) || 'Unknown',
    fields,
    bodyless,
    hasLength,
    declared,
    isForOld: treatment.isOld,
    version: treatment.version,
    close,
  }
}

/** Hands something to the protocol. False: the header could not be sent, and an error page went out in its place. */
function send(request: Request, handOver: () => void): boolean {
  try {
    handOver()
    return true
  } catch (error) {
    if (!(error instanceof HeaderFault)) throw error
    request.report('core', 'error', `Response header refused: ${error.message}`, 'WSGH0004')
    sendBare500(request)
    return false
  }
}

/** Without anything that modules have set: even the header of an error page may be what cannot be sent. */
function sendBare500(request: Request): void {
  const { outgoing } = request
  request.status = 500
  request.bytesSent = 0
  outgoing.respond(
    {
      status: 500,
      reason: 'Internal Server Error',
      fields: outgoing.hasConnectionFields
        ? ['Content-Length', '0', 'Connection', 'close']
        : ['Content-Length', '0'],
      bodyless: false,
      hasLength: true,
      close: true,
    },
    '',
  )
}
