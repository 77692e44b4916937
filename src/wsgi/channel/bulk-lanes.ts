/** The bulk lanes of one channel: a thread says which one it needs, and it is opened as soon as there may be one more. */
import { BulkLane } from './bulk-lane.js'
import { openNeededLane } from './connect.js'
import { ProtocolViolation } from './incoming.js'
import type { LaneAddress } from './types.js'

/** Lanes beyond two per thread: replaced ones whose end is still being delivered to a slow client. */
const SPARE = 1024

export class BulkLanes {
  /** By index, each from its first attempt to its end. */
  readonly #lanes = new Map<number, BulkLane>()
  /** Lanes that threads wait for, while as many as may be are open. */
  readonly #wanted: number[] = []
  #closed = false

  /**
   * @param channel its number
   * @param threads of the process
   * @param failed called where the interpreter breaks the protocol or cannot be reached
   */
  constructor(
    private readonly address: LaneAddress,
    private readonly channel: number,
    private readonly threads: number,
    private readonly failed: (error: Error) => void,
  ) {}

  get(index: number): BulkLane | undefined {
    return this.#lanes.get(index)
  }

  /**
   * A thread waits for this lane. Slow clients may hold many: then it waits until one of them is done.
   * @throws {ProtocolViolation}
   */
  need(index: number): void {
    const isThere = this.#lanes.has(index) || this.#wanted.includes(index)
    if (isThere || this.#wanted.length > this.threads * 2) throw new ProtocolViolation('too many bulk lanes')
    this.#wanted.push(index)
    this.#openWanted()
  }

  /** The channel is at its end: all are closed but those that still deliver, of which what is left arrived before. */
  close(delivering: ReadonlySet<BulkLane | undefined>): void {
    this.#closed = true
    for (const lane of this.#lanes.values()) if (!delivering.has(lane)) lane.close()
  }

  #openWanted(): void {
    while (!this.#closed && this.#lanes.size < this.threads * 2 + SPARE) {
      const index = this.#wanted.shift()
      if (index === undefined) return
      this.#open(index)
    }
  }

  #open(index: number): void {
    openNeededLane(
      this.address,
      { lane: 'bulk', channel: this.channel, index },
      {
        opened: (socket, reads) => this.#lanes.set(index, new BulkLane(socket, reads, this.failed)),
        closed: () => {
          this.#lanes.delete(index)
          this.#openWanted()
        },
        isWanted: () => !this.#closed,
        lost: this.failed,
      },
    )
  }
}
