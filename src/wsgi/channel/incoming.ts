/**
 * Cuts the control lane's bytes into frames and checks them. What an interpreter sends is hostile input: it runs other
 * people's code, perhaps under another user. Lengths are bounded here; ids are checked by the channel.
 */
import { FRAME_MAX_BYTES, HEADER_BYTES, Receive } from './wire.js'

/** Bodies up to this size are sent as text, in one write with the header; a buffer for them would cost as much as the copy. */
const TEXT_MAX_BYTES = 16 * 1024

/** The interpreter broke the protocol; the channel is closed. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation'
}

/** What a frame leads to. Buffers are only valid during the call. */
export interface FrameSink {
  /** A whole response; `text` is reason and headers, a small `body` latin-1 text. */
  answer(id: number, status: number, text: string, body: Buffer | string): void
  head(id: number, status: number, text: string): void
  data(id: number, chunk: Buffer): void
  report(
    flags: number,
    asleep: number,
    received: number,
    kicks: number,
    waiting: number,
    micros: number,
    slow: number,
  ): void
  /** Any other frame. */
  other(type: number, id: number, aux: number, payload: Buffer): void
}

/**
 * What the runtime never lets an application say. Other control characters can be the application's (a value that a client sent, given
 * back): the response is refused for them where its header is written (RFC 9110, 5.5), not the process that made it. NUL separates here.
 */
const LINE_BREAK = /[\r\n]/

/**
 * Parses frames as they come in. A head that is followed at once by all of its body is delivered as one answer, which
 * spares small generators the cost of a streamed response.
 */
export class Incoming {
  readonly #sink: FrameSink
  /** A frame whose end has not come, and how much of it is there. */
  #partial: Buffer | undefined
  #filled = 0
  #headId = 0
  #headStatus = 0
  #headText = ''
  #body: Buffer | undefined

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /**
   * Takes the next bytes; the buffer may be reused afterwards.
   * @throws {ProtocolViolation}
   */
  push(chunk: Buffer): void {
    const end = chunk.length
    let at = this.#partial === undefined ? 0 : this.#fill(this.#partial, chunk)
    while (end - at >= HEADER_BYTES) {
      const stop = at + frameBytes(chunk, at)
      if (stop > end) break
      this.#frame(chunk, at, stop)
      at = stop
    }
    if (this.#headId !== 0) this.#releaseHead()
    if (at < end) this.#keep(chunk, at)
  }

  /** Keeps the beginning of a frame, in a copy with room for all of it, or for its header as long as no more is known. */
  #keep(chunk: Buffer, at: number): void {
    const knowsSize = chunk.length - at >= HEADER_BYTES
    this.#partial = Buffer.allocUnsafe(knowsSize ? frameBytes(chunk, at) : HEADER_BYTES)
    this.#filled = chunk.copy(this.#partial, 0, at)
  }

  /** Goes on with a frame that has begun. Returns the index after what belonged to it. */
  #fill(partial: Buffer, chunk: Buffer): number {
    const at = chunk.copy(partial, this.#filled)
    this.#filled += at
    if (this.#filled < partial.length) return at
    const size = frameBytes(partial, 0)
    if (size === partial.length) {
      this.#partial = undefined
      this.#frame(partial, 0, size)
      return at
    }
    // the header is complete
    this.#partial = Buffer.allocUnsafe(size)
    partial.copy(this.#partial)
    return at + this.#fill(this.#partial, chunk.subarray(at))
  }

  #frame(data: Buffer, at: number, stop: number): void {
    const type = data[at + 4] as number
    const aux = data.readUInt16LE(at + 6)
    const id = data.readUInt32LE(at + 8)
    if (this.#headId !== 0 && this.#joins(type, id, data, at, stop)) return
    switch (type) {
      case Receive.answer: {
        if (stop - at < 16) throw new ProtocolViolation('short answer')
        const bodyAt = at + 16 + data.readUInt32LE(at + 12)
        if (bodyAt > stop) throw new ProtocolViolation('answer beyond its frame')
        const body =
          stop - bodyAt <= TEXT_MAX_BYTES
            ? data.toString('latin1', bodyAt, stop)
            : data.subarray(bodyAt, stop)
        this.#sink.answer(id, aux, headText(data, at + 16, bodyAt), body)
        return
      }
      case Receive.head:
        this.#headId = id
        this.#headStatus = aux
        this.#headText = headText(data, at + HEADER_BYTES, stop)
        return
      case Receive.data:
        this.#sink.data(id, data.subarray(at + HEADER_BYTES, stop))
        return
      case Receive.report:
        if (stop - at !== 28) throw new ProtocolViolation('report of a wrong size')
        this.#sink.report(
          data[at + 5] as number,
          aux,
          id,
          data.readUInt32LE(at + 12),
          data.readUInt32LE(at + 16),
          data.readUInt32LE(at + 20),
          data.readUInt32LE(at + 24),
        )
        return
      default:
        this.#sink.other(type, id, aux, data.subarray(at + HEADER_BYTES, stop))
    }
  }

  /** Whether this frame completes the head that is being held back, or waits with it. */
  #joins(type: number, id: number, data: Buffer, at: number, stop: number): boolean {
    if (id === this.#headId) {
      if (type === Receive.data && this.#body === undefined) {
        this.#body = data.subarray(at + HEADER_BYTES, stop)
        return true
      }
      if (type === Receive.end) {
        const body = this.#body ?? data.subarray(0, 0)
        this.#body = undefined
        this.#headId = 0
        this.#sink.answer(id, this.#headStatus, this.#headText, body)
        return true
      }
    }
    this.#releaseHead()
    return false
  }

  #releaseHead(): void {
    const id = this.#headId
    const body = this.#body
    this.#headId = 0
    this.#body = undefined
    this.#sink.head(id, this.#headStatus, this.#headText)
    if (body !== undefined) this.#sink.data(id, body)
  }
}

/** The size of the frame that begins there. */
function frameBytes(data: Buffer, at: number): number {
  const length = data.readUInt32LE(at)
  if (length > FRAME_MAX_BYTES || length < HEADER_BYTES - 4)
    throw new ProtocolViolation(`frame of ${length} bytes`)
  return length + 4
}

function headText(data: Buffer, start: number, end: number): string {
  const text = data.toString('latin1', start, end)
  if (LINE_BREAK.test(text)) throw new ProtocolViolation('line break in a response head')
  return text
}
