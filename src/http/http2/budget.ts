/**
 * What a client may do of things that cost the server more than the client: a bucket of tokens that fills again with time. Pure.
 */
export class Budget {
  #tokens: number
  #at: number

  /**
   * @param burst what may be done at once
   * @param perSecond what comes back
   * @param now milliseconds
   */
  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
    now: number,
  ) {
    this.#tokens = burst
    this.#at = now
  }

  /** Takes one. False: there is none left. */
  take(now: number): boolean {
    this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#at) / 1000) * this.perSecond)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
