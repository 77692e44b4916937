/**
 * The body of an HTTP/1 request on its way from the connection to whoever reads it. What comes before anybody reads, or while the reader pauses,
 * waits here; when it is more than a little, the connection stops reading.
 */
import type { BodyReader, BodySource, LentBody } from '../message.js'
import { giveBackPiece } from './kept-pieces.js'

/** More than this does not gather before the client is held back. */
const BACKLOG_MAX_BYTES = 64 * 1024

/** The connection, as far as a body needs it. */
export interface BodyCarrier {
  holdBack(): void
  goOn(): void
  /** Stops reading, so that somebody else can read what the body still lacks. See {@link BodySource.lend}. */
  lend?(least: number, isKept: boolean): LentBody | undefined
  /** So many bytes of the body have been read by somebody else. False: there are not so many. */
  taken?(bytes: number): boolean
  /** The body is back: the connection goes on where that reader has stopped. */
  takeBack?(): void
  /** Nobody knows where in the body the connection is. */
  lose?(): void
}

const NOTHING = Buffer.alloc(0)

export class Http1Body implements BodySource {
  complete = false
  ended = false
  aborted = false
  timedOut = false
  begun = false
  backlog = 0
  #chunks: Buffer[] = []
  #reader: BodyReader | undefined
  #paused = false
  #scheduled = false
  /** What comes is thrown away. */
  #discarding = false
  #isLent = false
  #waitedMs = 0

  constructor(private readonly carrier: BodyCarrier) {}

  get flowing(): boolean {
    return this.#reader !== undefined && !this.#paused && !this.ended && !this.#isLent
  }

  takeWhole(): Buffer | undefined {
    if (!this.complete || this.begun) return undefined
    this.begun = true
    this.ended = true
    const chunks = this.#take()
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  }

  read(reader: BodyReader): void {
    this.begun = true
    this.#reader = reader
    this.resume()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    if (this.#reader === undefined) return
    if (this.#scheduled) return
    if (this.backlog > 0 || this.complete || this.aborted) {
      this.#scheduled = true
      process.nextTick(() => this.#deliver())
    } else this.#goOn()
  }

  stop(): void {
    this.#reader = undefined
    if (!this.#isLent) return
    this.#isLent = false
    this.carrier.lose?.()
  }

  lend(least: number, isKept: boolean): LentBody | undefined {
    if (!this.flowing || this.#scheduled || this.backlog > 0 || this.complete || this.aborted)
      return undefined
    const lent = this.carrier.lend?.(least, isKept)
    this.#isLent = lent !== undefined
    return lent
  }

  taken(bytes: number, waitedMs: number): boolean {
    if (!this.#isLent) return true
    this.#waitedMs += waitedMs
    return this.carrier.taken?.(bytes) === true
  }

  takeBack(): void {
    if (!this.#isLent) return
    this.#isLent = false
    if (!this.aborted) this.carrier.takeBack?.()
  }

  waitedMs(): number {
    const waited = this.#waitedMs
    this.#waitedMs = 0
    return waited
  }

  release(chunk: Buffer): void {
    giveBackPiece(chunk)
  }

  // the connection's side

  /** The next piece. */
  push(chunk: Buffer): void {
    if (this.#discarding) return
    if (this.flowing && !this.#scheduled) {
      this.#reader?.data(chunk)
      if (this.#paused) this.carrier.holdBack()
      return
    }
    this.#chunks.push(chunk)
    this.backlog += chunk.length
    if (this.backlog >= BACKLOG_MAX_BYTES) this.carrier.holdBack()
  }

  /** All of it has come. */
  finish(): void {
    this.complete = true
    if (this.#reader !== undefined && !this.#scheduled) {
      this.#scheduled = true
      process.nextTick(() => this.#deliver())
    }
  }

  /** No more will come, and it is not complete. @param timedOut for it came too slowly */
  abort(timedOut = false): void {
    if (this.complete || this.aborted) return
    this.aborted = true
    this.timedOut = timedOut
    if (this.#reader !== undefined && !this.#scheduled) this.#deliver()
  }

  /** The response is over: nobody reads any more. */
  discard(): void {
    this.#discarding = true
    this.#reader = undefined
    this.#take()
  }

  #deliver(): void {
    this.#scheduled = false
    while (this.#chunks.length > 0 && this.#reader !== undefined && !this.#paused) {
      const chunk = this.#chunks.shift() as Buffer
      this.backlog -= chunk.length
      this.#reader.data(chunk)
    }
    if (this.#reader === undefined || this.#paused || this.ended) return
    if (this.complete) {
      const reader = this.#reader
      this.ended = true
      this.#reader = undefined
      reader.end()
    } else if (this.aborted) {
      const reader = this.#reader
      this.#reader = undefined
      reader.aborted()
    } else this.#goOn()
  }

  #goOn(): void {
    if (!this.#isLent) this.carrier.goOn()
  }

  #take(): Buffer[] {
    const chunks = this.#chunks
    this.#chunks = []
    this.backlog = 0
    return chunks
  }
}

/** The body of all requests that have none. */
export const NO_BODY: BodySource = {
  complete: true,
  ended: true,
  aborted: false,
  begun: false,
  flowing: false,
  backlog: 0,
  takeWhole: () => NOTHING,
  read: (reader) => process.nextTick(() => reader.end()),
  pause() {},
  resume() {},
  stop() {},
}
