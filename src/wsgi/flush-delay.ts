/**
 * `response-flush-delay`: small pieces of a streamed response wait a few milliseconds for more of it and leave together. Used only where the option
 * is written; without it, what arrives from the interpreter at once leaves at once.
 */
import type { BodyWriter } from '../request/response.js'

/** More than this does not wait. */
const GATHERED_MAX_BYTES = 64 * 1024

export class GatheringWriter implements BodyWriter {
  #pieces: Uint8Array[] = []
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  /** @param delayMs how long the first piece waits at most */
  constructor(
    private readonly writer: BodyWriter,
    private readonly delayMs: number,
  ) {}

  get bufferedBytes(): number {
    return this.#bytes + this.writer.bufferedBytes
  }

  write(chunk: Uint8Array | string): boolean {
    const piece = typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk
    this.#pieces.push(piece)
    this.#bytes += piece.length
    if (this.#bytes >= GATHERED_MAX_BYTES) return this.#flush()
    this.#timer ??= setTimeout(() => this.#flush(), this.delayMs)
    return true
  }

  end(): void {
    this.#flush()
    this.writer.end()
  }

  cut(): void {
    this.#flush()
    this.writer.cut()
  }

  onDrain(callback: () => void): void {
    this.writer.onDrain(callback)
  }

  #flush(): boolean {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#bytes === 0) return true
    const all = this.#pieces.length === 1 ? (this.#pieces[0] as Uint8Array) : Buffer.concat(this.#pieces)
    this.#pieces = []
    this.#bytes = 0
    return this.writer.write(all)
  }
}
