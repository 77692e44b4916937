/**
 * A response whose body runs through a filter (output-filter.ts): what handlers write goes in at one end, what comes out goes to the client, and
 * the client's pace is felt through both.
 */
import type { BodyTransform } from './output-filter.js'
import type { BodyWriter } from './response.js'

export interface FilterEnds {
  readonly transform: BodyTransform
  /** Where what comes out goes to. */
  readonly target: BodyWriter
  /** Bytes that the handler said it would write; what ends sooner is incomplete. */
  readonly declared: number | undefined
  /** Told of a filter that fails. */
  readonly failed: (error: Error) => void
  /** Told of a body that ends after so many bytes. */
  readonly short: (taken: number) => void
}

export class FilteredWriter implements BodyWriter {
  #taken = 0
  #sent = 0
  #over = false
  #flushes = false
  #drained: (() => void) | undefined

  constructor(private readonly ends: FilterEnds) {
    const { transform, target, failed } = ends
    const { stream } = transform
    stream.on('data', (chunk: Buffer) => {
      this.#sent += chunk.length
      if (!target.write(chunk)) stream.pause()
    })
    stream.on('drain', () => this.#drained?.())
    stream.on('end', () => {
      transform.ended?.(this.#taken, this.#sent)
      target.end()
    })
    stream.on('error', (error) => {
      failed(error)
      target.cut()
    })
    target.onDrain(() => void stream.resume())
  }

  get bufferedBytes(): number {
    const { stream } = this.ends.transform
    return this.ends.target.bufferedBytes + stream.readableLength + stream.writableLength
  }

  write(chunk: Uint8Array | string): boolean {
    const { declared, transform } = this.ends
    if (this.#over || chunk.length === 0) return true
    const room = declared === undefined ? chunk.length : declared - this.#taken
    if (room <= 0) return true
    const piece = chunk.length > room ? chunk.slice(0, room) : chunk
    this.#taken += piece.length
    const goesOn = transform.stream.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
    this.#flushSoon()
    return goesOn
  }

  /** Once per turn of the event loop: the pieces of one turn are one block. */
  #flushSoon(): void {
    if (this.#flushes) return
    this.#flushes = true
    setImmediate(() => {
      this.#flushes = false
      if (!this.#over) this.ends.transform.flush()
    })
  }

  end(): void {
    if (this.#over) return
    const { declared, short } = this.ends
    if (declared !== undefined && this.#taken < declared) {
      short(this.#taken)
      this.cut()
      return
    }
    this.#over = true
    this.ends.transform.stream.end()
  }

  cut(): void {
    if (this.#over) return
    this.#over = true
    this.ends.transform.stream.destroy()
    this.ends.target.cut()
  }

  onDrain(callback: () => void): void {
    this.#drained = callback
  }
}
