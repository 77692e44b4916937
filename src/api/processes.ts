/**
 * The Python processes of a mounted application: this process starts and watches them itself, as a supervisor does, and tells the gateway of
 * them, as a supervisor tells its server workers. A reload starts new ones beside the old ones.
 */
import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Site } from '../config/site.js'
import type { ErrorLog } from '../log/error-log.js'
import type { Logs } from '../log/logs.js'
import { DaemonGroupProcesses } from '../server/daemon-group.js'
import type { DaemonPlan } from '../server/daemon-plan.js'
import type { DaemonFailure, DaemonInfo } from '../server/messages.js'
import type { Unsubscribe, WorkerContext } from '../server/worker-context.js'
import type { Board } from '../status/board.js'
import { newCounts } from '../status/counts.js'
import { reportOfDaemon } from '../status/desk.js'
import { groupTally, workerTally } from '../status/tally.js'
import { UNSHARED } from '../wsgi/loads.js'
import { StartError } from './errors.js'
import { overheard } from './log.js'

type Gone = { readonly id: number; readonly pid: number; readonly cause: string }
type Changed = { daemons: []; gone: [Gone]; failed: [message: string] }

export interface ProcessesOptions {
  readonly site: Site
  readonly log: ErrorLog
  readonly runtimeDir: string
  /** For messages. */
  readonly application: string
}

/** What a process wrote last may still be on its way when its end is seen. */
const LAST_WORDS_MS = 100
/** After which it is told that an application is still being loaded: an import may wait for something that does not come. */
const LOADS_LONG_MS = 10_000
/** Lines of a traceback that a message shows. */
const LINES_MAX = 100
const SEVERE: ReadonlySet<string> = new Set(['emerg', 'alert', 'crit', 'error'])

export class Processes implements WorkerContext {
  readonly site: Site
  readonly logs: Pick<Logs, 'errorLogFor'>
  readonly runtimeDir: string
  readonly workers = 1
  readonly supervisorPid = process.pid
  readonly isAlone = true
  readonly loads = UNSHARED
  /** Number of the last start: 1, and one more with each reload. */
  generation = 0
  draining = false
  daemons: readonly DaemonInfo[] = []
  failures: readonly DaemonFailure[] = []
  /** Why requests cannot be answered at the moment. */
  failure: string | undefined = undefined
  readonly events = new EventEmitter<Changed>()
  readonly #tally = groupTally()
  readonly #startedAt = Date.now()
  #reloadedAt = Date.now()
  /** Whose processes take requests, or finish those that they have. */
  readonly #groups = new Set<DaemonGroupProcesses>()
  #current: DaemonGroupProcesses | undefined
  #starting: DaemonGroupProcesses | undefined
  #stopping = false
  /** Processes that could not load the application, so that their requests get 500. */
  readonly #unloaded = new Set<number>()

  constructor(private readonly options: ProcessesOptions) {
    this.site = options.site
    this.runtimeDir = options.runtimeDir
    this.logs = { errorLogFor: () => options.log }
  }

  /**
   * Starts processes, and lets those of an earlier call finish their requests and leave once the new ones are ready.
   * @throws StartError where they cannot be started or cannot load the application; the earlier ones go on then
   */
  async start(plan: DaemonPlan): Promise<void> {
    const said: string[] = []
    let isStarting = true
    let isUnloaded = false
    const log = overheard(this.options.log, (level, message) => {
      if (isStarting && SEVERE.has(level)) said.push(message)
    })
    const group: DaemonGroupProcesses = new DaemonGroupProcesses({
      plan,
      outlet: { log, stderr: 'pipe' },
      runtimeDir: this.runtimeDir,
      generation: ++this.generation,
      changed: () => this.#update(),
      gone: ({ id, pid }, cause) => {
        this.#unloaded.delete(id)
        this.events.emit('gone', { id, pid, cause })
      },
      unloaded: (_script, id) => {
        this.#unloaded.add(id)
        isUnloaded = true
        this.#update()
      },
      loaded: (_script, id) => {
        this.#unloaded.delete(id)
        this.#update()
      },
      board: () => Promise.resolve(this.#board()),
      tally: this.#tally,
    })
    this.#starting = group
    const { application } = this.options
    const slow = setTimeout(
      () => log.server('api', 'warn', `${application} is still being loaded after ${LOADS_LONG_MS / 1000} s`),
      LOADS_LONG_MS,
    )
    group.start()
    await group.settled()
    clearTimeout(slow)
    this.#starting = undefined
    const [failure] = group.failures
    if (this.#stopping || failure !== undefined || isUnloaded) {
      await Promise.all([group.stop('server_stop'), delay(LAST_WORDS_MS)])
      if (this.#stopping) throw new StartError(`${application} is being closed`)
      throw new StartError(
        isUnloaded
          ? `${application} cannot be loaded:\n${tracebackOf(said)}`
          : `${application} cannot be started: ${causeOf(failure?.message ?? '')}\n${tracebackOf(said)}`.trimEnd(),
      )
    }
    isStarting = false
    const before = this.#current
    this.#current = group
    this.#groups.add(group)
    this.#reloadedAt = Date.now()
    this.#update()
    if (before !== undefined) void before.retire('group_changed').then(() => this.#groups.delete(before))
  }

  /** Makes all processes leave. Fulfilled when the last one is gone. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.draining = true
    const all = [...this.#groups, ...(this.#starting === undefined ? [] : [this.#starting])]
    await Promise.all(all.map((group) => group.stop('server_stop')))
  }

  onDaemons(listener: () => void): Unsubscribe {
    this.events.on('daemons', listener)
    return () => void this.events.off('daemons', listener)
  }

  onDaemonGone(listener: (gone: Gone) => void): Unsubscribe {
    this.events.on('gone', listener)
    return () => void this.events.off('gone', listener)
  }

  board(): Promise<Board> {
    return Promise.resolve(this.#board())
  }

  requestProcess(_group: string, applicationGroup: string): void {
    this.#current?.need(applicationGroup)
  }

  processRetired(id: number): void {
    for (const group of this.#groups) group.refused(id)
  }

  #update(): void {
    this.daemons = [...this.#groups].flatMap(({ infos }) => infos)
    this.failures = this.#current?.failures ?? []
    const before = this.failure
    const failure = this.#failureOfNow()
    this.failure = failure
    if (failure !== undefined && failure !== before) this.events.emit('failed', failure)
    this.events.emit('daemons')
  }

  #failureOfNow(): string | undefined {
    const isUnloaded = this.daemons.some(({ id, state }) => state === 'ready' && this.#unloaded.has(id))
    if (this.failures.length > 0 || !isUnloaded) return this.failures[0]?.message
    return `${this.options.application} cannot be loaded: its requests get 500 until it can. The log says why`
  }

  /** For `mod_wsgi.server_metrics()`: there are no server workers. */
  #board(): Board {
    const { userCPUTime, systemCPUTime } = process.resourceUsage()
    return {
      workers: [],
      daemons: this.daemons.map(reportOfDaemon),
      startedAt: this.#startedAt,
      restartedAt: this.#reloadedAt,
      generation: this.generation,
      room: { workers: 0, requests: 0 },
      cpuUser: userCPUTime / 1e6,
      cpuSystem: systemCPUTime / 1e6,
      past: newCounts(),
      pastGroups: [],
      groups: [],
      workerTally: workerTally().report,
      certificates: [],
    }
  }
}

/** Without the name of the group, which is told already. */
function causeOf(message: string): string {
  return message.replace(/^Process group '[^']*' cannot start a process: (?:Process group '[^']*': )?/, '')
}

/** What one process said; all of them say the same. */
function tracebackOf(said: readonly string[]): string {
  const lines = said.map((text) => /^(?:mod_wsgi \(pid=(?<pid>\d+)\): )?(?<line>.*)$/s.exec(text)?.groups)
  const first = lines.find((one) => one?.pid !== undefined)?.pid
  return lines
    .flatMap((one) => (one?.pid === first || one?.pid === undefined ? (one?.line ?? []) : []))
    .map((text) => text.replace(/^mod_wsgi \(pid=\d+\): /, ''))
    .filter((text) => !/^Process '[^']*' could not be started: /.test(text))
    .slice(0, LINES_MAX)
    .join('\n')
}
