/**
 * The supervisor: the process that stays. It reads the configuration, binds the ports, writes the pid file, starts and watches everything
 * else, and obeys signals. It serves no request.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { describeWarning, type Loaded } from '../config/load.js'
import type { ErrorLog } from '../log/error-log.js'
import { LogOpenError } from '../log/logs.js'
import { stderrLog } from '../log/server-log.js'
import { serverBanner } from '../request/server-tokens.js'
import { reportOfDaemon, StatusDesk } from '../status/desk.js'
import { type Configuration, type ConfigurationSource, readConfiguration } from './configuration.js'
import { Generation, type GroupListener } from './generation.js'
import type { GivenSocket } from './given-sockets.js'
import { spareProcesses } from './hand-over.js'
import { closeAllOnExec, dup2 } from './libc.js'
import { ListenError, type Listener, Listeners } from './listeners.js'
import { LoadTable } from './load-table.js'
import { adoptsOrphans, reapOrphans } from './orphans.js'
import type { SupervisorEvent } from './parent.js'
import { readPidFile, removePidFile, writePidFile } from './pid-file.js'
import { makeRuntimeDir, removeRuntimeDir } from './runtime-dir.js'
import { describeOrder, type Order, onOrders, type Wish } from './signals.js'

export interface SupervisorOptions {
  readonly source: ConfigurationSource
  /** For the log: the words that the server was started with. */
  readonly commandLine: string
  /** `-X`: a single server worker. */
  readonly oneWorker: boolean
  /** Attached to a terminal, where SIGWINCH says that a window has another size. */
  readonly ignoreWindowChange: boolean
}

/** Longer than everything has that is told to end at once: processes, what they are forked from, log programs. */
const STOP_MAX_MS = 15_000

/** The server cannot start. Why was written to standard error. */
class StartError extends Error {}

export class Supervisor {
  readonly #listeners: Listeners
  /** All that are alive; the last one is current. */
  readonly #generations = new Set<Generation>()
  #configuration: Configuration | undefined
  #current: Generation | undefined
  #log: ErrorLog = stderrLog()
  #runtimeDir = ''
  #loads: LoadTable | undefined
  #number = 0
  #stderrReplaced = false
  #stopping: 'no' | 'gracefully' | 'now' = 'no'
  /** Starts and restarts, one after the other. */
  #busy: Promise<void> = Promise.resolve()
  /** Restarts that wait for one that is under way. */
  readonly #queued = new Set<Order>()
  /** Calls off a graceful restart that waits for daemon processes. */
  #giveWay: AbortController | undefined
  #ended: (exitCode: number) => void = () => {}

  readonly #desk = new StatusDesk({
    ask: (number) => [...this.#generations].flatMap((generation) => generation.askForReports(number)),
    daemons: () =>
      [...(this.#current?.groups.values() ?? [])].flatMap(({ infos }) => infos).map(reportOfDaemon),
    groups: () => [...(this.#current?.groups.values() ?? [])].map(({ report }) => report),
    certificates: () => this.#current?.certificates() ?? [],
    generation: () => this.#current?.number ?? 0,
    room: () => this.#current?.room ?? { workers: 0, requests: 0 },
  })

  /** @param loaded the configuration, where the caller has read it already */
  constructor(
    private readonly options: SupervisorOptions,
    private loaded?: Loaded,
    /** Told what becomes of starts and restarts. */
    private readonly tell: (event: SupervisorEvent) => void = () => {},
    /** Sockets that a service manager has opened for it. */
    given: readonly GivenSocket[] = [],
  ) {
    this.#listeners = new Listeners(given)
  }

  /**
   * Runs the server until it is told to stop.
   * @param started called once the server accepts connections
   * @returns the exit code: 0 after an orderly stop, 1 when the server could not start
   */
  async run(started: () => void): Promise<number> {
    closeAllOnExec(new Set([0, 1, 2]))
    if (adoptsOrphans()) reapOrphans(spareProcesses())
    const removeHandlers = onOrders((order, signal) => this.#obey(order, signal))
    try {
      return await new Promise<number>((resolve, reject) => {
        this.#ended = resolve
        this.#busy = this.#start().then(
          () => {
            if (this.#stopping === 'no') started()
          },
          (error: unknown) => {
            if (error instanceof StartError) this.#finish(1)
            else reject(error as Error)
          },
        )
      })
    } finally {
      removeHandlers()
    }
  }

  async #start(): Promise<void> {
    const configuration = readConfiguration(this.options.source, writeLine, this.loaded)
    this.loaded = undefined
    if (configuration === undefined) throw new StartError()
    for (const warning of configuration.site.warnings)
      if (!warning.isNote) writeLine(describeWarning(warning))
    try {
      const { addresses, backlog } = configuration.listen
      const listeners = this.#listeners.prepare(addresses, backlog)
      if (listeners.length === 0) throw new ListenError('there is no Listen directive')
      this.#runtimeDir = makeRuntimeDir(configuration.runtimeParent, writeLine)
      this.#loads = new LoadTable(this.#runtimeDir)
      this.#current = await Generation.open(this.#generationOptions(configuration, listeners))
    } catch (error) {
      writeLine((error as Error).message)
      if (error instanceof ListenError) writeLine('no listening sockets available, shutting down')
      if (error instanceof ListenError || error instanceof LogOpenError)
        writeLine('AH00015: Unable to open logs')
      throw new StartError()
    }
    const generation = this.#current
    this.#generations.add(generation)
    this.#log = generation.log
    await this.#claimPidFile(configuration.pidFile)
    this.#configuration = configuration
    if (this.#stopping !== 'no') return
    try {
      await generation.start({ first: true }, this.#announce)
    } catch (error) {
      if (this.#stopping !== 'no') return
      writeLine((error as Error).message)
      this.#log.server('core', 'alert', (error as Error).message)
      await generation.stop(undefined, 'server_stop')
      throw new StartError()
    }
    this.#replaceStderr(generation)
    this.#warnOfIdleSockets(generation)
    this.#tellRunning(configuration)
  }

  #generationOptions(configuration: Configuration, listeners: readonly Listener[]) {
    return {
      number: ++this.#number,
      configuration,
      listeners,
      runtimeDir: this.#runtimeDir,
      loads: this.#loads as LoadTable,
      desk: this.#desk,
      workers: this.options.oneWorker ? 1 : configuration.workers,
      report: (record: { level: Parameters<ErrorLog['server']>[1]; message: string; code?: string }) =>
        this.#log.server('log_config', record.level, record.message, record.code),
      complain: (line: string) => this.#complain(line),
    }
  }

  /** An error log's program would be told of its own complaints without end, were they in the log. */
  #complain(line: string): void {
    try {
      writeSync(this.#stderrReplaced ? 1 : 2, `${line}\n`, null, 'latin1')
    } catch {} // there is nobody else to tell
  }

  async #claimPidFile(path: string): Promise<void> {
    const state = readPidFile(path)
    if (state.kind === 'stale' && state.pid !== process.pid) {
      this.#log.server(
        'core',
        'warn',
        `pid file ${path} overwritten -- Unclean shutdown of previous run?`,
        'AH00098',
      )
    }
    try {
      writePidFile(path)
    } catch (error) {
      writeLine(`AH00099: could not create ${path}: ${(error as Error).message}`)
      await this.#current?.stop(undefined, 'server_stop')
      throw new StartError()
    }
  }

  readonly #announce: GroupListener = (group, gone) => {
    for (const generation of this.#generations) generation.announce(group, gone)
  }

  #obey(order: Order | Wish, signal: NodeJS.Signals): void {
    if (order === 'graceful-stop' && this.options.ignoreWindowChange) return
    const isWish = order === 'stacks' || order === 'reopen-logs'
    if (this.#stopping === 'now' || (this.#stopping === 'gracefully' && order !== 'stop' && !isWish)) return
    const { code, message } = describeOrder(order, signal)
    this.#log.server('mpm_event', 'notice', message, code)
    if (order === 'stacks') this.#showStacks()
    else if (order === 'reopen-logs') this.#reopenLogs()
    else if (order === 'stop') this.#stop().catch(this.#unexpected)
    else if (order === 'graceful-stop') this.#stopGracefully().catch(this.#unexpected)
    // One that has not begun will read the configuration as it is then: it does for this order, too.
    else if (!this.#queued.has(order)) {
      this.#queued.add(order)
      this.#giveWay?.abort(new Error('another restart has been ordered'))
      const calledOff = (error: Error) => this.#keepOld(error.stack ?? error.message)
      this.#busy = this.#busy.then(() => this.#restart(order)).catch(calledOff)
    }
  }

  /** Of all Python processes, each in its group's error log. Nothing else happens to them. */
  #showStacks(): void {
    const generations = [...this.#generations]
    // a group may belong to several
    const groups = new Set(generations.flatMap(({ groups }) => [...groups.values()]))
    for (const group of groups) group.showStacks()
    for (const generation of generations) generation.showEmbeddedStacks()
  }

  /** Nothing else happens: what has been moved away gets no more lines. */
  #reopenLogs(): void {
    for (const generation of this.#generations) generation.reopenLogs()
    if (this.#stderrReplaced && this.#stopping === 'no' && this.#current !== undefined)
      this.#replaceStderr(this.#current)
  }

  /**
   * Reads the configuration anew and puts it to work. Where it is wrong, or cannot be put to work, everything stays as it was.
   */
  async #restart(order: 'restart' | 'graceful'): Promise<void> {
    this.#queued.delete(order)
    const old = this.#current
    if (this.#stopping !== 'no' || old === undefined) return
    this.tell({ type: 'restarting' })
    // A graceful one would let live what another restart is to end: that does not give way.
    this.#giveWay = order === 'graceful' ? new AbortController() : undefined
    const before = this.#giveWay && { generation: old, signal: this.#giveWay.signal }
    const faults: string[] = []
    const configuration = readConfiguration(this.options.source, (text) => void faults.push(text))
    if (configuration === undefined) {
      this.#keepOld(faults.join('\n'))
      return
    }
    let next: Generation | undefined
    try {
      const { addresses, backlog } = configuration.listen
      const listeners = this.#listeners.prepare(addresses, backlog)
      if (listeners.length === 0) throw new ListenError('there is no Listen directive')
      next = await Generation.open(this.#generationOptions(configuration, listeners), old)
      if (this.#stopping !== 'no') {
        await next.stop(old, 'server_stop')
        return
      }
      this.#generations.add(next)
      await next.start({ first: false, before }, this.#announce)
      if (this.#stopping !== 'no') return
      this.#listeners.commit(listeners)
    } catch (error) {
      if (this.#stopping !== 'no') return
      this.#keepOld((error as Error).message)
      this.#listeners.commit(old.listeners)
      if (next !== undefined) {
        this.#generations.delete(next)
        await next.stop(old, 'server_restart')
      }
      return
    }
    this.#current = next
    this.#desk.restartedAt = Date.now()
    this.#log = next.log
    this.#movePidFile(configuration.pidFile)
    this.#configuration = configuration
    this.#replaceStderr(next)
    for (const warning of configuration.site.warnings)
      this.#log.server('core', warning.isNote ? 'info' : 'warn', describeWarning(warning))
    this.#warnOfIdleSockets(next)
    this.#tellRunning(configuration)
    if (order === 'restart') {
      // those that finish their requests after an earlier restart are told to end, too
      for (const one of this.#generations)
        if (one !== next && one !== old) void one.stop(next, 'server_restart')
    }
    const gone = order === 'graceful' ? old.retire(next) : old.stop(next, 'server_restart')
    void gone.then(() => this.#generations.delete(old))
  }

  #keepOld(reason: string): void {
    this.tell({ type: 'kept', reason })
    this.#log.server(
      'core',
      'error',
      `The restart is called off, and the server goes on as it was: ${reason.replaceAll('\n', ' ')}`,
    )
  }

  #movePidFile(path: string): void {
    const before = this.#configuration?.pidFile
    if (before === path) return
    try {
      writePidFile(path)
      if (before !== undefined) removePidFile(before)
    } catch (error) {
      this.#log.server('core', 'error', `could not create ${path}: ${(error as Error).message}`, 'AH00099')
    }
  }

  /** Something failed on the way out: the rest ends with this process. */
  readonly #unexpected = (error: Error): void => {
    this.#log.server('core', 'alert', `The server could not stop in order: ${error.stack ?? error.message}`)
    this.#finish(1)
  }

  /** Makes everything leave within seconds. */
  async #stop(): Promise<void> {
    this.#stopping = 'now'
    this.tell({ type: 'stopping' })
    this.#listeners.close()
    const limit = new AbortController()
    const late = delay(STOP_MAX_MS, undefined, { signal: limit.signal }).then(() => {
      throw new Error(`something is left after ${STOP_MAX_MS / 1000} s`)
    })
    await Promise.race([this.#stopGenerations(), late])
    limit.abort()
    this.#finish(0)
  }

  async #stopGenerations(): Promise<void> {
    this.#releaseStderr()
    await Promise.all(
      [...this.#generations].map((generation) => generation.stop(this.#successor(generation), 'server_stop')),
    )
  }

  /** Which generation has what an older one shares with it. */
  #successor(generation: Generation): Generation | undefined {
    return generation === this.#current ? undefined : this.#current
  }

  /** Lets requests finish, for as long as `GracefulShutdownTimeout` says. */
  async #stopGracefully(): Promise<void> {
    this.#stopping = 'gracefully'
    this.tell({ type: 'stopping' })
    const seconds = this.#configuration?.gracefulShutdownTimeout ?? 0
    this.#listeners.close()
    const limit = new AbortController()
    if (seconds > 0) {
      void delay(seconds * 1000, undefined, { signal: limit.signal })
        .then(() =>
          Promise.all([...this.#generations].map((generation) => generation.stop(undefined, 'server_stop'))),
        )
        .catch(() => {})
    }
    this.#releaseStderr()
    await Promise.all(
      [...this.#generations].map((generation) => generation.retire(this.#successor(generation))),
    )
    limit.abort()
    if (this.#stopping === 'gracefully') this.#finish(0)
  }

  #finish(exitCode: number): void {
    this.#listeners.close()
    if (this.#configuration !== undefined) removePidFile(this.#configuration.pidFile)
    this.#loads?.close()
    if (this.#runtimeDir !== '') removeRuntimeDir(this.#runtimeDir)
    this.#ended(exitCode)
  }

  /** What anything in this process writes to standard error from now on belongs into the error log. */
  #replaceStderr(generation: Generation): void {
    const { stderr } = generation
    if (stderr === undefined || stderr === 2) return
    dup2(stderr, 2)
    this.#stderrReplaced = true
  }

  /** A log program ends when the last process has closed its pipe, and descriptor 2 of this one may be it. */
  #releaseStderr(): void {
    if (!this.#stderrReplaced) return
    const nowhere = openSync('/dev/null', 'w')
    dup2(nowhere, 2)
    closeSync(nowhere)
  }

  #warnOfIdleSockets({ listeners }: Generation): void {
    for (const socket of this.#listeners.idle(listeners))
      this.#log.server(
        'core',
        'warn',
        `No Listen directive is for ${socket}, a socket from the service manager: who connects there gets no answer. Add one, or take the address out of the socket unit.`,
      )
  }

  #tellRunning({ site, listen }: Configuration): void {
    this.tell({
      type: 'serving',
      addresses: listen.addresses.map(({ host, port, protocol }) => ({ host, port, protocol })),
    })
    this.#log.server(
      'mpm_event',
      'notice',
      `${serverBanner(site.main)} configured -- resuming normal operations`,
      'AH00489',
    )
    this.#log.server('core', 'notice', `Command line: '${this.options.commandLine}'`, 'AH00094')
  }
}

function writeLine(text: string): void {
  process.stderr.write(`${text}\n`)
}
