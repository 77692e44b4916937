/**
 * How long to wait before a process that did not live long has a successor. Pure: the caller has the clock.
 */

export interface Pace {
  /** A process that lived this long was well: the next end is the first one again. */
  readonly wellAfterMs: number
  readonly firstWaitMs: number
  readonly longestWaitMs: number
}

export const OF_DEATHS: Pace = { wellAfterMs: 10_000, firstWaitMs: 500, longestWaitMs: 20_000 }

/**
 * A limit that is too low for the application must not have it loaded again and again, which costs more than the memory. Nor may one that does grow
 * be left alone for long.
 */
export const OF_GROWTH: Pace = { wellAfterMs: 60_000, firstWaitMs: 5000, longestWaitMs: 60_000 }

/** Counts ends soon after a start, for one place in a set of processes. */
export class BackOff {
  #quickEnds = 0

  constructor(private readonly pace: Pace = OF_DEATHS) {}

  /**
   * Milliseconds to wait. A process that had come up is replaced at once the first time; from then on, and where it never came up,
   * the wait doubles with each end that follows soon after a start.
   */
  afterEnd(livedMs: number, cameUp: boolean): number {
    const { wellAfterMs, firstWaitMs, longestWaitMs } = this.pace
    if (cameUp && livedMs >= wellAfterMs) this.#quickEnds = 0
    else this.#quickEnds++
    const steps = cameUp ? this.#quickEnds - 1 : this.#quickEnds
    return steps <= 0 ? 0 : Math.min(longestWaitMs, firstWaitMs * 2 ** (steps - 1))
  }
}
