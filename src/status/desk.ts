/**
 * The supervisor's part in the status page: asks every server worker for its report, adds what it alone knows, and keeps the totals of those
 * that are gone.
 */
import type { Board, DaemonReport, WorkerReport } from './board.js'

/** A worker that does not answer within this time is left out. */
const ANSWER_MAX_MS = 1000

/** Number of the report that a worker sends unasked when it leaves. */
export const LAST_REPORT = 0

export interface DeskOptions {
  /** Asks all workers for a report with that number; answers how many were asked. */
  readonly ask: (number: number) => number
  readonly daemons: () => readonly DaemonReport[]
  readonly generation: () => number
  readonly room: () => Board['room']
}

/** Of what server workers know of a daemon process, what may be shown. */
export function reportOfDaemon({ group, pid, state, pythonVersion }: DaemonReport): DaemonReport {
  return { group, pid, state, pythonVersion }
}

interface Survey {
  readonly reports: WorkerReport[]
  missing: number
  readonly finish: () => void
}

export class StatusDesk {
  /** Milliseconds since the epoch. */
  restartedAt = Date.now()
  readonly #startedAt = Date.now()
  readonly #past = { accesses: 0, bytes: 0, duration: 0 }
  readonly #surveys = new Map<number, Survey>()
  #number = LAST_REPORT
  #survey: Promise<Board> | undefined

  constructor(private readonly options: DeskOptions) {}

  /** All reports that come in time. Never two looks at a time, however often it is asked. */
  survey(): Promise<Board> {
    this.#survey ??= this.#ask().finally(() => {
      this.#survey = undefined
    })
    return this.#survey
  }

  async #ask(): Promise<Board> {
    const number = ++this.#number
    const reports: WorkerReport[] = []
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MAX_MS)
      const finish = () => {
        clearTimeout(timer)
        resolve()
      }
      const survey: Survey = { reports, missing: 0, finish }
      this.#surveys.set(number, survey)
      survey.missing = this.options.ask(number)
      if (survey.missing === 0) finish()
    })
    this.#surveys.delete(number)
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    return {
      workers: reports.sort((one, other) => one.pid - other.pid),
      daemons: this.options.daemons(),
      startedAt: this.#startedAt,
      restartedAt: this.restartedAt,
      generation: this.options.generation(),
      room: this.options.room(),
      cpuUser: userCPUTime / 1e6,
      cpuSystem: systemCPUTime / 1e6,
      past: { ...this.#past },
    }
  }

  /** A worker's report has come. */
  take(number: number, report: WorkerReport): void {
    if (number === LAST_REPORT) {
      this.#past.accesses += report.accesses
      this.#past.bytes += report.bytes
      this.#past.duration += report.duration
      return
    }
    const survey = this.#surveys.get(number)
    if (survey === undefined) return
    survey.reports.push(report)
    if (--survey.missing === 0) survey.finish()
  }
}
