/**
 * A response on its way over HTTP/1: header and body in one write where they are small, else the pieces of one turn of the event loop together.
 * Rules: RFC 9112 sections 6 and 7.
 */
import type { Duplex } from 'node:stream'
import { descriptorOf } from '../../system/socket-descriptor.js'
import { Ending } from '../ending.js'
import type { HandedOver, OutgoingMessage, ResponseHead, SwitchedConnection } from '../message.js'
import { headText, trailerText } from './response-head.js'

/** A whole response up to this size is copied into one text with its header: cheaper than a vector. */
const JOINED_MAX_BYTES = 16 * 1024

/**
 * Pieces of a response are joined up to this size; larger ones are written as they are, those of one turn in one call. Made into text first,
 * blocks of 16 KiB would be copied three times more on their way.
 */
const JOINED_PIECE_MAX_BYTES = 2048

/** The connection, as far as a response needs it. */
export interface ResponseCarrier {
  readonly socket: Duplex
  /** Called when the last byte has been handed to the kernel, or with an error. */
  readonly written: (error?: Error | null) => void
  /** Writes the last text of a response, after all that was written before; {@link written} tells when it has gone. */
  writeLast(text: string): void
  /** The response ends here; what was written still goes out. `abrupt`: only a reset can tell that it is incomplete. */
  cutOff(abrupt: boolean): void
  /** Lets go of the connection. Returns what has been read of what follows the request. */
  detach(): Buffer
}

enum Framing {
  none,
  length,
  chunked,
  /** The end of the connection is the end of the body. */
  close,
}

export class Http1Outgoing extends Ending implements OutgoingMessage {
  readonly hasConnectionFields = true
  headSent = false
  ended = false
  overheadBytes = 0
  /** No other request after this one. */
  closes = false
  drain: (() => void) | undefined = undefined
  #framing: Framing = Framing.none
  /** Text that goes out at the end of this turn, or with the next piece. */
  #pending = ''
  #flushes = false
  /** All of the header is still in {@link #pending}, at its beginning. */
  #holdsHead = false

  constructor(
    private readonly carrier: ResponseCarrier,
    /** HTTP/1.0: no chunks. */
    private readonly isOld: boolean,
    public canKeep: boolean,
  ) {
    super()
  }

  get bufferedBytes(): number {
    return this.isOver ? 0 : this.carrier.socket.writableLength + this.#pending.length
  }

  writeContinue(): void {
    if (!this.headSent && !this.isOver) this.carrier.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1')
  }

  respond(head: ResponseHead, body: string | Uint8Array): void {
    if (this.headSent || this.ended || this.isOver) return
    const text = `${headText(head)}\r\n`
    this.headSent = true
    this.ended = true
    this.closes = head.close
    this.overheadBytes += text.length
    const { carrier } = this
    if (typeof body === 'string' || body.length <= JOINED_MAX_BYTES) {
      const whole = body.length === 0 ? text : text + (typeof body === 'string' ? body : asText(body))
      carrier.writeLast(whole)
    } else {
      const { socket } = carrier
      socket.cork()
      socket.write(text, 'latin1')
      socket.write(body, carrier.written)
      socket.uncork()
    }
  }

  begin(head: ResponseHead): void {
    if (this.headSent || this.ended || this.isOver) return
    let text = headText(head)
    let framing = Framing.none
    if (!head.bodyless) {
      if (head.hasLength) framing = Framing.length
      else if (this.isOld || head.isForOld === true) framing = Framing.close
      else {
        framing = Framing.chunked
        text += 'Transfer-Encoding: chunked\r\n'
      }
    }
    text += '\r\n'
    this.headSent = true
    this.closes = head.close || framing === Framing.close
    this.#framing = framing
    this.overheadBytes += text.length
    this.#add(text)
    this.#holdsHead = true
  }

  write(chunk: string | Uint8Array): boolean {
    if (!this.headSent || this.ended || this.isOver) return true
    const { length } = chunk
    if (length === 0 || this.#framing === Framing.none) return true
    const { socket } = this.carrier
    const isChunked = this.#framing === Framing.chunked
    if (isChunked) {
      const size = `${length.toString(16)}\r\n`
      this.overheadBytes += size.length + 2
      this.#add(size)
    }
    if (typeof chunk === 'string' || length <= JOINED_PIECE_MAX_BYTES) {
      this.#add(typeof chunk === 'string' ? chunk : asText(chunk))
      if (isChunked) this.#add('\r\n')
      if (this.#pending.length > JOINED_MAX_BYTES) this.#flush()
    } else {
      socket.cork()
      this.#flush()
      socket.write(chunk)
      if (isChunked) socket.write('\r\n', 'latin1')
      // a turn's pieces go out together
      process.nextTick(uncork, socket)
    }
    return !socket.writableNeedDrain
  }

  end(trailers?: readonly string[]): void {
    if (!this.headSent || this.ended || this.isOver) return
    if (this.#framing === Framing.chunked) {
      const last = `0\r\n${trailers === undefined ? '' : trailerText(trailers)}\r\n`
      this.overheadBytes += last.length
      this.#pending += last
    }
    this.ended = true
    const text = this.#pending
    this.#pending = ''
    // an empty one comes back when everything before it has gone
    this.carrier.writeLast(text)
  }

  lend(): number | undefined {
    if (!this.headSent || this.ended || this.isOver || this.#framing !== Framing.length) return undefined
    const { socket } = this.carrier
    const descriptor = descriptorOf(socket)
    if (descriptor === undefined) return undefined
    this.#flush()
    // what this turn has gathered
    if (socket.writableCorked > 0) socket.uncork()
    return socket.writableLength === 0 ? descriptor : undefined
  }

  /** Sees to it that no other request follows on the connection, and that the client knows. False: it is too late for that. */
  mustClose(): boolean {
    if (this.closes) return true
    if (!this.headSent) {
      this.canKeep = false
      return true
    }
    if (!this.#holdsHead) return false
    const end = this.#pending.indexOf('\r\n\r\n')
    const head = `${this.#pending.slice(0, end).replace(/\r\n(?:Connection|Keep-Alive): [^\r]*/g, '')}\r\nConnection: close`
    this.overheadBytes += head.length - end
    this.#pending = head + this.#pending.slice(end)
    this.closes = true
    return true
  }

  handOver(
    room: number | undefined,
    firstMaxBytes: number,
    isKept: boolean,
  ): HandedOver | 'later' | undefined {
    if (!this.headSent || this.ended || this.isOver || this.#framing === Framing.none) return undefined
    const { socket } = this.carrier
    const descriptor = descriptorOf(socket)
    if (descriptor === undefined || !(isKept || this.mustClose())) return undefined
    if (socket.writableCorked > 0 || this.#pending.length > firstMaxBytes) {
      this.#flush()
      // what this turn has gathered
      if (socket.writableCorked > 0) socket.uncork()
    }
    if (socket.writableLength > 0) {
      // `drain` only comes where much waited
      socket.write('', 'latin1', (error) => {
        if (!error) this.drain?.()
      })
      return 'later'
    }
    const first = this.#pending
    this.#pending = ''
    this.#holdsHead = false
    return { descriptor, first, isChunked: this.#framing === Framing.chunked, room }
  }

  writeAsIs(bytes: Uint8Array): boolean {
    if (this.ended || this.isOver) return true
    const { socket } = this.carrier
    socket.write(bytes)
    return !socket.writableNeedDrain
  }

  countElsewhere(overheadBytes: number): void {
    this.overheadBytes += overheadBytes
  }

  switchProtocols(head: ResponseHead): SwitchedConnection | undefined {
    if (this.headSent || this.ended || this.isOver) return undefined
    const text = `${headText(head)}\r\n`
    this.headSent = true
    this.ended = true
    this.overheadBytes += text.length
    const { socket } = this.carrier
    const received = this.carrier.detach()
    socket.write(text, 'latin1')
    return { socket, received }
  }

  cut(): void {
    if (this.ended || this.isOver) return
    this.#flush()
    this.ended = true
    this.carrier.cutOff(!this.headSent || this.#framing === Framing.close)
  }

  onDrain(callback: () => void): void {
    this.drain = callback
  }

  /** The connection says that this is the end, one way or the other. */
  close(isComplete: boolean): void {
    if (this.isOver) return
    this.isOver = true
    this.isComplete = isComplete
    this.drain = undefined
    this.#pending = ''
    this.tell(this)
  }

  #add(text: string): void {
    this.#pending += text
    if (this.#flushes) return
    this.#flushes = true
    process.nextTick(() => {
      this.#flushes = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#pending === '' || this.isOver) return
    const text = this.#pending
    this.#pending = ''
    this.#holdsHead = false
    this.carrier.socket.write(text, 'latin1')
  }
}

function uncork(socket: Duplex): void {
  socket.uncork()
}

function asText(bytes: Uint8Array): string {
  return Buffer.isBuffer(bytes)
    ? bytes.toString('latin1')
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
