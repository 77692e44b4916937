/**
 * How a response is over, whatever protocol carries it: once, and everybody who asked is told.
 */
import type { OutgoingMessage } from './message.js'

export abstract class Ending {
  /** Nothing can be sent any more. */
  isOver = false
  /** All of it has been handed to the kernel. */
  isComplete = false
  whenOver: ((outgoing: OutgoingMessage) => void) | undefined = undefined
  #over: (() => void)[] | undefined

  /** Calls once when nothing more can be sent, at once where that is so already. */
  onOver(callback: () => void): void {
    if (this.isOver) callback()
    else {
      this.#over ??= []
      this.#over.push(callback)
    }
  }

  /** Tells those who asked, the sink last. To be called once, with `isOver` set. */
  protected tell(outgoing: OutgoingMessage): void {
    const callbacks = this.#over
    this.#over = undefined
    if (callbacks !== undefined) for (const callback of callbacks) callback()
    this.whenOver?.(outgoing)
  }
}
