/**
 * How many processes of one kind were started, and why they ended: of a process group, by its name, or of the server workers. It outlives restarts, and
 * with them the objects that count here.
 */
export class Tally {
  started = 0
  readonly #ended = new Map<string, number>()

  /** @param usual reasons that are told from the beginning, so that their first time can be seen */
  constructor(usual: readonly string[]) {
    for (const reason of usual) this.#ended.set(reason, 0)
  }

  end(reason: string): void {
    this.#ended.set(reason, (this.#ended.get(reason) ?? 0) + 1)
  }

  get report(): TallyReport {
    return { started: this.started, ended: [...this.#ended] }
  }
}

export interface TallyReport {
  readonly started: number
  readonly ended: readonly (readonly [reason: string, count: number])[]
}

/** Ends of daemon processes that no {@link import('../server/daemon-state.js').Reason} explains. */
export const UNEXPLAINED = { died: 'died', startFailed: 'start_failed' } as const

export function groupTally(): Tally {
  return new Tally(Object.values(UNEXPLAINED))
}

export type WorkerEnd = 'died' | 'faulty' | 'connections' | 'told'

export function workerTally(): Tally {
  return new Tally(['died', 'faulty', 'connections', 'told'] satisfies WorkerEnd[])
}
