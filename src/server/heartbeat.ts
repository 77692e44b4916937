/**
 * Notices a runtime that has stopped to run Python code: `deadlock-timeout`. A thread of the runtime says "alive" now and then, for which it needs
 * the interpreter's lock; C code that never gives the lock up, and a stopped process, silence it.
 */

/** How often the runtime says that it is alive: several times within the limit, and no oftener than needed. */
export function heartbeatSeconds(deadlockTimeout: number): number {
  return Math.min(Math.max(deadlockTimeout / 5, 0.2), 5)
}

/** Counts silence in looks of its own, not by the clock: a supervisor that was held up itself must not blame others. */
export class Heartbeat {
  #silentLooks = 0
  #timer: NodeJS.Timeout | undefined

  /**
   * @param seconds `deadlock-timeout`; 0: nobody is watched
   * @param silent called once
   */
  constructor(
    private readonly seconds: number,
    private readonly silent: () => void,
  ) {}

  /** The runtime has spoken. Watching begins with its first word. */
  heard(): void {
    this.#silentLooks = 0
    if (this.#timer !== undefined || this.seconds === 0) return
    const everyMs = heartbeatSeconds(this.seconds) * 1000
    this.#timer = setInterval(() => {
      if (++this.#silentLooks * everyMs < this.seconds * 1000) return
      this.stop()
      this.silent()
    }, everyMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
