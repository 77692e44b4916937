/**
 * What only grows: numbers that a server worker counts from its start on. The supervisor adds up those of workers that are gone. Plain data, as it goes
 * between processes. Pure.
 */

/** By the first digit of the status; 0: what has none that HTTP knows. */
const STATUS_CLASSES = 6
/**
 * Bounds of a histogram of durations double from 1 ms on, so that a request's place is the number of bits of its milliseconds. The last place is for all
 * that takes longer than the highest bound.
 */
export const DURATION_BOUNDS_MS: readonly number[] = Array.from({ length: 18 }, (_, power) => 2 ** power)

/** Requests of one process group. */
export interface GroupCounts {
  /** Requests answered, by what they took. */
  readonly durations: number[]
  /** Milliseconds that they took together. */
  duration: number
  /** Requests that had to wait for a process, and for how many milliseconds together. */
  queued: number
  queuedMs: number
  /** Requests that no process could be found for in time. */
  refused: number
}

export interface Counts {
  /** Requests answered, body bytes sent, milliseconds that the requests took. */
  accesses: number
  bytes: number
  duration: number
  /** Seconds of processor time. */
  cpuUser: number
  cpuSystem: number
  readonly statuses: number[]
  readonly durations: number[]
}

export function newHistogram(): number[] {
  return new Array<number>(DURATION_BOUNDS_MS.length + 1).fill(0)
}

export function newGroupCounts(): GroupCounts {
  return { durations: newHistogram(), duration: 0, queued: 0, queuedMs: 0, refused: 0 }
}

export function newCounts(): Counts {
  return {
    accesses: 0,
    bytes: 0,
    duration: 0,
    cpuUser: 0,
    cpuSystem: 0,
    statuses: new Array<number>(STATUS_CLASSES).fill(0),
    durations: newHistogram(),
  }
}

/** The place in a histogram of what took so many whole milliseconds. */
export function durationPlace(milliseconds: number): number {
  const bits = 32 - Math.clz32(milliseconds)
  return Math.min(bits, DURATION_BOUNDS_MS.length)
}

/** Adds numbers by their names and places. What `from` has besides is left alone: it may be anybody's. */
export function addCounts<T extends Counts | GroupCounts>(into: T, from: Readonly<T>): void {
  for (const name of Object.keys(into) as (keyof T)[]) {
    const [have, more] = [into[name], from[name]]
    if (Array.isArray(have) && Array.isArray(more)) {
      for (const at of have.keys()) have[at] += more[at] ?? 0
    } else into[name] = ((have as number) + (more as number)) as T[keyof T]
  }
}
