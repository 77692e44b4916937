/**
 * The buffers that a bulk lane is read into, used over and over. Node makes 64 KiB anew for every read otherwise, and with large responses V8's
 * collector then takes a third of the worker's time.
 *
 * A buffer is free again when nobody holds a piece of it. That is looked at before each read's bytes are handed on: what was handed on in earlier
 * turns has mostly gone to the client by then, so that two buffers take turns; a slow client makes it more.
 */

const READ_BYTES = 64 * 1024
/** Free buffers that are kept for all lanes together. */
const SPARE_MAX = 32

const spare: Buffer[] = []

export class LaneReads {
  /** Takes what was read. The bytes may be kept for as long as {@link isHeld} says so. */
  received: (bytes: Buffer) => void = () => {}
  /** Whether somebody still holds bytes that were handed to him. */
  isHeld: () => boolean = () => true
  #current: Buffer | undefined
  #filled: Buffer[] = []

  /** For `net.connect`. */
  readonly onread = {
    buffer: (): Buffer => {
      this.#current = spare.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES)
      return this.#current
    },
    callback: (length: number): boolean => {
      const buffer = this.#current as Buffer
      if (this.#filled.length > 0 && !this.isHeld()) this.#release()
      this.#filled.push(buffer)
      this.received(buffer.subarray(0, length))
      return true
    },
  }

  /** Whoever holds bytes now is not asked any more: the buffers are left to him. */
  forget(): void {
    this.#filled = []
  }

  #release(): void {
    for (const buffer of this.#filled) if (spare.length < SPARE_MAX) spare.push(buffer)
    this.#filled = []
  }
}
