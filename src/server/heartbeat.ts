/**
 * Notices a runtime that has stopped to run Python code: `deadlock-timeout`. A thread of the runtime says "alive" now and then, for which it needs
 * the interpreter's lock; C code that never gives the lock up, and a stopped process, silence it.
 */

/** How often the runtime says that it is alive: several times within the limit, and no oftener than needed. */
export function heartbeatSeconds(deadlockTimeout: number): number {
  return Math.min(Math.max(deadlockTimeout / 5, 0.2), 5)
}

/** A Python that is still silent after so long has not only a slow start. */
const START_MIN_SECONDS = 60

/** Counts silence in looks of its own, not by the clock: a supervisor that was held up itself must not blame others. */
export class Heartbeat {
  #silentLooks = 0
  #limitSeconds: number
  readonly #timer: NodeJS.Timeout | undefined

  /**
   * Watches from now on.
   * @param seconds `deadlock-timeout`; 0: nobody is watched
   * @param silent called once
   */
  constructor(
    private readonly seconds: number,
    silent: () => void,
  ) {
    this.#limitSeconds = Math.max(seconds, START_MIN_SECONDS)
    if (seconds === 0) return
    const everySeconds = heartbeatSeconds(seconds)
    this.#timer = setInterval(() => {
      if (++this.#silentLooks * everySeconds < this.#limitSeconds) return
      this.stop()
      silent()
    }, everySeconds * 1000)
  }

  /** The runtime has spoken. */
  heard(): void {
    this.#silentLooks = 0
    this.#limitSeconds = this.seconds
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
