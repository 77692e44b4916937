/**
 * `MaxRequestWorkers`: how many requests a server worker has in progress at the same time. What comes beyond waits in order, each on its own
 * connection, which is not read meanwhile; when too many wait, the next is refused. Pure.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mpm_common.html#maxrequestworkers
 */

/** Something that waits for its turn. */
export interface Waiting {
  /** Begins; is only called when a place is free, and holds it until `leave`. */
  start(): void
  /** Whether its client has gone meanwhile. */
  isGone(): boolean
}

export class RequestSlots {
  #taken = 0
  #queue: Waiting[] = []
  /** Those before it have been started. */
  #first = 0

  /** @param most requests in progress. @param mostWaiting requests beyond them. */
  constructor(
    private readonly most: number,
    private readonly mostWaiting: number,
  ) {}

  get waiting(): number {
    return this.#queue.length - this.#first
  }

  /** Takes a place, if one is free. */
  enter(): boolean {
    if (this.#taken >= this.most) return false
    this.#taken++
    return true
  }

  /** Waits for a place. False: too many wait. */
  wait(waiting: Waiting): boolean {
    if (this.waiting >= this.mostWaiting) this.#forgetGone()
    if (this.waiting >= this.mostWaiting) return false
    this.#queue.push(waiting)
    return true
  }

  /** Gives a place back, to who waits first. */
  leave(): void {
    for (;;) {
      const next = this.#queue[this.#first]
      if (next === undefined) break
      this.#first++
      if (this.#first === this.#queue.length) {
        this.#queue = []
        this.#first = 0
      } else if (this.#first > 1000) this.#forgetGone()
      if (next.isGone()) continue
      next.start()
      return
    }
    this.#taken--
  }

  #forgetGone(): void {
    this.#queue = this.#queue.slice(this.#first).filter((one) => !one.isGone())
    this.#first = 0
  }
}
