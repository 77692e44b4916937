/**
 * One client connection that speaks HTTP/1: reads requests one after the other, hands each to the sink, and goes on when its response is over.
 * It works on any duplex socket, plain or encrypted.
 *
 *     head ──header complete──▶ message (its body arrives, its response goes out) ──response over, body read──▶ head
 *       └──what is no header──▶ refused (sink.refuse answers) ──▶ closing          └──▶ closing | detached
 *
 * Nothing is read ahead but the beginning of what follows: what else a client sends while its request is being answered waits in the kernel.
 * Rules: RFC 9112 sections 6, 7 and 9; httpd's lingering close.
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { descriptorOf } from '../../system/socket-descriptor.js'
import type { IncomingMessage, LentBody, MessageSink, OutgoingMessage } from '../message.js'
import { type BodyCarrier, Http1Body, NO_BODY } from './body.js'
import { ChunkedDecoder } from './chunked.js'
import { DirectWriter } from './direct-write.js'
import { type HeadFault, parseHead } from './grammar.js'
import { HeadReader, type HeadRefusal } from './head-reader.js'
import { Http1Incoming, UNREADABLE } from './incoming.js'
import { keepPiece } from './kept-pieces.js'
import { Http1Outgoing, type ResponseCarrier } from './outgoing.js'
import { readShared, stopReadingShared } from './shared-reads.js'

/** Headers up to this size are looked for in the first piece as a whole. */
const WHOLE_HEAD_MAX_BYTES = 4096
/**
 * So much of what follows a request is kept without holding the client back: mostly it is the next request, from a client that has the whole response
 * before this is known here (it was lent the connection, say). Two calls of `epoll_ctl` and the stream's way through its states are more than that.
 */
const HELD_MAX_BYTES = 4096
/** What is left of a body when its response is over is thrown away up to this size; beyond it the connection closes. */
export const DISCARD_MAX_BYTES = 64 * 1024

/** What the connection tells beside the requests themselves. */
export interface Http1Sink<Conn> extends MessageSink<Conn> {
  /** What came is no request: answer with that status; the connection ends after it. `line` is its first line, as far as it is known. */
  refuse(
    connection: Conn,
    incoming: IncomingMessage,
    outgoing: OutgoingMessage,
    status: 400 | 408 | 414 | 431,
    line: string,
    why: HeadFault,
  ): void
  /** The response is over, and the connection waits for another request. */
  rests(connection: Conn): void
  /** The client has closed its side while its request is being answered. Whether it still reads nobody can know. */
  left(connection: Conn): void
  /** The socket has closed. */
  gone(connection: Conn): void
}

const NOTHING = Buffer.alloc(0)

enum State {
  head,
  message,
  closing,
  detached,
}

export class Http1Connection<Conn> implements BodyCarrier, ResponseCarrier {
  /** Bytes that have been read from the socket. */
  bytesRead = 0
  /** The client has closed its side. */
  hasEnded = false
  /** Set while a response is being sent that ends the connection: since when what still comes is thrown away, in milliseconds. */
  lingersSince = 0
  readonly written: (error?: Error | null) => void
  #state: State = State.head
  #incoming: Http1Incoming | undefined
  #outgoing: Http1Outgoing | undefined
  #body: Http1Body | undefined
  /** Bytes that the body still lacks; unused where it is chunked. */
  #left = 0
  #chunks: ChunkedDecoder | undefined
  #discarded = 0
  /** What has been read of the next request, or of a body that nobody takes. */
  #held: Buffer | undefined
  #isPaused = false
  /** The request at hand is the first, or came together with the one before: who sent it may have closed its side long ago. */
  #cameAhead = true
  /** Somebody else reads the body: nothing may be read here. */
  #isLent = false
  /** The client has said that nothing comes after the request at hand, which has no body. */
  #isLast = false
  #reader: HeadReader | undefined
  /** What is read is there during the call alone. */
  readonly #isShared: boolean
  readonly #direct: DirectWriter | undefined

  constructor(
    readonly socket: Duplex,
    private readonly sink: Http1Sink<Conn>,
    private readonly owner: Conn,
    private readonly headMaxBytes: number,
  ) {
    this.written = (error) => {
      if (!error) this.#sent()
    }
    this.#isShared = readShared(socket, (buffer, length) => this.#onShared(buffer, length))
    this.#direct = DirectWriter.of(socket, this.written)
    if (!this.#isShared) socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#outgoing?.drain?.())
    socket.on('error', ignore)
    socket.on('close', () => this.#onClose())
  }

  /** Something that was written waits for the client. */
  get hasUnsent(): boolean {
    return this.socket.writableLength > 0 || this.#direct?.waits === true
  }

  /** Bytes of a header that is not complete yet. */
  get headBytes(): number {
    return this.#reader?.bytes ?? 0
  }

  /** The first bytes of a header are here. */
  get hasBegunHead(): boolean {
    return this.headBytes > 0
  }

  /** The request's header did not come in time. */
  timeOut(): void {
    if (this.#state === State.head) this.#refuse({ status: 408, why: 'the header did not arrive in time' })
  }

  /** The body comes too slowly: who reads it is told, and may still answer. */
  timeOutBody(): void {
    if (this.#body !== undefined && !this.#body.complete) this.#brokenBody(this.#body, true)
  }

  /** Closes an idle connection. */
  close(): void {
    if (this.#outgoing === undefined) this.#finish()
  }

  /** {@link ResponseCarrier} */
  writeLast(text: string): void {
    if (this.#direct?.write(text) !== true) this.socket.write(text, 'latin1', this.written)
  }

  /**
   * {@link ResponseCarrier}: from here on the connection speaks another protocol, and whoever asked for that owns the socket. The response is over
   * when the socket is closed.
   */
  detach(): Buffer {
    const received = this.#held ?? Buffer.alloc(0)
    this.#state = State.detached
    this.#held = undefined
    if (this.#isShared) stopReadingShared(this.socket as Socket)
    this.socket.removeAllListeners('data')
    this.socket.removeAllListeners('end')
    this.socket.removeAllListeners('drain')
    return received
  }

  // reading

  /** Mostly this is one whole header and nothing else: then it needs no buffer of its own. */
  #onShared(buffer: Buffer, length: number): void {
    if (this.#state === State.head && this.#held === undefined && this.headBytes === 0) {
      const text = length <= WHOLE_HEAD_MAX_BYTES ? buffer.toString('latin1', 0, length) : ''
      const end = text.indexOf('\r\n\r\n')
      // empty lines before a request are rare
      if (end > 0 && end === length - 4 && text.charCodeAt(0) !== 13) {
        this.bytesRead += length
        this.#begin(text.slice(0, end + 2), NOTHING, 0, length)
        return
      }
    }
    this.#onData(buffer.subarray(0, length))
  }

  #onData(chunk: Buffer): void {
    this.bytesRead += chunk.length
    if (this.#isLent && this.#state === State.message) {
      // It has been torn out of the middle of what somebody else reads.
      this.socket.destroy()
      return
    }
    if (this.#held !== undefined) this.#hold(chunk)
    else this.#read(chunk)
  }

  #read(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#state === State.head) at = this.#readHead(chunk, at)
      else if (this.#state !== State.message) return
      else if (this.#body !== undefined && !this.#body.complete) at = this.#readBody(chunk, at)
      else {
        this.#hold(at === 0 ? chunk : chunk.subarray(at))
        return
      }
    }
  }

  /** @returns the index after what belonged to the request. */
  #readHead(chunk: Buffer, from: number): number {
    if (this.#reader === undefined || this.#reader.bytes === 0) {
      const piece = chunk.toString('latin1', from, Math.min(chunk.length, from + WHOLE_HEAD_MAX_BYTES))
      const end = piece.indexOf('\r\n\r\n')
      // empty lines before a request are rare
      if (end > 0 && piece.charCodeAt(0) !== 13) {
        const bytes = end + 4
        this.#begin(piece.slice(0, end + 2), chunk, from + bytes, bytes)
        return this.#consumed
      }
    }
    return this.#readSlowly(chunk, from)
  }

  #consumed = 0

  #readSlowly(chunk: Buffer, from: number): number {
    this.#reader ??= new HeadReader(this.headMaxBytes)
    const piece = chunk.toString('latin1', from, chunk.length)
    const before = this.#reader.bytes
    const progress = this.#reader.feed(piece)
    if (progress === undefined) return chunk.length
    if (typeof progress === 'string') {
      this.#begin(progress, chunk, from + this.#reader.consumed, before + this.#reader.consumed)
      return this.#consumed
    }
    this.#refuse(progress)
    return chunk.length
  }

  /** A header is complete. Sets `#consumed` to the index after what belongs to the request. */
  #begin(text: string, chunk: Buffer, at: number, headBytes: number): void {
    this.#consumed = at
    const head = parseHead(text)
    if (typeof head === 'string') {
      this.#refuse({ status: 400, why: head }, text)
      return
    }
    let body: Http1Body | undefined
    this.#discarded = 0
    if (head.length !== 0) {
      body = new Http1Body(this)
      this.#left = head.length
      this.#chunks = head.length < 0 ? new ChunkedDecoder() : undefined
    }
    this.#body = body
    this.#isLast = body === undefined && head.saysClose
    const incoming = new Http1Incoming(head, body ?? NO_BODY, headBytes)
    // who has closed that side may have sent further requests before
    const isGone = this.hasEnded && at >= chunk.length
    const outgoing = new Http1Outgoing(this, head.version === '1.0', head.canKeep && !isGone)
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#state = State.message
    // what has come with the header is there when the request is looked at
    if (body !== undefined && at < chunk.length) this.#consumed = this.#readBody(chunk, at)
    this.sink.serve(this.owner, incoming, outgoing)
  }

  /** @returns the index after what belonged to the body. */
  #readBody(chunk: Buffer, from: number): number {
    const body = this.#body as Http1Body
    const incoming = this.#incoming
    let end: number
    if (this.#chunks === undefined) {
      end = Math.min(chunk.length, from + this.#left)
      this.#left -= end - from
      body.push(this.#kept(from === 0 && end === chunk.length ? chunk : chunk.subarray(from, end)))
      if (this.#left === 0) this.#bodyComplete(body)
    } else {
      end = this.#chunks.feed(chunk, from, (data) => body.push(this.#kept(data)))
      if (this.#chunks.fault !== undefined) {
        this.#brokenBody(body)
        return chunk.length
      }
      if (this.#chunks.done) {
        if (incoming !== undefined) incoming.rawTrailers = this.#chunks.trailers
        this.#bodyComplete(body)
      }
    }
    if (incoming !== undefined) incoming.bytesReceived += end - from
    else if (!body.complete) {
      this.#discarded += end - from
      if (this.#discarded > DISCARD_MAX_BYTES) this.#finish()
    }
    return end
  }

  #bodyComplete(body: Http1Body): void {
    body.finish()
    if (this.#outgoing === undefined) this.#ready()
  }

  /** The framing is not what it should be: whoever reads the body is told, and after the response nothing more is read. */
  #brokenBody(body: Http1Body, timedOut = false): void {
    this.hasEnded = true
    body.abort(timedOut)
    if (this.#outgoing === undefined) this.#finish()
    else this.holdBack()
  }

  #hold(chunk: Buffer): void {
    this.#held = this.#held === undefined ? this.#kept(chunk) : Buffer.concat([this.#held, chunk])
    if (this.#held.length > HELD_MAX_BYTES) this.holdBack()
  }

  /** The bytes as they may be kept. */
  #kept(bytes: Buffer): Buffer {
    return this.#isShared ? keepPiece(bytes) : bytes
  }

  /** {@link BodyCarrier} */
  holdBack(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.socket.pause()
  }

  /** {@link BodyCarrier} */
  goOn(): void {
    if (!this.#isPaused || this.#held !== undefined) return
    this.#isPaused = false
    this.socket.resume()
  }

  /** {@link BodyCarrier} */
  lend(least: number, isKept: boolean): LentBody | undefined {
    // What comes through a stream may wait in it.
    if (!this.#isShared || this.#chunks !== undefined || this.#left < least || this.hasEnded) return undefined
    const descriptor = descriptorOf(this.socket)
    if (descriptor === undefined || !(isKept || this.#outgoing?.mustClose() === true)) return undefined
    this.holdBack()
    this.#isLent = true
    return { descriptor, bytes: this.#left }
  }

  /** {@link BodyCarrier} */
  taken(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    this.bytesRead += bytes
    if (this.#incoming !== undefined) this.#incoming.bytesReceived += bytes
    return true
  }

  /** {@link BodyCarrier} */
  takeBack(): void {
    this.#isLent = false
    const body = this.#body
    if (body === undefined || this.#state !== State.message) return
    if (this.#left === 0) this.#bodyComplete(body)
    this.goOn()
  }

  /** {@link BodyCarrier} */
  lose(): void {
    this.#isLent = false
    if (this.#body !== undefined && this.#state === State.message) this.#brokenBody(this.#body)
  }

  // ends

  /** All of the response has been handed to the kernel. */
  #sent(): void {
    const outgoing = this.#outgoing
    if (outgoing === undefined || !outgoing.ended) return
    this.#outgoing = undefined
    this.#incoming = undefined
    const body = this.#body
    const isRead = body === undefined || body.complete
    if (outgoing.closes || !outgoing.canKeep || (this.hasEnded && this.#held === undefined)) {
      const nothingFollows = this.#isLast && this.#held === undefined
      outgoing.close(true)
      if (nothingFollows && !this.#isEncrypted) this.#shut()
      else this.#finish()
      return
    }
    outgoing.close(true)
    if (this.#state !== State.message) return
    if (isRead) this.#next()
    else if (this.#mayDiscard()) {
      body.discard()
      this.goOn()
    } else this.#finish()
  }

  #mayDiscard(): boolean {
    return this.#chunks !== undefined || this.#left <= DISCARD_MAX_BYTES
  }

  /** The request is over, and its body read. What was held is the beginning of the next one. */
  #next(): void {
    this.#ready()
    const held = this.#held
    this.#cameAhead = held !== undefined
    if (held === undefined) return
    this.#held = undefined
    this.#read(held)
    if (this.#held === undefined) this.goOn()
  }

  /** The connection is ready for another request. */
  #ready(): void {
    this.#body = undefined
    this.#chunks = undefined
    this.#cameAhead = false
    if (this.hasEnded && this.#held === undefined) {
      this.#finish()
      return
    }
    this.#state = State.head
    this.sink.rests(this.owner)
    this.goOn()
  }

  #refuse(
    { status, why }: HeadRefusal | { status: 408; why: string },
    text = this.#reader?.firstLine ?? '',
  ): void {
    const line = text.split('\r\n', 1)[0] as string
    this.#state = State.closing
    this.#isLast = false
    this.#reader = undefined
    this.#held = undefined
    const incoming = new Http1Incoming(UNREADABLE, NO_BODY, this.bytesRead)
    const outgoing = new Http1Outgoing(this, false, false)
    this.#outgoing = outgoing
    this.sink.refuse(this.owner, incoming, outgoing, status, line, why)
  }

  /**
   * Closes after what has been written: our side first, the rest when the client has closed its own or does nothing for a while (the caller's
   * clock ends it, {@link lingersSince}). A plain close would answer what is still on its way with a reset, which can destroy the response
   * before the client has read it.
   */
  #finish(): void {
    this.#state = State.closing
    this.#held = undefined
    this.#reader = undefined
    if (this.socket.destroyed) return
    this.socket.end()
    if (this.socket.readableEnded) return
    this.lingersSince = Date.now()
    this.#isPaused = false
    this.socket.resume()
  }

  /**
   * Closes without lingering: the client has said that it sends nothing after this request, which had no body, so that nothing can be on its way that
   * would be answered with a reset. It spares what {@link #finish} waits for: another turn of the event loop and the end of the stream. Our side is
   * shut down all the same, since a child that an embedded application has forked may hold the socket open.
   */
  #shut(): void {
    this.#state = State.closing
    this.socket.end(() => this.socket.destroy())
  }

  get #isEncrypted(): boolean {
    return 'encrypted' in this.socket
  }

  /** {@link ResponseCarrier} */
  cutOff(abrupt: boolean): void {
    const socket = this.socket as Socket
    this.#state = State.closing
    if (!abrupt) {
      // what was written still goes out, and the end of the connection tells the rest
      socket.destroySoon()
    } else if (socket.resetAndDestroy !== undefined && !this.#isEncrypted) socket.resetAndDestroy()
    else socket.destroy()
  }

  /** The client will send nothing more. */
  #onEnd(): void {
    this.hasEnded = true
    if (this.#state === State.closing) {
      this.socket.destroy()
      return
    }
    const outgoing = this.#outgoing
    if (outgoing === undefined) {
      if (this.#state === State.head && this.hasBegunHead) {
        this.#refuse({ status: 400, why: 'the connection ended in the middle of a header' })
      } else this.#finish()
      return
    }
    if (this.#body !== undefined && !this.#body.complete) this.socket.destroy()
    // Who said that this is the last request, or waits for the answers to all it has sent, may have closed its side on purpose; who kept the
    // connection is gone.
    else if (outgoing.canKeep && this.#held === undefined && (outgoing.headSent || !this.#cameAhead))
      this.socket.destroy()
    else this.sink.left(this.owner)
  }

  #onClose(): void {
    const isDetached = this.#state === State.detached
    this.#state = State.closing
    this.#held = undefined
    this.#body?.abort()
    const outgoing = this.#outgoing
    this.#outgoing = undefined
    this.#incoming = undefined
    outgoing?.close(isDetached)
    this.sink.gone(this.owner)
  }
}

/** What goes wrong with a socket ends in its being closed. */
function ignore(): void {}
