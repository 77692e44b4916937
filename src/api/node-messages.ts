/**
 * A request and its response as Node's own HTTP servers have them (`node:http`, `node:https`, the compatibility API of `node:http2`), in the form
 * in which this server's protocols hand them to everything above (src/http/message.ts). Node has framed the request, and frames the response.
 */
import { ServerResponse, validateHeaderValue } from 'node:http'
import type { Socket } from 'node:net'
import { Ending } from '../http/ending.js'
import { Http1Body, NO_BODY } from '../http/http1/body.js'
import { NGHTTP2_INTERNAL_ERROR } from '../http/http2/fields.js'
import { reset } from '../http/http2/stream.js'
import {
  type BodySource,
  HeaderFault,
  type IncomingMessage,
  type OutgoingMessage,
  type ResponseHead,
} from '../http/message.js'
import type { AnyRequest, AnyResponse } from './http-types.js'
import type { Found } from './place.js'
import { fieldsOf } from './request-fields.js'
import { setFields } from './response-fields.js'

export class MountedRequest implements IncomingMessage {
  readonly method: string
  readonly target: string
  readonly version: string
  readonly rawHeaders: readonly string[]
  readonly body: BodySource
  /** Of the body. */
  bytesReceived = 0
  /** Why this is no request. */
  readonly fault: string | undefined
  /** Somebody has read the body before, or is about to, and has not kept it. */
  readonly isTaken: boolean = false
  /** Here, and not by Node, the body is read. */
  #reads = false

  constructor(
    readonly request: AnyRequest,
    readonly place: Found,
    /** What the handler was given to go on with. */
    readonly next?: (error?: unknown) => void,
  ) {
    this.method = request.method ?? 'GET'
    this.target = place.target
    this.version = request.httpVersion
    const { fields, fault } = fieldsOf(request)
    this.fault = fault
    const hasBody = announcesBody(fields)
    const read = hasBody && request.readableEnded ? (request as { rawBody?: unknown }).rawBody : undefined
    if (read instanceof Uint8Array) {
      this.rawHeaders = withLength(fields, read.length)
      this.body = bodyOf(read)
    } else {
      this.rawHeaders = fields
      this.body = hasBody ? this.#openBody() : NO_BODY
      this.isTaken = hasBody && (request.readableDidRead || request.readableEnded)
    }
  }

  get rawTrailers(): readonly string[] {
    return this.request.rawTrailers
  }

  /** The response is over. What nobody has begun to read Node throws away; what is left of other bodies has to be, or the connection stands still. */
  letGo(): void {
    if (!this.#reads) return
    ;(this.body as Http1Body).discard()
    this.request.resume()
  }

  /** Node is not asked for anything before somebody reads. */
  #openBody(): Http1Body {
    const { request } = this
    const body = new Http1Body({
      holdBack: () => request.pause(),
      goOn: () => {
        if (!this.#reads) {
          this.#reads = true
          // broken off before the service came to it: nothing would be told any more
          if (request.destroyed) body.abort()
          request.on('data', (chunk: Buffer) => {
            this.bytesReceived += chunk.length
            body.push(chunk)
          })
          request.once('end', () => body.finish())
          // an HTTP/2 stream that was reset ends like one that is complete
          request.once('aborted', () => body.abort())
          request.once('close', () => body.abort())
          request.on('error', () => body.abort())
        }
        request.resume()
      },
    })
    return body
  }
}

/** Node throws what nobody listens for; `close` tells all that there is to know. */
function ignore(): void {}

function announcesBody(rawHeaders: readonly string[]): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (name.length === 14 && name.toLowerCase() === 'content-length') return rawHeaders[at + 1] !== '0'
    if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') return true
  }
  return false
}

/** A body that whoever has read it kept as `rawBody`. */
function bodyOf(bytes: Uint8Array): Http1Body {
  const body = new Http1Body({ holdBack() {}, goOn() {} })
  body.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  body.finish()
  return body
}

/** The reader may have unpacked it. */
function withLength(fields: readonly string[], length: number): string[] {
  const others = fields.filter(
    (_, at) => !/^(?:content-length|transfer-encoding)$/i.test(fields[at & ~1] as string),
  )
  return [...others, 'content-length', String(length)]
}

export class MountedResponse extends Ending implements OutgoingMessage {
  /** `Connection` and `Keep-Alive` are Node's. */
  readonly hasConnectionFields = false
  readonly canKeep = true
  readonly closes = false
  readonly overheadBytes = 0
  headSent = false
  ended = false
  /** The service is to answer by itself. */
  isLeft = false
  /** Body bytes handed over. */
  bodyBytes = 0
  #onDrain: (() => void) | undefined
  #framedByEnd = false

  constructor(readonly response: AnyResponse) {
    super()
    // what the service itself has ended is no response of the application's
    response.on('finish', () => this.#over(this.ended || this.isLeft))
    response.on('close', () => this.#over(false))
    response.on('error', ignore)
    if (response.closed || response.destroyed) process.nextTick(() => this.#over(false))
  }

  get bufferedBytes(): number {
    return this.isOver ? 0 : this.response.writableLength
  }

  writeContinue(): void {
    const { response } = this
    // Node has done so by itself unless somebody listens for `checkContinue`
    if (this.headSent || this.isOver || (response as { _sent100?: boolean })._sent100 === true) return
    response.writeContinue()
  }

  respond(head: ResponseHead, body: string | Uint8Array): void {
    if (this.headSent || this.ended || this.isOver || !this.#sendHead(head)) return
    this.ended = true
    const { response } = this
    if (head.bodyless || body.length === 0) response.end()
    else {
      this.bodyBytes += body.length
      if (typeof body === 'string') response.end(body, 'latin1')
      else response.end(body)
    }
  }

  begin(head: ResponseHead): void {
    if (this.headSent || this.ended || this.isOver || !this.#sendHead(head)) return
    setImmediate(() => this.#flushHead())
  }

  write(chunk: string | Uint8Array): boolean {
    if (!this.headSent || this.ended || this.isOver || chunk.length === 0) return true
    this.bodyBytes += chunk.length
    const response = this.response as ServerResponse
    return typeof chunk === 'string' ? response.write(chunk, 'latin1') : response.write(chunk)
  }

  end(): void {
    if (!this.headSent || this.ended || this.isOver) return
    this.ended = true
    this.response.end()
  }

  /** A client of HTTP/1.0 takes an ordinary end of the connection for the end of the body. */
  cut(): void {
    this.ended = true
    const { response } = this
    if (!(response instanceof ServerResponse)) {
      if (response.stream !== undefined) reset(response.stream, NGHTTP2_INTERNAL_ERROR)
      return
    }
    const socket = response.socket as Socket | null
    if (this.#framedByEnd && socket !== null && !('encrypted' in socket)) socket.resetAndDestroy()
    else response.destroy()
  }

  onDrain(callback: () => void): void {
    if (this.#onDrain === undefined) this.response.on('drain', () => this.#onDrain?.())
    this.#onDrain = callback
  }

  /** An application that takes its time for the body: the client sees the header meanwhile. */
  #flushHead(): void {
    const { response } = this
    if (this.bodyBytes === 0 && !this.ended && !this.isOver && response instanceof ServerResponse)
      response.flushHeaders()
  }

  #over(isComplete: boolean): void {
    if (this.isOver) return
    this.isOver = true
    this.isComplete = isComplete
    this.#onDrain = undefined
    this.tell(this)
  }

  /**
   * @returns false: the service has answered by itself meanwhile, or broken off
   * @throws HeaderFault
   */
  #sendHead(head: ResponseHead): boolean {
    const { response } = this
    if (response.headersSent || response.destroyed) {
      this.#over(false)
      return false
    }
    const { status, reason } = head
    // what kind of server answers is the service's to say
    const fields = head.fields[0] === 'Server' ? head.fields.slice(2) : head.fields
    try {
      validateHeaderValue('Reason-Phrase', reason)
      setFields(response, fields)
      if (response instanceof ServerResponse) response.writeHead(status, reason)
      else response.writeHead(status)
    } catch (error) {
      throw error instanceof HeaderFault ? error : new HeaderFault((error as Error).message, { cause: error })
    }
    this.headSent = true
    this.#framedByEnd = !head.hasLength && !(response as { chunkedEncoding?: boolean }).chunkedEncoding
    return true
  }
}
