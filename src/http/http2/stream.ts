/**
 * A request and its response as one stream of an HTTP/2 connection. Flow control is end to end: what nobody reads is not acknowledged to the
 * client, and what the client does not take makes `write` answer false.
 * Rules: RFC 9113 sections 5.2 and 8.1.
 */
import type { ServerHttp2Stream } from 'node:http2'
import { Ending } from '../ending.js'
import { dateNow } from '../http-date.js'
import { Http1Body, NO_BODY } from '../http1/body.js'
import {
  type BodySource,
  HeaderFault,
  type IncomingMessage,
  type OutgoingMessage,
  type ResponseHead,
} from '../message.js'
import { NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, outgoingFields, type RequestHead } from './fields.js'

/** A frame's own header. */
const FRAME_BYTES = 9

export class Http2Incoming implements IncomingMessage {
  readonly version = '2.0'
  readonly body: BodySource
  rawTrailers: readonly string[] = []
  bytesReceived: number
  readonly #body: Http1Body | undefined

  constructor(
    stream: ServerHttp2Stream,
    private readonly head: RequestHead,
    hasBody: boolean,
  ) {
    this.bytesReceived = head.bytes + FRAME_BYTES
    if (!hasBody) {
      this.body = NO_BODY
      return
    }
    const body = new Http1Body({ holdBack: () => stream.pause(), goOn: () => stream.resume() })
    this.#body = body
    this.body = body
    stream.on('data', (chunk: Buffer) => {
      this.bytesReceived += chunk.length + FRAME_BYTES
      body.push(chunk)
    })
    stream.on('trailers', (_trailers: unknown, _flags: unknown, raw?: string[]) => {
      this.rawTrailers = raw ?? []
    })
    stream.on('end', () => {
      if (!stream.aborted) body.finish()
    })
    stream.on('aborted', () => body.abort())
    stream.on('close', () => body.abort())
  }

  get method(): string {
    return this.head.method
  }

  get target(): string {
    return this.head.target
  }

  get rawHeaders(): readonly string[] {
    return this.head.fields
  }

  /** The body comes too slowly: who reads it is told, and may still answer. */
  timeOut(): void {
    this.#body?.abort(true)
  }

  /** The response is over: what still comes of the body is nobody's. */
  discard(): void {
    this.#body?.discard()
  }
}

export class Http2Outgoing extends Ending implements OutgoingMessage {
  readonly hasConnectionFields = false
  readonly canKeep = true
  readonly closes = false
  headSent = false
  ended = false
  overheadBytes = 0
  /** Body bytes handed over. */
  bodyBytes = 0
  #onDrain: (() => void) | undefined
  #hasTrailers = false
  #bodyless = false

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly incoming: Http2Incoming,
  ) {
    super()
    stream.on('finish', () => this.#finished())
    stream.on('drain', () => this.#onDrain?.())
    stream.on('error', () => {})
    stream.on('close', () => this.close(stream.writableFinished && stream.rstCode === NGHTTP2_NO_ERROR))
  }

  get bufferedBytes(): number {
    return this.isOver ? 0 : this.stream.writableLength
  }

  writeContinue(): void {
    if (!this.headSent && this.#canSend()) this.stream.additionalHeaders({ ':status': 100 })
  }

  respond(head: ResponseHead, body: string | Uint8Array): void {
    if (this.headSent || this.ended || this.isOver) return
    const isEmpty = head.bodyless || body.length === 0
    this.#sendHead(head, isEmpty)
    this.ended = true
    if (isEmpty) return
    this.bodyBytes += body.length
    this.overheadBytes += FRAME_BYTES
    if (this.#canSend()) this.stream.end(typeof body === 'string' ? Buffer.from(body, 'latin1') : body)
  }

  begin(head: ResponseHead): void {
    if (this.headSent || this.ended || this.isOver) return
    this.#bodyless = head.bodyless
    this.#sendHead(head, head.bodyless)
  }

  write(chunk: string | Uint8Array): boolean {
    if (!this.headSent || this.ended || this.#bodyless || chunk.length === 0 || !this.#canSend()) return true
    this.bodyBytes += chunk.length
    this.overheadBytes += FRAME_BYTES
    return this.stream.write(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk)
  }

  end(trailers?: readonly string[]): void {
    if (!this.headSent || this.ended || this.isOver) return
    this.ended = true
    if (this.#bodyless || !this.#canSend()) return
    if (this.#hasTrailers) {
      const { headers } = outgoingFields(trailers ?? [])
      this.stream.once('wantTrailers', () => this.stream.sendTrailers(headers))
    }
    this.stream.end()
  }

  cut(): void {
    if (this.ended && this.#bodyless) return
    this.ended = true
    reset(this.stream, NGHTTP2_INTERNAL_ERROR)
  }

  onDrain(callback: () => void): void {
    this.#onDrain = callback
  }

  /** Nothing more can be sent. */
  close(isComplete: boolean): void {
    if (this.isOver) return
    this.isOver = true
    this.isComplete = isComplete
    this.#onDrain = undefined
    this.tell(this)
  }

  /** The end of the response has been sent. A client that is still sending is told that nobody wants the rest. */
  #finished(): void {
    // Node ends a stream that its client has taken back, too
    if (this.stream.aborted) {
      this.close(false)
      return
    }
    if (this.#hasTrailers) return
    this.close(true)
    this.incoming.discard()
    // a stream that is paused would never be closed
    this.stream.resume()
    if (!this.incoming.body.complete && !this.stream.closed) this.stream.close(NGHTTP2_NO_ERROR)
  }

  #canSend(): boolean {
    return !this.isOver && !this.stream.destroyed && !this.stream.closed
  }

  /** @throws HeaderFault */
  #sendHead({ status, fields, bodyless }: ResponseHead, endStream: boolean): void {
    if (!(status >= 200 && status <= 999)) throw new HeaderFault(`status ${status} has no place in HTTP/2`)
    const { headers, bytes } = outgoingFields(fields)
    headers[':status'] = status
    headers.date ??= dateNow()
    this.#hasTrailers = !endStream && !bodyless && headers.trailer !== undefined
    this.headSent = true
    this.overheadBytes += bytes + FRAME_BYTES
    if (!this.#canSend()) return
    try {
      this.stream.respond(headers, { endStream, waitForTrailers: this.#hasTrailers })
    } catch (error) {
      this.headSent = false
      throw new HeaderFault((error as Error).message, { cause: error })
    }
  }
}

/**
 * Breaks a stream off, so that its client can tell. `close(code)` alone ends the response first, and where everything written has been sent that is a
 * proper end, after which the reset says nothing.
 */
export function reset(stream: ServerHttp2Stream, code: number): void {
  if (stream.closed) return
  stream.end = () => stream
  stream.close(code)
}
