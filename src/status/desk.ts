/**
 * The supervisor's part in the status page and in metrics: asks every server worker for its report, adds what it alone knows, and keeps what those had
 * counted that are gone.
 */
import type { Board, DaemonReport, GroupReport, WorkerReport } from './board.js'
import { addCounts, type GroupCounts, newCounts, newGroupCounts } from './counts.js'
import { EMBEDDED } from './readiness.js'
import { groupTally, type Tally, workerTally } from './tally.js'

/** A worker that does not answer within this time is left out. */
const ANSWER_MAX_MS = 1000

/** Number of the report that a worker sends unasked when it leaves. */
export const LAST_REPORT = 0

export interface DeskOptions {
  /** Asks all workers for a report with that number; answers with the process ids of those that were asked. */
  readonly ask: (number: number) => readonly number[]
  readonly daemons: () => readonly DaemonReport[]
  readonly groups: () => readonly GroupReport[]
  readonly generation: () => number
  readonly room: () => Board['room']
  readonly certificates: () => Board['certificates']
}

/** Of what server workers know of a daemon process, what may be shown. */
export function reportOfDaemon({ group, pid, state, pythonVersion }: DaemonReport): DaemonReport {
  return { group, pid, state, pythonVersion }
}

interface Survey {
  /** By the workers' process ids. */
  readonly reports: Map<number, WorkerReport>
  /** Workers that have not answered yet. */
  readonly missing: Set<number>
  readonly finish: () => void
}

/** What workers have counted that no report of now tells of. */
interface Past {
  readonly counts: ReturnType<typeof newCounts>
  readonly groups: Map<string, GroupCounts>
}

export class StatusDesk {
  /** Milliseconds since the epoch. */
  restartedAt = Date.now()
  readonly workers = workerTally()
  readonly #startedAt = Date.now()
  readonly #tallies = new Map<string, Tally>()
  readonly #past: Past = { counts: newCounts(), groups: new Map() }
  /** What each living worker has told last: all that is left of one that crashes. */
  readonly #latest = new Map<number, WorkerReport>()
  readonly #surveys = new Map<number, Survey>()
  #number = LAST_REPORT
  #survey: Promise<Board> | undefined

  constructor(private readonly options: DeskOptions) {}

  /** Starts and ends of a process group's processes, whatever becomes of the group. */
  tallyOf(group: string): Tally {
    const known = this.#tallies.get(group) ?? groupTally()
    this.#tallies.set(group, known)
    return known
  }

  /** All reports that come in time. Never two looks at a time, however often it is asked. */
  survey(): Promise<Board> {
    this.#survey ??= this.#ask().finally(() => {
      this.#survey = undefined
    })
    return this.#survey
  }

  async #ask(): Promise<Board> {
    const number = ++this.#number
    const reports = new Map<number, WorkerReport>()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MAX_MS)
      const finish = () => {
        clearTimeout(timer)
        resolve()
      }
      const missing = new Set(this.options.ask(number))
      if (missing.size === 0) finish()
      else this.#surveys.set(number, { reports, missing, finish })
    })
    this.#surveys.delete(number)
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    const past = this.#pastWithout(reports)
    return {
      workers: [...reports.values()].sort((one, other) => one.pid - other.pid),
      daemons: this.options.daemons(),
      startedAt: this.#startedAt,
      restartedAt: this.restartedAt,
      generation: this.options.generation(),
      room: this.options.room(),
      cpuUser: userCPUTime / 1e6,
      cpuSystem: systemCPUTime / 1e6,
      past: past.counts,
      pastGroups: [...past.groups],
      groups: this.options.groups(),
      workerTally: this.workers.report,
      certificates: this.options.certificates(),
    }
  }

  /**
   * A worker's report has come.
   * @param from its process id
   */
  take(number: number, report: WorkerReport, from: number): void {
    if (number === LAST_REPORT) {
      this.#latest.set(from, report)
      this.gone(from)
      return
    }
    const survey = this.#surveys.get(number)
    if (survey === undefined || !survey.missing.has(from)) return
    this.#latest.set(from, report)
    survey.reports.set(from, report)
    done(survey, from)
  }

  /** A worker is gone, or about to be: what it has told last stays. */
  gone(worker: number): void {
    const report = this.#latest.get(worker)
    this.#latest.delete(worker)
    if (report !== undefined) this.#add(this.#past, report)
    for (const survey of this.#surveys.values()) {
      survey.reports.delete(worker)
      done(survey, worker)
    }
  }

  /** With what living workers have told earlier that are not among these. */
  #pastWithout(reports: ReadonlyMap<number, WorkerReport>): Past {
    const past: Past = { counts: newCounts(), groups: new Map() }
    addCounts(past.counts, this.#past.counts)
    for (const [group, counts] of this.#past.groups) past.groups.set(group, addTo(undefined, counts))
    for (const [worker, report] of this.#latest) if (!reports.has(worker)) this.#add(past, report)
    return past
  }

  /** Names of groups that nobody knows are not kept: a worker may say anything. */
  #add({ counts, groups }: Past, report: WorkerReport): void {
    addCounts(counts, report)
    for (const { group, counts } of report.groups)
      if (group === EMBEDDED || this.#tallies.has(group)) groups.set(group, addTo(groups.get(group), counts))
  }
}

/** Nothing more is to come from that worker. */
function done({ missing, finish }: Survey, worker: number): void {
  if (missing.delete(worker) && missing.size === 0) finish()
}

function addTo(sum: GroupCounts | undefined, more: Readonly<GroupCounts>): GroupCounts {
  const into = sum ?? newGroupCounts()
  addCounts(into, more)
  return into
}
