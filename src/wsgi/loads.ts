/**
 * How busy daemon processes are with the requests of all server workers: a table of numbers in memory that the workers share. Each has a column
 * of its own, to which nobody else writes; what a process has to do is the sum over a row. So no request is given to a process that is busy for
 * another worker while one of its group is idle.
 *
 * Column 0 has one number alone: how many columns were ever in use.
 */

/** Rows for processes, by their numbers, which the supervisor counts up. */
const PROCESSES = 768
/** Rows for process groups: since when the first of a worker's requests has been waiting for one of their processes; 0: none waits. */
const GROUPS = 256
const ROWS = PROCESSES + GROUPS
export const COLUMN_BYTES = ROWS * Int32Array.BYTES_PER_ELEMENT
/** Workers that can take part, those of an earlier generation among them; others see and tell nothing. */
export const COLUMNS_MAX = 256

/** Handing room to another worker costs some milliseconds in which nobody uses it: so much longer must its request have been waiting. */
const LONGER_MS = 20

/** What the process group of a worker says of itself and asks of the others. */
export interface Loads {
  /** Whether there may be other workers. */
  readonly shared: boolean
  /** Says how many requests of this worker a process has. */
  set(process: number, requests: number): void
  /** Requests of all workers that a process has; `own` of them are this worker's. */
  total(process: number, own: number): number
  /** Says since when the first request of this worker has been waiting for a process of a group, on the clock of `Date.now`; 0: none waits. */
  setWaiting(group: number, since: number): void
  /** Whether a request has been waiting in another worker for clearly longer than since then. */
  isLate(group: number, since: number): boolean
}

/** For a worker on its own. */
export const UNSHARED: Loads = {
  shared: false,
  set: () => {},
  total: (_, own) => own,
  setWaiting: () => {},
  isLate: () => false,
}

export class SharedLoads implements Loads {
  readonly shared = true
  readonly #own: number

  /**
   * @param cells the table, column after column
   * @param column this worker's, from 1 on
   */
  constructor(
    private readonly cells: Int32Array,
    column: number,
  ) {
    this.#own = column * ROWS
  }

  set(process: number, requests: number): void {
    this.cells[this.#own + (process % PROCESSES)] = requests
  }

  total(process: number, own: number): number {
    const { cells } = this
    const last = (cells[0] as number) * ROWS
    let sum = own
    for (let at = ROWS + (process % PROCESSES), column = ROWS; column <= last; at += ROWS, column += ROWS)
      if (column !== this.#own) sum += cells[at] as number
    return sum
  }

  setWaiting(group: number, since: number): void {
    this.cells[this.#own + PROCESSES + (group % GROUPS)] = since === 0 ? 0 : stamp(since)
  }

  isLate(group: number, since: number): boolean {
    const { cells } = this
    const last = (cells[0] as number) * ROWS
    for (let column = ROWS; column <= last; column += ROWS) {
      const theirs = cells[column + PROCESSES + (group % GROUPS)] as number
      if (theirs !== 0 && column !== this.#own && ((stamp(since) - theirs) | 0) > LONGER_MS) return true
    }
    return false
  }
}

/** Milliseconds in 32 bits, whose differences are right for weeks; never 0. */
function stamp(time: number): number {
  return time | 0 || 1
}
