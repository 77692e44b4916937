/**
 * How long to wait before a process that died is started again. Pure: the caller has the clock.
 */

/** A process that lived this long was well: the next death is the first one again. */
const WELL_AFTER_MS = 10_000
const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 20_000

/** Counts deaths soon after start, for one place in a set of processes. */
export class BackOff {
  #quickDeaths = 0

  /**
   * Milliseconds to wait. A process that had come up is replaced at once the first time; from then on, and where it never came up,
   * the wait doubles with each death that follows soon after a start.
   */
  afterDeath(livedMs: number, cameUp: boolean): number {
    if (cameUp && livedMs >= WELL_AFTER_MS) this.#quickDeaths = 0
    else this.#quickDeaths++
    const steps = cameUp ? this.#quickDeaths - 1 : this.#quickDeaths
    return steps <= 0 ? 0 : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (steps - 1))
  }
}
