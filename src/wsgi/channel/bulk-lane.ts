/**
 * Bulk lane: a socket of one interpreter thread for one large or slow body at a time, in either direction.
 * Blocks of known length; the kernel's buffers and `pause`/`resume` are the back-pressure, so memory stays flat.
 */
import type { Socket } from 'node:net'
import type { HandedOver, LentBody } from '../../http/message.js'
import { sendDescriptors } from '../../system/send-descriptors.js'
import { descriptorOf } from '../../system/socket-descriptor.js'
import type { BodyRelay } from './body-relay.js'
import { ProtocolViolation } from './incoming.js'
import type { LaneReads } from './lane-reads.js'
import { ANY_LENGTH, BLOCK_MAX_BYTES, Block, FLAG_CHUNKED, LENT_BYTES, SENT_BYTES } from './wire.js'

/** Of the header that the interpreter sends with its first block: what comes with the descriptor is one message of at most 4 KiB. */
export const LENT_FIRST_MAX_BYTES = 3 * 1024

/** Receives a response body from a bulk lane. */
export interface BulkReceiver {
  /**
   * False asks for a pause until `resume()` of the lane. The chunk is the receiver's for as long as {@link holds} says so.
   * `isAsIs`: no part of the body, but the rest of what the interpreter has begun to write to the client's connection.
   */
  data(chunk: Buffer, isAsIs: boolean): boolean
  /** Whether it still needs bytes of any chunk. */
  holds(): boolean
  /**
   * So many bytes of the body have not come this way: the interpreter has written them to the client's connection, which was lent to it, or begun to,
   * and so many to frame them.
   */
  sentByItself(bytes: number, overheadBytes: number): void
  /** The body is complete. */
  end(): void
  /** The lane is gone before the end. */
  cut(): void
}

export class BulkLane {
  readonly #socket: Socket
  readonly #reads: LaneReads
  #receiver: BulkReceiver | undefined
  #rest: Buffer | undefined
  #left = 0
  #paused = false
  #closed = false
  #hasLent = false
  /** The block at hand is no part of the body. */
  #isAsIs = false
  /** Bytes have come since the connection was lent: it is this lane that tells the end. */
  #hasSpoken = false
  #isAbandoned = false
  #relay: BodyRelay | undefined
  readonly #violated: (error: Error) => void

  /** @param violated is called once if the interpreter breaks the protocol */
  constructor(socket: Socket, reads: LaneReads, violated: (error: Error) => void) {
    this.#socket = socket
    this.#reads = reads
    this.#violated = violated
    reads.received = this.#onData
    reads.isHeld = () => this.#rest !== undefined || this.#receiver?.holds() === true
    socket.on('error', () => {})
    socket.on('close', this.#onClose)
    socket.on('drain', () => this.#relay?.drained())
    // Nothing is expected yet; a paused socket leaves early bytes with the kernel.
    socket.pause()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Delivers the response body that the interpreter sends on this lane. */
  receive(receiver: BulkReceiver): void {
    if (this.#receiver !== undefined) {
      this.#violated(new ProtocolViolation('two responses on one bulk lane'))
      return
    }
    this.#receiver = receiver
    this.resume()
  }

  /**
   * Answers the interpreter's question for the client's connection, which stands for the rest of this response's body.
   * @param client the connection; undefined: it gets nothing, and the body comes through the lane
   */
  lend(client: HandedOver | undefined): void {
    const lane = descriptorOf(this.#socket)
    this.#hasLent = client !== undefined && lane !== undefined
    this.#hasSpoken = false
    if (client === undefined || lane === undefined) {
      this.#socket.write(mark4(Block.kept))
      return
    }
    try {
      sendDescriptors(lane, lentMark(client), [client.descriptor])
    } catch {
      // the lane is broken, and with it the response
      this.close()
    }
  }

  /** The interpreter is done with the connection and says so elsewhere; nothing came this way. False: that cannot be. */
  takeBack(): boolean {
    if (!this.#hasLent || this.#hasSpoken) return false
    this.#receiver = undefined
    this.#hasLent = false
    this.#isAbandoned = false
    return true
  }

  /**
   * Nobody wants the response any more. A lane whose interpreter has the client's connection stays open: the response may be over, and the lane
   * in use for the next one, before it is known here.
   */
  abandon(): void {
    if (!this.#hasLent || this.#hasSpoken) this.close()
    else this.#socket.write(mark4(Block.abort))
    this.#isAbandoned = true
  }

  /** Continues after `data` returned false. */
  resume(): void {
    this.#paused = false
    if (this.#receiver === undefined) return
    const rest = this.#rest
    this.#rest = undefined
    if (rest !== undefined) this.#take(rest)
    if (this.#paused || this.#receiver === undefined) return
    if (this.#closed) this.#cut()
    else this.#socket.resume()
  }

  /** Whose request body is under way here: he hears when there is room again, and when the lane is gone. */
  carry(relay: BodyRelay | undefined): void {
    this.#relay = relay
  }

  /** Something that was sent has not gone yet. */
  get hasUnsent(): boolean {
    return this.#socket.writableLength > 0
  }

  /** Sends a piece of a request body, at most {@link BLOCK_MAX_BYTES}. False: the lane is full, `drained` of the relay tells when it is not. */
  sendBlock(piece: Buffer, sent: (() => void) | undefined): boolean {
    const socket = this.#socket
    socket.cork()
    socket.write(mark4(piece.length))
    const flowing = socket.write(piece, sent)
    socket.uncork()
    return flowing
  }

  sendMark(mark: number): void {
    this.#socket.write(mark4(mark))
  }

  /** From here on the interpreter reads the body from the client's connection. False: the lane is full. */
  lendBody({ descriptor, bytes }: LentBody): boolean {
    const lane = descriptorOf(this.#socket)
    if (lane === undefined) return false
    const message = Buffer.alloc(12)
    message.writeUInt32LE(Block.lent)
    message.writeBigUInt64LE(BigInt(bytes), 4)
    try {
      sendDescriptors(lane, message, [descriptor])
      return true
    } catch {
      return false
    }
  }

  /** Nobody wants that request any more, whose body the interpreter reads itself. It may be over, and the lane in use for another one. */
  callOff(id: number): void {
    const message = Buffer.alloc(8)
    message.writeUInt32LE(Block.calledOff)
    message.writeUInt32LE(id, 4)
    this.#socket.write(message)
  }

  close(): void {
    this.#rest = undefined
    this.#paused = false
    this.#socket.destroy()
  }

  #onData = (chunk: Buffer): void => {
    if (this.#paused || this.#receiver === undefined) {
      this.#rest = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
      this.#socket.pause()
      return
    }
    this.#take(chunk)
  }

  #onClose = (): void => {
    this.#closed = true
    this.#relay?.laneClosed()
    // The interpreter closes a lane that it will not use again, while a slow client still has to get what is in it.
    if (!this.#paused) this.#cut()
  }

  #cut(): void {
    const receiver = this.#receiver
    this.#receiver = undefined
    receiver?.cut()
  }

  #take(chunk: Buffer): void {
    this.#hasSpoken = true
    if (this.#isAbandoned) {
      this.close()
      return
    }
    const data = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    this.#rest = undefined
    let at = 0
    while (at < data.length) {
      if (this.#paused || this.#receiver === undefined) break
      if (this.#left > 0) {
        const part = data.subarray(at, at + Math.min(this.#left, data.length - at))
        at += part.length
        this.#left -= part.length
        if (!this.#receiver.data(part, this.#isAsIs)) this.#paused = true
        continue
      }
      const used = this.#mark(data, at)
      if (used === 0) break
      at += used
    }
    if (at < data.length) this.#rest = data.subarray(at)
    if (this.#paused || this.#receiver === undefined) this.#socket.pause()
  }

  /** Reads what stands between blocks; returns the bytes used, 0 when more are needed. */
  #mark(data: Buffer, at: number): number {
    if (data.length - at < 4) return 0
    const length = data.readUInt32LE(at)
    if (length === Block.end) {
      const receiver = this.#receiver
      this.#receiver = undefined
      this.#hasLent = false
      if (receiver?.holds()) this.#reads.forget()
      // The thread may use this lane again only now: its next response must not queue behind this client.
      this.#socket.write(mark4(Block.free))
      receiver?.end()
      return 4
    }
    try {
      return this.#longMark(length, data, at)
    } catch (error) {
      this.#violated(error as Error)
      this.close()
      return 0
    }
  }

  /** @throws {ProtocolViolation} */
  #longMark(length: number, data: Buffer, at: number): number {
    const there = data.length - at
    if (length === Block.sent && this.#hasLent) {
      if (there < 4 + SENT_BYTES) return 0
      const { bytes, overheadBytes } = readSent(data, at + 4)
      this.#receiver?.sentByItself(bytes, overheadBytes)
      return 4 + SENT_BYTES
    }
    this.#isAsIs = length === Block.asIs && this.#hasLent
    if (length === Block.wide) {
      if (there < 12) return 0
      this.#left = readSize(data, at + 4)
      return 12
    }
    if (this.#isAsIs && there < 8) return 0
    const bytes = this.#isAsIs ? data.readUInt32LE(at + 4) : length
    if (bytes > BLOCK_MAX_BYTES) throw new ProtocolViolation(`block of ${bytes} bytes`)
    this.#left = bytes
    return this.#isAsIs ? 8 : 4
  }
}

/** Reads what an interpreter has written to a connection. @throws {ProtocolViolation} */
export function readSent(data: Buffer, at: number): { bytes: number; overheadBytes: number } {
  return { bytes: readSize(data, at), overheadBytes: readSize(data, at + 8) }
}

function readSize(data: Buffer, at: number): number {
  const wide = data.readBigUInt64LE(at)
  if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolViolation('impossible number of bytes')
  return Number(wide)
}

function lentMark({ first, isChunked, room }: HandedOver): Buffer {
  const bytes = Buffer.allocUnsafe(4 + LENT_BYTES + first.length)
  bytes.writeUInt32LE(Block.lent)
  bytes.writeUInt32LE(isChunked ? FLAG_CHUNKED : 0, 4)
  bytes.writeUInt32LE(first.length, 8)
  bytes.writeBigUInt64LE(room === undefined ? ANY_LENGTH : BigInt(room), 12)
  bytes.write(first, 4 + LENT_BYTES, 'latin1')
  return bytes
}

function mark4(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32LE(value)
  return bytes
}
