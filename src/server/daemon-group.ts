/**
 * The processes of one daemon process group: as many as configured, each replaced when it leaves. A Python without sub-interpreters holds
 * one application group per process, so there each application group gets a set of processes of its own when it is first asked for.
 */
import type { ErrorLog } from '../log/error-log.js'
import type { Board, GroupReport } from '../status/board.js'
import { type Tally, UNEXPLAINED } from '../status/tally.js'
import { residentBytes } from '../system/resident-memory.js'
import { BackOff, OF_GROWTH } from './back-off.js'
import type { DaemonPlan } from './daemon-plan.js'
import { type DaemonHooks, DaemonProcess } from './daemon-process.js'
import { isHealthy, type Reason, SERVING } from './daemon-state.js'
import type { ErrorStream } from './error-stream.js'
import type { DaemonFailure, DaemonInfo } from './messages.js'
import { Zygotes } from './zygotes.js'

/** Names of application groups may come from requests (`%{HOST}`): no client may make us start processes without end. */
const SETS_MAX = 100
/** How long a process may take to say itself why it refuses requests. */
const OWN_WORDS_MS = 100
/** After so many starts in a row that a signal ended, the group counts as one that cannot be started. */
const KILLED_STARTS_MAX = 3

/** A place in the group: holds one process after the other. */
interface Place {
  readonly applicationGroup: string | null
  readonly backOff: BackOff
  /** For processes that outgrow `resident-memory-limit`. */
  readonly growth: BackOff
  current: DaemonProcess | undefined
  /** Serves on until `current` is ready. */
  readonly leaving: Set<DaemonProcess>
  timer: NodeJS.Timeout | undefined
  /** Starts in a row that a signal ended. */
  killed: number
  /** Why the last start in this place came to nothing. */
  failure: Pick<DaemonFailure, 'message' | 'brief'> | undefined
  /** The first start has come to an end, good or bad. */
  settled: boolean
}

/** Where the group's processes are heard: the error log of the server that declares it. */
export interface Outlet {
  readonly log: ErrorLog
  /** Their descriptors 1 and 2. A process keeps what it was started with. */
  readonly stderr: ErrorStream
}

export interface DaemonGroupOptions {
  readonly plan: DaemonPlan
  readonly outlet: Outlet
  readonly runtimeDir: string
  readonly generation: number
  /** {@link DaemonGroupProcesses.infos} or {@link DaemonGroupProcesses.failures} are different now. */
  readonly changed: () => void
  readonly gone: (process: { id: number; pid: number }, cause: string) => void
  /** One of its processes could not load a script before its first request; the log says why. */
  readonly unloaded?: (script: string, id: number) => void
  /** A request has loaded it in that process. */
  readonly loaded?: (script: string, id: number) => void
  /** What the server is doing, for `server-metrics`. */
  readonly board: () => Promise<Board>
  /** Counts its processes. */
  readonly tally: Tally
}

export class DaemonGroupProcesses {
  readonly #sets = new Map<string | null, Place[]>()
  /** Everything that is alive, those that leave included. */
  readonly #alive = new Set<DaemonProcess>()
  #leaving = false
  #waiting: (() => void)[] = []
  /** Whoever has server workers that may ask these processes for something. */
  readonly #users = new Set<object>()
  #freed: (() => void)[] = []
  #settling: (() => void)[] = []

  readonly #zygotes: Zygotes
  #outlet: Outlet

  constructor(private readonly options: DaemonGroupOptions) {
    this.#outlet = options.outlet
    this.#zygotes = new Zygotes(options.plan, options.runtimeDir, () => this.#outlet)
  }

  get plan(): DaemonPlan {
    return this.options.plan
  }

  get infos(): DaemonInfo[] {
    return [...this.#alive].flatMap((process) => process.info ?? [])
  }

  /** For metrics: looks at the memory of each process. */
  get report(): GroupReport {
    const { processes, threads } = this.plan.group
    return {
      group: this.plan.name,
      processes,
      threads,
      ready: [...this.#alive].some(
        ({ applicationGroup, state }) => applicationGroup === null && SERVING.includes(state),
      ),
      alive: [...this.#alive].map(({ id, state, pid }) => ({ id, state, resident: residentBytes(pid) })),
      unloaded: this.unloaded.size,
      ...this.options.tally.report,
    }
  }

  get failures(): DaemonFailure[] {
    return [...this.#sets].flatMap(([applicationGroup, places]) => {
      const failure = places.every(({ failure }) => failure !== undefined) ? places[0]?.failure : undefined
      return failure === undefined ? [] : [{ group: this.plan.name, applicationGroup, ...failure }]
    })
  }

  /** Scripts that were to be there before the first request, and that a process could not load so far; the log says why. */
  get unloaded(): Set<string> {
    return new Set([...this.#alive].flatMap(({ unloaded }) => [...unloaded]))
  }

  /** The group passes to another configuration, with logs of its own. */
  adopt(outlet: Outlet): void {
    this.#outlet = outlet
    this.renewStderr()
  }

  /** Descriptor 2 of the processes that it starts. */
  get stderr(): ErrorStream {
    return this.#outlet.stderr
  }

  /** That is another file by now: the processes that there are shall have it, too. */
  renewStderr(): void {
    const { stderr } = this
    // a stream that the server was started with stays what it is
    if (stderr === 'pipe' || stderr <= 2) return
    this.#zygotes.renewStderr()
    for (const process of this.#alive) process.renewStderr()
  }

  use(user: object): void {
    this.#users.add(user)
  }

  /** That user's server workers are gone. Fulfilled when those of all others are, too. */
  letGo(user: object): Promise<void> {
    this.#users.delete(user)
    if (this.#users.size > 0) return new Promise((resolve) => void this.#freed.push(resolve))
    for (const resolve of this.#freed.splice(0)) resolve()
    return Promise.resolve()
  }

  start(): void {
    this.#addSet(null)
  }

  /** Fulfilled when each of the first processes is ready, or could not be started. */
  settled(): Promise<void> {
    if (this.#isSettled()) return Promise.resolve()
    return new Promise((resolve) => void this.#settling.push(resolve))
  }

  /** A server worker has requests for an application group that none of the processes may hold. */
  need(applicationGroup: string): void {
    const first = [...this.#alive].find(({ isSingle }) => isSingle)
    if (this.#leaving || first === undefined || this.#sets.has(applicationGroup)) return
    // the processes that the group begins with hold it, or those that are just taking their places
    if (applicationGroup === (this.plan.settings.main_group ?? '')) return
    if (this.#sets.size > SETS_MAX) {
      this.#outlet.log.server(
        'wsgi',
        'error',
        `Process group '${this.plan.name}' has processes for ${SETS_MAX} application groups: none is started for '${applicationGroup}'`,
      )
      return
    }
    this.#addSet(applicationGroup)
  }

  /** A server worker saw that process refuse requests. As a rule the process says so itself, and why, at about the same time. */
  refused(id: number): void {
    for (const process of this.#alive) {
      if (process.id === id) setTimeout(() => process.retire('refused'), OWN_WORDS_MS)
    }
  }

  /** See {@link DaemonProcess.showStacks}. */
  showStacks(): void {
    for (const process of this.#alive) process.showStacks()
  }

  /** Lets all processes finish their requests and leave. Fulfilled when the last one is gone. */
  retire(reason: Reason): Promise<void> {
    return this.#leave((process) => process.retire(reason))
  }

  /** Makes all processes leave. Fulfilled when the last one is gone. */
  stop(reason: Reason): Promise<void> {
    return this.#leave((process) => process.stop(reason))
  }

  #leave(ask: (process: DaemonProcess) => void): Promise<void> {
    this.#leaving = true
    for (const place of this.#places()) clearTimeout(place.timer)
    for (const process of this.#alive) ask(process)
    this.#notifySettled()
    if (this.#alive.size === 0) return this.#zygotes.close()
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }

  #places(): Place[] {
    return [...this.#sets.values()].flat()
  }

  #addSet(applicationGroup: string | null): void {
    const places = Array.from({ length: this.plan.group.processes }, () => ({
      applicationGroup,
      backOff: new BackOff(),
      growth: new BackOff(OF_GROWTH),
      current: undefined,
      leaving: new Set<DaemonProcess>(),
      timer: undefined,
      killed: 0,
      failure: undefined,
      settled: false,
    }))
    this.#sets.set(applicationGroup, places)
    for (const place of places) this.#fill(place)
  }

  #fill(place: Place): void {
    if (this.#leaving) return
    try {
      const process = new DaemonProcess(this.plan, place.applicationGroup, this.#hooks(place))
      place.current = process
      this.#alive.add(process)
      this.options.tally.started++
    } catch (error) {
      const message = `Process group '${this.plan.name}' cannot start a process: ${(error as Error).message}`
      this.#outlet.log.server('wsgi', 'error', message)
      this.#failed(place, message, 'no process can be made')
      this.#refill(place, place.backOff.afterEnd(0, false))
    }
  }

  #hooks(place: Place): DaemonHooks {
    const { runtimeDir, generation } = this.options
    return {
      outlet: () => this.#outlet,
      board: this.options.board,
      unloaded: this.options.unloaded,
      loaded: this.options.loaded,
      runtimeDir,
      generation,
      zygote: () => this.#zygotes.current(place.applicationGroup),
      changed: (process) => {
        if (process.state === 'ready') {
          place.failure = undefined
          place.killed = 0
          place.settled = true
          this.#startPreloadedSets(process)
          for (const before of place.leaving) before.relieve()
          place.leaving.clear()
        }
        this.options.changed()
        this.#notifySettled()
      },
      outgrown: (livedMs) => place.growth.afterEnd(livedMs, true),
      othersOutgrown: () => [...this.#alive].some(({ leavesOutgrown }) => leavesOutgrown),
      replace: (process, reason) => {
        if (place.current === process) place.current = undefined
        if (process.state === 'replacing') place.leaving.add(process)
        // A changed script is in the memory that the next ones would be forked from.
        if (reason === 'script_reload') this.#zygotes.renew(place.applicationGroup, process.zygote)
        // Asked for or planned, if it ever came up: what ends while it starts would do so again.
        const wait =
          process.cameUp && isHealthy(reason)
            ? 0
            : place.backOff.afterEnd(Date.now() - process.startedAt, process.cameUp)
        this.#refill(place, wait)
      },
      gone: (process, cause) => {
        this.#alive.delete(process)
        this.options.tally.end(
          process.reason ?? (process.cameUp ? UNEXPLAINED.died : UNEXPLAINED.startFailed),
        )
        place.leaving.delete(process)
        if (!process.cameUp && !this.#leaving) this.#failedToStart(place, process, cause)
        this.options.changed()
        this.options.gone(process, cause)
        if (this.#alive.size > 0 || !this.#leaving) return
        void this.#zygotes.close().then(() => {
          for (const resolve of this.#waiting.splice(0)) resolve()
        })
      },
    }
  }

  /** Scripts of other application groups that are loaded in advance: where processes hold one group only, each gets its own now. */
  #startPreloadedSets(first: DaemonProcess): void {
    if (!first.isSingle || first.applicationGroup !== null) return
    for (const { application_group } of this.plan.settings.imports ?? []) this.need(application_group)
  }

  /** One that somebody killed while it came up says nothing about the next one, unless it goes on like that. */
  #failedToStart(place: Place, process: DaemonProcess, cause: string): void {
    place.killed = process.wasKilled ? place.killed + 1 : 0
    if (process.wasKilled && place.killed < KILLED_STARTS_MAX) return
    const message = `Process group '${this.plan.name}' cannot start a process: ${cause}`
    this.#failed(place, message, process.briefCause)
  }

  #failed(place: Place, message: string, brief: string): void {
    place.failure = { message, brief }
    place.settled = true
    this.options.changed()
    this.#notifySettled()
  }

  #refill(place: Place, waitMs: number): void {
    if (this.#leaving) return
    if (waitMs === 0) {
      this.#fill(place)
      return
    }
    this.#outlet.log.server(
      'wsgi',
      'warn',
      `Process group '${this.plan.name}': next start in ${waitMs / 1000} s`,
    )
    place.timer = setTimeout(() => this.#fill(place), waitMs)
  }

  #isSettled(): boolean {
    return this.#leaving || this.#places().every(({ settled }) => settled)
  }

  #notifySettled(): void {
    if (!this.#isSettled()) return
    for (const resolve of this.#settling.splice(0)) resolve()
  }
}
