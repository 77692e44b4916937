/**
 * A connection between the supervisor and a server worker: messages as lines of JSON, over a socket pair.
 *
 * Not Node's own channel between processes: applications may be embedded in a worker, and have its descriptors. What they write there has to end that worker,
 * where Node would throw an error in the supervisor that nobody can catch.
 */
import type { Duplex } from 'node:stream'
import { onLines } from '../system/lines.js'

export interface MessageEvents {
  /** Any value that JSON can tell. */
  heard(message: unknown): void
  /** The other end has sent a line that is no JSON or too long, or does not read. May be called again and again. */
  faulty(): void
  /** The connection is closed, by whichever end. */
  ended(): void
}

export interface MessageLimits {
  /** Characters of a message that comes. */
  readonly line: number
  /** Bytes that may wait for the other end to read them. */
  readonly unread: number
}

export class MessageStream<Message extends object> {
  constructor(
    private readonly stream: Duplex,
    private readonly events: MessageEvents,
    private readonly limits: MessageLimits = {
      line: Number.POSITIVE_INFINITY,
      unread: Number.POSITIVE_INFINITY,
    },
  ) {
    const tooLong = () => this.#fail()
    onLines(stream, limits.line, (line) => this.#hear(line), tooLong)
    stream.on('error', () => {}) // its close follows
    stream.on('close', () => events.ended())
  }

  /** @param sent called when the kernel has the message, or never will */
  send(message: Message, sent?: () => void): void {
    if (!this.stream.destroyed && this.stream.writableLength > this.limits.unread) this.#fail()
    if (this.stream.destroyed) sent?.()
    else this.stream.write(`${JSON.stringify(message)}\n`, sent)
  }

  #hear(line: string): void {
    let message: unknown
    try {
      message = JSON.parse(line)
    } catch {
      this.#fail()
      return
    }
    this.events.heard(message)
  }

  #fail(): void {
    this.stream.destroy()
    this.events.faulty()
  }
}
