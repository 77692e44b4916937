/**
 * Writes frames for the interpreter: requests of one event-loop turn end up next to each other in one buffer.
 * Values are binary strings (U+0000 to U+00FF); they are joined by NUL, and the interpreter splits them at C speed.
 */

import type { MappedHeaders, Signature } from './signatures.js'
import type { Exchange, Place } from './types.js'
import { FLAG_BODY_STREAM, HEADER_BYTES, REQUEST_HEADER_BYTES, Send } from './wire.js'

/** Buffers are taken in slabs of this size: about two hundred ordinary requests. */
const SLAB_BYTES = 128 * 1024
/** Places a channel keeps at a time; beyond it the oldest number is used again. */
const PLACES_MAX = 4096

export class Outgoing {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
  #start = 0
  #end = 0
  #full: Buffer[] = []
  readonly #places = new Map<Place, number>()
  #nextPlace = 0
  #signatures: boolean[] = []
  #generation = 0

  /** Appends a request, preceded by whatever the interpreter does not know yet. */
  request(id: number, exchange: Exchange, mapped: MappedHeaders): void {
    const place = this.#places.get(exchange.place) ?? this.#sendPlace(exchange.place)
    const signature = mapped.signature
    const known = signature !== undefined
    if (known) this.#sendSignature(signature)
    let text = exchange.fixed
    let pairs = 0
    if (known) {
      if (mapped.values.length > 0) text += `\0${mapped.values.join('\0')}`
    } else {
      for (let i = 0; i < mapped.keys.length; i++) text += `\0${mapped.keys[i]}\0${mapped.values[i]}`
      pairs += mapped.keys.length
    }
    const extra = exchange.extra
    if (extra !== undefined && extra.length > 0) {
      text += `\0${extra.join('\0')}`
      pairs += extra.length >> 1
    }
    const body = exchange.body
    const inline = body.kind === 'inline' ? body.data : undefined
    const size = text.length
    const total = REQUEST_HEADER_BYTES + size + (inline?.length ?? 0)
    const at = this.#reserve(total)
    const slab = this.#slab
    slab.writeUInt32LE(total - 4, at)
    slab[at + 4] = Send.request
    slab[at + 5] = body.kind === 'stream' ? FLAG_BODY_STREAM : 0
    slab.writeUInt16LE(pairs, at + 6)
    slab.writeUInt32LE(id, at + 8)
    slab.writeUInt32LE(place, at + 12)
    slab.writeUInt32LE(signature?.number ?? 0, at + 16)
    slab.writeUInt32LE(size, at + 20)
    slab.writeDoubleLE(exchange.startTime, at + 24)
    slab.write(text, at + REQUEST_HEADER_BYTES, size, 'latin1')
    if (inline !== undefined) slab.set(inline, at + REQUEST_HEADER_BYTES + size)
  }

  /** Appends a frame without payload. */
  signal(type: number, id: number): void {
    this.#frame(type, id, '')
  }

  /** Everything appended since the last call, in order; the buffers are not touched again. */
  take(): Buffer[] {
    const taken = this.#full
    if (this.#end > this.#start) taken.push(this.#slab.subarray(this.#start, this.#end))
    this.#start = this.#end
    this.#full = []
    return taken
  }

  #sendPlace(place: Place): number {
    let number = this.#nextPlace
    if (this.#places.size >= PLACES_MAX) {
      const [oldest, oldNumber] = this.#places.entries().next().value as [Place, number]
      this.#places.delete(oldest)
      number = oldNumber
    } else {
      this.#nextPlace++
    }
    this.#places.set(place, number)
    const parts = [place.kind, place.script, place.callable, place.reload ? '1' : '0']
    for (const [key, value] of Object.entries(place.base)) parts.push(key, value)
    this.#frame(Send.place, number, parts.join('\0'))
    return number
  }

  #sendSignature(signature: Signature): void {
    if (signature.generation !== this.#generation) {
      this.#frame(Send.forgetSignatures, 0, '')
      this.#signatures = []
      this.#generation = signature.generation
    }
    if (this.#signatures[signature.number]) return
    this.#signatures[signature.number] = true
    this.#frame(Send.signature, signature.number, signature.keys.join('\0'))
  }

  #frame(type: number, id: number, text: string): void {
    const total = HEADER_BYTES + text.length
    const at = this.#reserve(total)
    this.#slab.writeUInt32LE(total - 4, at)
    this.#slab[at + 4] = type
    this.#slab[at + 5] = 0
    this.#slab.writeUInt16LE(0, at + 6)
    this.#slab.writeUInt32LE(id, at + 8)
    if (text.length > 0) this.#slab.write(text, at + HEADER_BYTES, text.length, 'latin1')
  }

  /** Makes room for `total` bytes and returns where they go in the current slab. */
  #reserve(total: number): number {
    if (this.#end + total > this.#slab.length) {
      if (this.#end > this.#start) this.#full.push(this.#slab.subarray(this.#start, this.#end))
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, total))
      this.#start = 0
      this.#end = 0
    }
    const at = this.#end
    this.#end += total
    return at
  }
}
