/**
 * A request body that comes out of one of Node's streams: an HTTP/2 stream, a request that another server has parsed.
 */
import type { Readable } from 'node:stream'
import type { BodyReader, BodySource } from '../../src/http/message.js'

export class ReadableBody implements BodySource {
  begun = false
  ended = false
  aborted = false
  #arrived = false
  #paused = false
  #reader: BodyReader | undefined

  /** @param stream nobody else may read it. */
  constructor(private readonly stream: Readable) {
    this.aborted = stream.destroyed && !stream.readableEnded
    this.ended = stream.readableEnded
    this.#arrived = this.ended
    stream.on('data', (chunk: Buffer) => this.#reader?.data(chunk))
    stream.pause()
    stream.once('end', () => this.#end())
    stream.on('error', () => this.#abort())
    stream.once('close', () => this.#abort())
  }

  get complete(): boolean {
    return this.#arrived
  }

  get flowing(): boolean {
    return this.#reader !== undefined && !this.#paused
  }

  get backlog(): number {
    return this.stream.readableLength
  }

  takeWhole(): Buffer | undefined {
    if (this.begun || !this.#arrived) return undefined
    this.begun = true
    return Buffer.alloc(0)
  }

  read(reader: BodyReader): void {
    this.begun = true
    if (this.ended || this.aborted) {
      process.nextTick(() => (this.ended ? reader.end() : reader.aborted()))
      return
    }
    this.#reader = reader
    this.resume()
  }

  pause(): void {
    this.#paused = true
    this.stream.pause()
  }

  resume(): void {
    this.#paused = false
    this.stream.resume()
  }

  stop(): void {
    this.#reader = undefined
    this.stream.pause()
  }

  #end(): void {
    const reader = this.#reader
    this.#arrived = true
    this.ended = true
    this.#reader = undefined
    reader?.end()
  }

  #abort(): void {
    if (this.ended || this.aborted) return
    const reader = this.#reader
    this.aborted = true
    this.#reader = undefined
    reader?.aborted()
  }
}
