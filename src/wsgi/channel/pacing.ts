/**
 * When to wake another thread: the worker's half of the scheduling. Pure arithmetic over what was sent and reported.
 *
 * The interpreter reports with every flush how many requests it has read, how many wait, how many threads sleep, how
 * many kicks it has used up, and whether a thread waits for requests. From this follows what a kick is for:
 * a request waits and a thread sleeps; nobody reads; or a finished answer may be lying in an outbox.
 * Why nothing is ever forgotten is argued in docs/channel.md.
 */
import { FLAG_OPEN, FLAG_READING } from './wire.js'

/**
 * An application of whose requests more than this share take longer than a millisecond gets its threads woken at once.
 * A share and no mean time: on a busy machine one request that loses the processor for a while says nothing.
 */
const SLOW_PER_MILLE = 300
/** Most threads woken at one silence. */
const BURST_MAX = 256
/** Weight of the newest report in the moving average. */
const EWMA_WEIGHT = 0.25

export class Pacing {
  /** Requests sent and kicks sent, both modulo 2³². */
  #sent = 0
  #kicked = 0
  #received = 0
  #consumed = 0
  #waiting = 0
  #asleep: number
  #reading = false
  #open = true
  #averageMicroseconds = 0
  #slowPerMille = 0
  /** Threads to wake at the next silence. */
  #burst = 1
  readonly #helperOnly: boolean

  /** @param threads of the process; with one, only a helper that flushes can be woken */
  constructor(threads: number) {
    this.#helperOnly = threads === 1
    this.#asleep = 0
  }

  /** Smoothed time that the application takes for a request, in microseconds. */
  get averageMicroseconds(): number {
    return this.#averageMicroseconds
  }

  /** Notes a request that is about to be written. */
  sent(): void {
    this.#sent = (this.#sent + 1) >>> 0
  }

  /**
   * Notes a report of the interpreter. Of the requests since the last one, `micros` is the
   * mean time and `slow` the share per mille that took more than a millisecond; both 0 if there were none.
   */
  reported(
    flags: number,
    asleep: number,
    received: number,
    kicks: number,
    waiting: number,
    micros: number,
    slow: number,
  ): void {
    this.#reading = (flags & FLAG_READING) !== 0
    this.#open = (flags & FLAG_OPEN) !== 0
    this.#asleep = asleep
    this.#received = received
    this.#consumed = kicks
    this.#waiting = waiting
    if (micros === 0) return
    this.#burst = 1
    this.#averageMicroseconds += (micros - this.#averageMicroseconds) * EWMA_WEIGHT
    this.#slowPerMille += (slow - this.#slowPerMille) * EWMA_WEIGHT
  }

  /** Threads to wake now, without waiting for the timer: where the application is slow, each request gets its thread. */
  kicksAtOnce(): number {
    if (this.#helperOnly || this.#slowPerMille < SLOW_PER_MILLE) return 0
    return this.#kick(this.#unbegun() - (this.#reading ? 1 : 0) - this.#outstanding())
  }

  /** Threads to wake when nothing has been heard for a while although requests are in flight. */
  kicksWhenQuiet(): number {
    if (this.#outstanding() > 0) return 0
    if (this.#helperOnly) return this.#kick(1)
    // One at first: on a busy machine silence may only mean that Python has not had the processor, and a crowd of woken threads would fight for
    // its lock. If it stays silent the application blocks, and twice as many are woken each time.
    const wanted = Math.max(1, Math.min(this.#unbegun(), this.#burst))
    this.#burst = Math.min(this.#burst * 2, BURST_MAX)
    return this.#kick(wanted)
  }

  /** Whether silence from now on would mean anything: only then the timer has to run. */
  get mustWatch(): boolean {
    if (this.#asleep === 0) return false
    if (this.#helperOnly) return this.#open || this.#sent !== this.#received
    return this.#open || !this.#reading || this.#unbegun() > 0
  }

  /** Requests that no thread has begun: unread ones, and read ones that wait. */
  #unbegun(): number {
    return ((this.#sent - this.#received) >>> 0) + this.#waiting
  }

  /** Kicks that no thread has noticed yet. */
  #outstanding(): number {
    return (this.#kicked - this.#consumed) >>> 0
  }

  #kick(wanted: number): number {
    const count = Math.min(wanted, this.#asleep - this.#outstanding())
    if (count <= 0) return 0
    this.#kicked = (this.#kicked + count) >>> 0
    return count
  }
}
