/**
 * The server workers of one configuration: as many as asked for, each replaced when it dies.
 */
import type { ErrorLog } from '../log/error-log.js'
import type { OpenedAnew } from '../log/reopen.js'
import type { Tally, WorkerEnd } from '../status/tally.js'
import { describeExit, type Exit, OutOfMemoryWatch } from '../system/exit-status.js'
import { BackOff } from './back-off.js'
import type { DaemonFailure, DaemonInfo, FromWorker, ToWorker } from './messages.js'
import { ServerWorker, type WorkerPlan } from './server-worker.js'

/** A place in the pool: holds one worker after the other. */
interface Place {
  worker: ServerWorker | undefined
  /** Works until its successor is ready, see `MaxConnectionsPerChild`. */
  predecessor: ServerWorker | undefined
  readonly backOff: BackOff
  timer: NodeJS.Timeout | undefined
}

export interface WorkerPoolOptions {
  readonly count: number
  readonly plan: WorkerPlan
  readonly log: ErrorLog
  /** Counts the workers. */
  readonly tally: Tally
  /** A worker has ended. */
  readonly gone: (pid: number) => void
  /** What a new worker is told about daemon processes. */
  readonly daemons: () => {
    readonly daemons: readonly DaemonInfo[]
    readonly failures: readonly DaemonFailure[]
  }
  /** Messages that do not concern the workers themselves, the worker's process id, and what to answer them with. */
  readonly message: (
    message: Exclude<FromWorker, { type: 'ready' | 'failed' | 'retiring' }>,
    from: number,
    answer: (message: ToWorker) => void,
  ) => void
}

export class WorkerPool {
  readonly #places: Place[]
  readonly #memory = new OutOfMemoryWatch()
  #leaving = false
  #started = false
  #settle: { resolve: () => void; reject: (reason: Error) => void } | undefined
  #emptied: (() => void) | undefined

  constructor(private readonly options: WorkerPoolOptions) {
    this.#places = Array.from({ length: options.count }, () => ({
      worker: undefined,
      predecessor: undefined,
      backOff: new BackOff(),
      timer: undefined,
    }))
  }

  /**
   * Starts the workers; fulfilled when all of them accept connections. Rejected with the reason when one cannot: then the others are
   * being stopped, see {@link stop}.
   */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
      for (const place of this.#places) this.#fill(place)
    })
  }

  send(message: ToWorker): void {
    for (const worker of this.#workers()) worker.send(message)
  }

  /** Hands the files to all workers; returns the process ids of those that cannot be reached. */
  reopenLogs(files: OpenedAnew): number[] {
    return this.#workers().flatMap((worker) => (worker.reopenLogs(files) ? [] : [worker.pid]))
  }

  /** Asks all workers for a report with that number; returns their process ids. */
  askForReports(number: number): number[] {
    const asked = this.#workers().filter(({ ready }) => ready)
    for (const worker of asked) worker.send({ type: 'report', number })
    return asked.map(({ pid }) => pid)
  }

  /** Lets all workers finish their requests. Fulfilled when the last one is gone. */
  drain(): Promise<void> {
    return this.#leave((worker) => worker.drain())
  }

  /** Makes all workers leave within seconds. Fulfilled when the last one is gone. */
  stop(): Promise<void> {
    return this.#leave((worker) => worker.stop())
  }

  #workers(): ServerWorker[] {
    return this.#places.flatMap(({ worker, predecessor }) => [worker ?? [], predecessor ?? []].flat())
  }

  #leave(ask: (worker: ServerWorker) => void): Promise<void> {
    this.#leaving = true
    for (const { timer } of this.#places) clearTimeout(timer)
    for (const worker of this.#workers()) ask(worker)
    if (this.#workers().length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const before = this.#emptied
      this.#emptied = () => {
        before?.()
        resolve()
      }
    })
  }

  #fill(place: Place): void {
    if (this.#leaving) return
    try {
      const worker: ServerWorker = new ServerWorker(this.options.plan, this.options.daemons(), {
        message: (message) => this.#receive(place, worker, message),
        faulty: () => {
          const message = `child pid ${worker.pid} says what no server worker says, or does not listen, and is killed`
          this.options.log.server('core', 'error', message)
        },
        exit: (exit) => this.#exited(place, worker, exit),
      })
      place.worker = worker
      this.options.tally.started++
    } catch (error) {
      this.#failed(`A server worker cannot be started: ${(error as Error).message}`)
      this.#refill(place, place.backOff.afterEnd(0, false))
    }
  }

  #receive(place: Place, worker: ServerWorker, message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        worker.ready = true
        place.predecessor?.drain()
        if (this.#places.every((place) => place.worker?.ready)) {
          this.#started = true
          this.#settle?.resolve()
        }
        return
      case 'retiring':
        worker.isSpent = true
        this.#replaceSpent(place)
        return
      case 'failed':
        this.#failed(message.message)
        return
      default:
        this.options.message(message, worker.pid, (answer) => worker.send(answer))
    }
  }

  /** A place holds two workers at most: where the predecessor has not left, its end is waited for. */
  #replaceSpent(place: Place): void {
    const { worker, predecessor } = place
    if (this.#leaving || predecessor !== undefined || !worker?.isSpent) return
    place.predecessor = worker
    place.worker = undefined
    this.#fill(place)
  }

  /** A worker could not start. While the pool comes up for the first time, that is the end of it. */
  #failed(reason: string): void {
    if (this.#started) this.options.log.server('core', 'alert', reason)
    else this.#settle?.reject(new Error(reason))
  }

  #exited(place: Place, worker: ServerWorker, exit: Exit): void {
    const isPredecessor = place.predecessor === worker
    if (isPredecessor) place.predecessor = undefined
    else place.worker = undefined
    this.options.tally.end(endOf(worker))
    this.options.gone(worker.pid)
    if (worker.asked === 'nothing') {
      const hint = this.#memory.explain(exit, worker.isFaulty)
      this.options.log.server(
        'core',
        'notice',
        `child pid ${worker.pid}: ${describeExit(exit)}${hint}`,
        'AH00052',
      )
      if (!worker.ready)
        this.#failed(`Server worker ${worker.pid} ended before it was ready: ${describeExit(exit)}`)
      if (!isPredecessor)
        this.#refill(place, place.backOff.afterEnd(Date.now() - worker.startedAt, worker.ready))
    } else if (worker.asked === 'stop' && exit.signal === 'SIGKILL') {
      this.options.log.server(
        'core',
        'warn',
        `child process ${worker.pid} still did not exit, sent a SIGKILL`,
        'AH00046',
      )
    }
    if (isPredecessor) this.#replaceSpent(place)
    if (this.#leaving && this.#workers().length === 0) this.#emptied?.()
  }

  #refill(place: Place, waitMs: number): void {
    if (this.#leaving) return
    if (waitMs === 0) {
      this.#fill(place)
      return
    }
    this.options.log.server(
      'core',
      'warn',
      `Server workers end soon after their start: the next one is started in ${waitMs / 1000} s`,
    )
    place.timer = setTimeout(() => this.#fill(place), waitMs)
  }
}

function endOf({ asked, isFaulty, isSpent }: ServerWorker): WorkerEnd {
  if (isFaulty) return 'faulty'
  if (asked === 'nothing') return 'died'
  return isSpent ? 'connections' : 'told'
}
