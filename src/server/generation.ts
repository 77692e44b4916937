/**
 * One configuration put to work: its logs, its server workers and its daemon process groups. A restart makes a new generation beside the old one,
 * which leaves when the new one accepts connections. Groups whose plans are equal pass from one generation to the next untouched.
 */
import { logDestinations } from '../log/destination.js'
import type { ErrorLog } from '../log/error-log.js'
import { type Logs, openLogs } from '../log/logs.js'
import { type PipedProgram, type PipedReport, startPipedProgram } from '../log/piped.js'
import { openAnew } from '../log/reopen.js'
import { maxRequestWorkers, mpmSettings } from '../modules/mpm.js'
import type { Board } from '../status/board.js'
import type { StatusDesk } from '../status/desk.js'
import { lazily } from '../system/lazily.js'
import { certificateEnds } from '../tls/expiry.js'
import { serverOf } from '../wsgi/visibility.js'
import type { Configuration } from './configuration.js'
import { DaemonGroupProcesses, type Outlet } from './daemon-group.js'
import { type DaemonPlan, signatureOf } from './daemon-plan.js'
import type { Reason } from './daemon-state.js'
import { ErrorStreams } from './error-stream.js'
import type { Listener } from './listeners.js'
import type { LoadTable } from './load-table.js'
import type { ToWorker } from './messages.js'
import { isWithin, succeed } from './succession.js'
import { WorkerPool } from './worker-pool.js'

/** How long a restart that is not graceful waits for new daemon processes before the new server workers take over anyway. */
const DAEMONS_READY_MAX_MS = 30_000

/** How long log programs may take to read what is left before they are told to end. */
const PROGRAMS_END_MS = 3000

export interface GenerationOptions {
  readonly number: number
  readonly configuration: Configuration
  readonly listeners: readonly Listener[]
  readonly runtimeDir: string
  readonly workers: number
  readonly loads: LoadTable
  /** Where reports of server workers come together. */
  readonly desk: StatusDesk
  /** Takes what log programs have to say. */
  readonly report: PipedReport
  /** Takes what the programs of error logs have to say. */
  readonly complain: (line: string) => void
}

/** A process whose end is to be told. */
export interface GoneProcess {
  readonly id: number
  readonly pid: number
  readonly cause: string
}

/** What a graceful restart goes out from. */
export interface Before {
  /** Its groups may be taken over, and go on where others cannot take their places. */
  readonly generation: Generation
  /** Aborted when the restart is to be called off while it waits for daemon processes. */
  readonly signal: AbortSignal
}

/** Told of each change to a group. */
export type GroupListener = (group: DaemonGroupProcesses, gone?: GoneProcess) => void

export class Generation {
  readonly log: ErrorLog
  readonly #streams: ErrorStreams
  readonly #groups = new Map<string, DaemonGroupProcesses>()
  readonly #own: DaemonGroupProcesses[] = []
  readonly #pool: WorkerPool

  /**
   * Starts the log programs, except those that `before` runs with the same words, and opens the logs.
   * @throws LogOpenError, or Error for a program that does not start
   */
  static async open(options: GenerationOptions, before?: Generation): Promise<Generation> {
    const programs = new Map<string, PipedProgram>()
    const { report } = options
    try {
      for (const { destination, purpose } of logDestinations(options.configuration.site)) {
        if (destination.kind !== 'pipe') continue
        const { command } = destination
        const complain = purpose === 'error' ? options.complain : undefined
        const running = before?.programs.get(command)
        programs.set(command, running ?? (await startPipedProgram({ command, report, complain })))
      }
      const pipes = new Map([...programs].map(([command, { fd }]) => [command, fd]))
      const logs = openLogs(options.configuration.site, { pipes, errorLogsOnly: true })
      return new Generation(options, logs, programs, pipes)
    } catch (error) {
      await stopPrograms(programs, before)
      throw error
    }
  }

  private constructor(
    private readonly options: GenerationOptions,
    private readonly logs: Logs,
    readonly programs: ReadonlyMap<string, PipedProgram>,
    pipes: ReadonlyMap<string, number>,
  ) {
    const { configuration, runtimeDir, number, workers } = options
    const { site } = configuration
    this.log = logs.errorLogFor(site.main)
    this.#streams = new ErrorStreams(site, pipes)
    const stderr = this.#streams.of(site.main)
    this.#pool = new WorkerPool({
      count: workers,
      log: this.log,
      daemons: () => this.#daemons(),
      tally: options.desk.workers,
      gone: (pid) => options.desk.gone(pid),
      message: (message, from, answer) => {
        if (message.type === 'needProcess') this.#groups.get(message.group)?.need(message.applicationGroup)
        else if (message.type === 'report') options.desk.take(message.number, message.report, from)
        else if (message.type === 'boardWanted')
          void options.desk.survey().then((board) => answer({ type: 'board', number: message.number, board }))
        else for (const group of this.#groups.values()) group.refused(message.id)
      },
      plan: {
        listeners: options.listeners,
        pipes: [...pipes].map(([command, fd]) => ({ command, fd })),
        stderr: stderr === 'pipe' ? 'ignore' : stderr,
        authorities: configuration.authorities,
        loads: options.loads,
        configure: {
          type: 'configure',
          tree: configuration.tree,
          tls: configuration.tls ?? null,
          generation: number,
          dropTo: configuration.frontUser,
          runtimeDir,
          workers,
          supervisorPid: process.pid,
          backlog: configuration.listen.backlog,
        },
      },
    })
  }

  get listeners(): readonly Listener[] {
    return this.options.listeners
  }

  get number(): number {
    return this.options.number
  }

  /** Its server workers, and the requests that they answer at a time. */
  get room(): Board['room'] {
    const { configuration, workers } = this.options
    return { workers, requests: maxRequestWorkers(configuration.site.main.settings.get(mpmSettings)) }
  }

  /** When its certificates expire. */
  readonly certificates = lazily(() => {
    const { site, tls } = this.options.configuration
    return tls === undefined ? [] : certificateEnds(site, tls)
  })

  /** See {@link WorkerPool.askForReports}. */
  askForReports(number: number): number[] {
    return this.#pool.askForReports(number)
  }

  /** The embedded interpreters of its server workers write the stacks of their threads to the error log. */
  showEmbeddedStacks(): void {
    this.#send({ type: 'stacks' })
  }

  /** The files of its logs, here and in its server workers; of what cannot be opened, the old one stays. */
  reopenLogs(): void {
    const { opened, faults } = openAnew(this.options.configuration.site)
    const deaf = this.#pool.reopenLogs(opened)
    const renewed = this.#streams.goOnIn(opened)
    for (const group of this.#groups.values()) if (renewed.has(group.stderr)) group.renewStderr()
    this.logs.goOnIn(opened)
    const stay = 'The log file that was open stays in use'
    for (const fault of faults) this.log.server('log_config', 'error', `${stay}: ${fault}`)
    for (const pid of deaf)
      this.log.server(
        'log_config',
        'error',
        `Server worker ${pid} cannot be sent the log files that were opened anew, and goes on in the old ones`,
      )
  }

  get groups(): ReadonlyMap<string, DaemonGroupProcesses> {
    return this.#groups
  }

  /** The descriptor of the main error log, for the supervisor's own descriptor 2; undefined where it has none. */
  get stderr(): number | undefined {
    const stream = this.#streams.of(this.options.configuration.site.main)
    return stream === 'pipe' ? undefined : stream
  }

  /**
   * Takes over daemon process groups that have not changed, starts the others, then the server workers.
   * @param start `first`: serve at once, daemon processes come up meanwhile; else they come first, as another generation still serves.
   * `before`: with a graceful restart
   * @param changed told of each change to a group that this generation started, see {@link announce}
   * @throws when a server worker cannot start, or a group cannot take the place of the one before; stop the generation then
   */
  async start(
    { first, before }: { readonly first: boolean; readonly before?: Before | undefined },
    changed: GroupListener,
  ): Promise<void> {
    for (const plan of this.options.configuration.daemons) {
      const existing = before?.generation.groups.get(plan.name)
      const same = existing !== undefined && signatureOf(existing.plan) === signatureOf(plan)
      this.#groups.set(plan.name, same ? existing : this.#makeGroup(plan, changed))
    }
    for (const group of this.#groups.values()) group.use(this)
    for (const group of this.#own) group.start()
    if (before !== undefined) await succeed(this.#own, before.generation.groups, before.signal)
    else if (!first) await this.#daemonsSettle()
    await this.#pool.start()
    for (const group of this.#groups.values()) group.adopt(this.#outletOf(group.plan))
  }

  /** Sends the server workers the present list of processes, if the group is one of theirs. */
  announce(group: DaemonGroupProcesses, gone?: GoneProcess): void {
    if (this.#groups.get(group.plan.name) !== group) return
    const { daemons, failures } = this.#daemons()
    this.#send({ type: 'daemons', processes: daemons, failures })
    if (gone !== undefined) this.#send({ type: 'daemonGone', ...gone })
  }

  /**
   * Lets the server workers finish, then the daemon processes that `after` does not use. Fulfilled when all are gone; the logs are closed then.
   */
  async retire(after: Generation | undefined): Promise<void> {
    await this.#pool.drain()
    // an older generation may still have requests for processes that passed to this one
    const free = new Map([...this.#groups.values()].map((group) => [group, group.letGo(this)]))
    await Promise.all(
      this.#leaving(after).map(async ({ group, reason }) => {
        await free.get(group)
        await group.retire(reason)
      }),
    )
    await this.#close(after)
  }

  /** The same in seconds: requests are cut. */
  async stop(after: Generation | undefined, reason: Reason): Promise<void> {
    await Promise.all([this.#pool.stop(), ...this.#leaving(after).map(({ group }) => group.stop(reason))])
    for (const group of this.#groups.values()) void group.letGo(this)
    await this.#close(after)
  }

  #makeGroup(plan: DaemonPlan, changed: GroupListener): DaemonGroupProcesses {
    const { runtimeDir, number } = this.options
    const group: DaemonGroupProcesses = new DaemonGroupProcesses({
      plan,
      outlet: this.#outletOf(plan),
      runtimeDir,
      generation: number,
      changed: () => changed(group),
      gone: ({ id, pid }, cause) => changed(group, { id, pid, cause }),
      board: () => this.options.desk.survey(),
      tally: this.options.desk.tallyOf(plan.name),
    })
    this.#own.push(group)
    return group
  }

  /** The error log of the server that declares the group. */
  #outletOf(plan: DaemonPlan): Outlet {
    const { site } = this.options.configuration
    const server = serverOf(site, plan.group.serverIndex) ?? site.main
    return { log: this.logs.errorLogFor(server), stderr: this.#streams.ofDaemons(server) }
  }

  /** Until the new groups are ready or cannot be started, for a while. */
  async #daemonsSettle(): Promise<void> {
    const settled = Promise.all(this.#own.map((group) => group.settled()))
    if (!(await isWithin(DAEMONS_READY_MAX_MS, settled)))
      this.log.server('wsgi', 'warn', 'Some daemon processes are not ready yet; going on')
  }

  #daemons() {
    const groups = [...this.#groups.values()]
    return {
      daemons: groups.flatMap(({ infos }) => infos),
      failures: groups.flatMap(({ failures }) => failures),
    }
  }

  #send(message: ToWorker): void {
    this.#pool.send(message)
  }

  #leaving(after: Generation | undefined): { group: DaemonGroupProcesses; reason: Reason }[] {
    return [...this.#groups.values()].flatMap((group) => {
      const successor = after?.groups.get(group.plan.name)
      if (successor === group) return []
      const reason =
        after === undefined ? 'server_retire' : successor === undefined ? 'group_removed' : 'group_changed'
      return [{ group, reason }]
    })
  }

  async #close(after: Generation | undefined): Promise<void> {
    this.logs.close()
    this.#streams.close()
    await stopPrograms(this.programs, after)
  }
}

/** Ends the log programs that no other generation uses; they read what is left in their pipes first. */
async function stopPrograms(
  programs: ReadonlyMap<string, PipedProgram>,
  other: Generation | undefined,
): Promise<void> {
  const unused = [...programs].filter(([command, program]) => other?.programs.get(command) !== program)
  await Promise.all(unused.map(([, program]) => program.stop(PROGRAMS_END_MS)))
}
