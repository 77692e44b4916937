/**
 * One daemon process as the supervisor sees it: started through the launcher, spoken to over its control connection, watched until it is gone.
 * What may follow on what is in `daemon-state.ts`.
 */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type ErrorLog, LEVELS, type Level, serverRecord } from '../log/error-log.js'
import { RuntimeControl, type RuntimeMessage } from '../python/control.js'
import type { Board } from '../status/board.js'
import { MetricsAnswers } from '../status/metrics-answers.js'
import { describeExit, type Exit, OutOfMemoryWatch } from '../system/exit-status.js'
import { makeSecret } from '../system/secret.js'
import type { DaemonPlan } from './daemon-plan.js'
import { type DaemonChild, removeFiles, spawnDaemon } from './daemon-spawn.js'
import {
  type DaemonEvent,
  type DaemonState,
  describeReason,
  levelOfReason,
  next,
  REASONS,
  type Reason,
  reasonFrom,
  wordForProcess,
} from './daemon-state.js'
import type { ErrorStream } from './error-stream.js'
import { Heartbeat } from './heartbeat.js'
import type { DaemonInfo } from './messages.js'
import type { Zygote } from './zygote.js'

/** A Python that has not reported in this time may hang in its start (a network file system, a module that waits for something). */
const START_LONG_MS = 60_000
/** How much longer than its own `shutdown-timeout` a process may take before it is killed. */
const KILL_MARGIN_MS = 1000
/** With the server's stop, processes have this long, whatever `shutdown-timeout` says. */
const SERVER_STOP_MS = 3000
/** What a dying process wrote last may still be on its way when its end is seen. */
const LAST_WORDS_MS = 100

/** Longest line that is taken from a process's descriptor 2 where that is no file. */
const LOG_LINE_MAX = 8190

let lastId = 0

export interface DaemonHooks {
  /** Where it is heard; may change while it lives. */
  readonly outlet: () => { readonly log: ErrorLog; readonly stderr: ErrorStream }
  readonly board: () => Promise<Board>
  readonly runtimeDir: string
  readonly generation: number
  /** What it is forked from, if anything. */
  zygote(): Zygote | undefined
  /** Came up, began to drain, or began to stop. */
  changed(process: DaemonProcess): void
  /** It has outgrown `resident-memory-limit`, so long after it was ready. Answers how long it has to stay all the same. */
  outgrown(livedMs: number): number
  /** Whether a process of the group leaves for that reason just now. */
  othersOutgrown(): boolean
  /** Another one is due in its place. */
  replace(process: DaemonProcess, reason: Reason | undefined): void
  gone(process: DaemonProcess, cause: string): void
  /** A script that was to be there before the first request could not be loaded; the log says why. */
  readonly unloaded?: ((script: string, id: number) => void) | undefined
  /** A request has loaded it. */
  readonly loaded?: ((script: string, id: number) => void) | undefined
}

export class DaemonProcess {
  readonly id = ++lastId
  readonly startedAt = Date.now()
  readonly zygote: Zygote | undefined
  readonly socketPath: string
  readonly progressPath: string
  readonly #secret = makeSecret()
  /** Why the launcher gave up. */
  launchFailure: string | undefined
  cameUp = false
  /** Scripts that were to be there before the first request and could not be loaded so far; the log says why. */
  readonly unloaded = new Set<string>()
  #state: DaemonState = 'starting'
  #reason: Reason | undefined
  #version = ''
  #subinterpreters = true
  #showsStacks = false
  /** By the monotonic clock; the second is there when it has outgrown `resident-memory-limit`. */
  #readyAt = 0
  #staysUntil: number | undefined
  #killed = false
  readonly #heartbeat: Heartbeat
  #exit: Exit | undefined
  readonly #child: DaemonChild
  readonly #control: RuntimeControl
  #isSilent = false
  readonly #metrics: MetricsAnswers
  readonly #memory = new OutOfMemoryWatch()
  #timer: NodeJS.Timeout | undefined

  /** @throws when the socket or the process cannot be made. */
  constructor(
    readonly plan: DaemonPlan,
    /** Application group that it is for (a Python without sub-interpreters); null for any. */
    readonly applicationGroup: string | null,
    private readonly hooks: DaemonHooks,
  ) {
    const prefix = plan.socketPrefix ?? `${hooks.runtimeDir}/wsgi`
    this.socketPath = `${prefix}.${process.pid}.${hooks.generation}.${this.id}.sock`
    this.progressPath = `${hooks.runtimeDir}/${this.id}.progress`
    this.zygote = hooks.zygote()
    const { child, control } = spawnDaemon(plan, this, hooks.outlet().stderr, this.zygote)
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) this.#logLines(stream)
    this.#heartbeat = new Heartbeat(plan.group.deadlockTimeout, () => this.#deadlocked())
    this.#control = new RuntimeControl(
      control,
      (message) => this.#hear(message),
      () => this.#silent(),
    )
    this.#metrics = new MetricsAnswers(plan.settings.server_metrics === true, hooks.board, (answer, taken) =>
      this.#control.answer(answer, taken),
    )
    this.#control.configure({ ...plan.settings, main_group: this.#mainGroup(), lane_secret: this.#secret })
    this.#child.once('exit', (code, signal) => this.#exited({ code, signal }))
    this.#timer = setTimeout(() => this.#startsSlowly(), START_LONG_MS)
    this.#log('info', `Starting process '${plan.name}' with ${this.#describeStart()}.`)
  }

  /** 0 as long as it is not known. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  get state(): DaemonState {
    return this.#state
  }

  /** Why it leaves, once it does. */
  get reason(): Reason | undefined {
    return this.#reason
  }

  /** For server workers; undefined where they have no use for it (yet, or any longer). */
  get info(): DaemonInfo | undefined {
    if (!this.cameUp || this.#state === 'stopping' || this.#state === 'gone') return undefined
    // a service process takes no requests
    if (this.plan.group.threads === 0) return undefined
    return {
      id: this.id,
      group: this.plan.name,
      applicationGroup: this.#subinterpreters ? null : (this.#mainGroup() ?? ''),
      state: this.#state === 'draining' ? 'draining' : 'ready',
      socketPath: this.socketPath,
      secret: this.#secret,
      progressPath: this.progressPath,
      pid: this.pid,
      pythonVersion: this.#version,
      subinterpreters: this.#subinterpreters,
      lends: this.plan.lends,
    }
  }

  /** Whether its Python can hold one application group only. */
  get isSingle(): boolean {
    return this.cameUp && !this.#subinterpreters
  }

  /** Whether it makes room for another one because of `resident-memory-limit`. */
  get leavesOutgrown(): boolean {
    return (
      this.#reason === 'resident_memory_limit' && (this.#state === 'replacing' || this.#state === 'draining')
    )
  }

  /** Whether a signal ended it, or it left because it was told to. */
  get wasKilled(): boolean {
    return this.#reason !== undefined || (this.#exit !== undefined && this.#exit.signal !== null)
  }

  /** How it ended, for strangers. */
  get briefCause(): string {
    if (this.launchFailure !== undefined) return 'Python cannot be started as it is configured'
    return this.#exit === undefined ? 'unknown' : describeExit(this.#exit)
  }

  /** Has it write the Python stacks of its threads to the log. While it comes up it does not listen. */
  showStacks(): void {
    if (this.cameUp) this.#control.showStacks()
  }

  /** Its error log has been opened anew: what native code writes goes there, too. */
  renewStderr(): void {
    const { stderr } = this.hooks.outlet()
    if (typeof stderr === 'number') this.#control.renewStderr(stderr)
  }

  /** Lets it finish the requests that it has, then leave; at most `graceful-timeout` seconds. */
  retire(reason: Reason): void {
    if (this.#step(reason)) this.#control.retire(reason)
  }

  /** Another process is ready in its place, for which it has waited. */
  relieve(): void {
    if (this.#step('relieved'))
      this.#control.retire(this.#reason === undefined ? 'relieved' : wordForProcess(this.#reason))
  }

  /** Makes it leave: at once in its own order, and by force after `shutdown-timeout` where there is one. */
  stop(reason: Reason): void {
    const early = !this.cameUp
    if (!this.#step(reason)) {
      if (this.#state === 'stopping' && reason === 'server_stop') this.#killAfter(SERVER_STOP_MS)
      return
    }
    this.#control.stop(reason)
    // the launcher, and a Python that is not up yet, do not listen
    if (early) this.#child.kill('SIGTERM')
  }

  /** Its Python cannot tell any more where it hangs; a handler in C still can. */
  #deadlocked(): void {
    this.stop('deadlock_timeout')
    if (this.#showsStacks) this.#child.kill('SIGQUIT')
  }

  #mainGroup(): string | null {
    return this.applicationGroup ?? this.plan.settings.main_group ?? null
  }

  #describeStart(): string {
    const { identity, directory } = this.plan.launch
    const ids = identity === null ? '' : `uid=${identity.uid}, gid=${identity.gid}, `
    return `${ids}threads=${this.plan.group.threads} and working directory ${directory.path}`
  }

  /** Takes a message of the runtime, or of the launcher before it. Its reasons and texts are foreign. */
  #hear(message: RuntimeMessage): void {
    switch (message.type) {
      case 'ready':
        this.#version = message.version.slice(0, 40)
        this.#subinterpreters = message.subinterpreters === true
        this.#showsStacks = message.shows_stacks === true
        this.cameUp = true
        this.#readyAt = performance.now()
        this.#step('ready')
        return
      case 'leaving':
        this.#step(reasonFrom(message.reason))
        return
      case 'resident_memory':
        this.#outgrown(message.bytes)
        return
      case 'alive':
        this.#heartbeat.heard()
        return
      case 'deadlock':
        if (this.#state === 'stopping') return
        this.#log(
          'error',
          `Interpreter '${message.application_group.slice(0, 200)}' of process '${this.plan.name}' has not run Python code for ${this.plan.group.deadlockTimeout} s.`,
        )
        this.#deadlocked()
        return
      case 'server_metrics':
        void this.#metrics.answer(message)
        return
      case 'unloaded':
        this.unloaded.add(message.script)
        this.hooks.unloaded?.(message.script, this.id)
        return
      case 'loaded':
        this.unloaded.delete(message.script)
        this.hooks.loaded?.(message.script, this.id)
        return
      case 'log':
        if (message.level === 'alert' && !this.cameUp) this.launchFailure = message.text
        else this.#log(levelFrom(message.level), message.text, this.pid)
    }
  }

  /**
   * The process says so again and again for as long as it is over the limit. So nothing is kept of those that have to wait: until they have lived
   * long enough, or for another one of the group.
   */
  #outgrown(bytes: number): void {
    const { name, group } = this.plan
    const limit = group.residentMemoryLimit
    if (limit === 0 || bytes <= limit || next(this.#state, 'resident_memory_limit') === undefined) return
    const excess = `${bytes} bytes, more than resident-memory-limit=${limit}`
    const now = performance.now()
    if (this.#staysUntil === undefined) {
      const livedMs = now - this.#readyAt
      const waitMs = this.hooks.outgrown(livedMs)
      this.#staysUntil = now + waitMs
      if (waitMs > 0) {
        const lived = (livedMs / 1000).toFixed(0)
        this.#log(
          'warn',
          `Process '${name}' has ${excess}, ${lived} s after it was ready; so had the one before it. It is replaced in ${waitMs / 1000} s: the limit may be too low for the application.`,
        )
      }
    }
    if (now < this.#staysUntil || this.hooks.othersOutgrown()) return
    this.#step('resident_memory_limit', excess)
  }

  /** Moves on if the event means anything in this state. `detail`: for the log. */
  #step(event: DaemonEvent, detail?: string): boolean {
    const step = next(this.#state, event)
    if (step === undefined) return false
    const reason = Object.hasOwn(REASONS, event) ? (event as Reason) : undefined
    this.#state = step.to
    // that requests have completed is no reason of its own for a process that was leaving
    if (reason !== undefined && (reason !== 'retire' || this.#reason === undefined)) this.#reason = reason
    this.#arm(reason)
    this.#logStep(step.to, reason, detail)
    if (step.to !== 'gone') this.hooks.changed(this)
    if (step.replace) this.hooks.replace(this, reason)
    return true
  }

  /** Sets the limit for the state that has just begun. */
  #arm(reason: Reason | undefined): void {
    clearTimeout(this.#timer)
    const { gracefulTimeout, evictionTimeout, shutdownTimeout, restartInterval } = this.plan.group
    switch (this.#state) {
      case 'ready':
        if (restartInterval > 0) {
          const left = this.startedAt + restartInterval * 1000 - Date.now()
          this.#timer = setTimeout(() => this.#step('restart_interval'), Math.max(0, left))
        }
        return
      case 'draining': {
        const seconds =
          this.#reason === 'eviction_signal' && evictionTimeout > 0 ? evictionTimeout : gracefulTimeout
        this.#timer = setTimeout(() => this.stop('graceful_timeout'), seconds * 1000)
        return
      }
      case 'stopping':
        this.#heartbeat.stop()
        if (reason === 'server_stop' || reason === 'server_restart') this.#killAfter(SERVER_STOP_MS)
        // a process that hangs cannot leave, however long it may take
        else if (shutdownTimeout > 0 || reason === 'deadlock_timeout')
          this.#killAfter(shutdownTimeout * 1000 + KILL_MARGIN_MS)
    }
  }

  #killAfter(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#log('warn', `Aborting process '${this.plan.name}': it did not leave in time and is killed.`)
      this.#killed = true
      this.#child.kill('SIGKILL')
    }, milliseconds)
  }

  #startsSlowly(): void {
    const seconds = START_LONG_MS / 1000
    this.#log(
      'warn',
      `Process '${this.plan.name}' is not ready after ${seconds} s: its Python or its scripts may hang`,
    )
  }

  #logStep(state: DaemonState, reason: Reason | undefined, detail: string | undefined): void {
    const { name } = this.plan
    if (state === 'ready') this.#log('info', `Process '${name}' is ready, Python ${this.#version}.`)
    else if (reason !== undefined) this.#log(levelOfReason(reason), describeReason(reason, name, detail))
  }

  #exited(exit: Exit): void {
    this.#exit = exit
    clearTimeout(this.#timer)
    this.#heartbeat.stop()
    if (this.#isSilent) this.#buried()
    // a child of the application may hold the connection open: its end alone cannot be waited for
    else setTimeout(() => this.#control.close(), LAST_WORDS_MS)
  }

  /** The control connection has ended: with the process, or just before. */
  #silent(): void {
    this.#isSilent = true
    if (this.#exit !== undefined) this.#buried()
    // nobody can tell it anything any more
    else setTimeout(() => this.#killUnreachable(), KILL_MARGIN_MS)
  }

  #killUnreachable(): void {
    if (this.#exit !== undefined) return
    const text = `Process '${this.plan.name}' has closed its connection to the server, and is killed.`
    this.#log('error', text)
    this.#killed = true
    this.#child.kill('SIGKILL')
  }

  #buried(): void {
    const exit = this.#exit as Exit
    const expected = this.#state === 'stopping' || this.#state === 'draining'
    const cause = this.#causeOf(exit, expected)
    // who does not leave in time when all is to end has not failed
    const isWanted = exit.signal === null || (this.#killed && this.#reason === 'server_stop')
    if (expected && isWanted) this.#log('info', `Process '${this.plan.name}' has ended: ${cause}.`)
    else
      this.#log(
        'error',
        `Process '${this.plan.name}' ${this.cameUp ? 'has died' : 'could not be started'}: ${cause}.`,
      )
    removeFiles(this)
    this.hooks.gone(this, cause)
    this.#step('exit')
  }

  /** What it died of, for the log and for whoever had a request in it. */
  #causeOf(exit: Exit, expected: boolean): string {
    if (this.launchFailure !== undefined) return this.launchFailure
    const why = expected && this.#reason !== undefined ? ` (${this.#reason})` : ''
    const limit = this.plan.group.cpuTimeLimit
    // The kernel sends this one when the time is up for good.
    const spent =
      exit.signal === 'SIGKILL' && !this.#killed && limit > 0
        ? `; its cpu-time-limit of ${limit} s may be used up`
        : ''
    return describeExit(exit) + why + (spent || this.#memory.explain(exit, this.#killed))
  }

  /** Only where the error log is no file: what the process writes to descriptors 1 and 2. */
  #logLines(stream: Readable | null): void {
    if (stream === null) return
    createInterface({ input: stream.setEncoding('latin1') }).on('line', (line) =>
      this.#log('error', line.slice(0, LOG_LINE_MAX), this.pid),
    )
  }

  /** `pid`: who says so, where it is not the supervisor. */
  #log(level: Level, text: string, pid?: number): void {
    const who = this.pid === 0 ? `to be forked from pid=${this.zygote?.pid}` : `pid=${this.pid}`
    const prefix = `mod_wsgi (${who}): `
    // what scripts are told to fail with names the process by itself
    const message = text.startsWith(prefix) ? text : prefix + text
    serverRecord(this.hooks.outlet().log, { module: 'wsgi', level, message, pid })
  }
}

/** A name from outside; what is unknown is logged at `error`. */
function levelFrom(word: unknown): Level {
  return LEVELS.find((level) => level === word) ?? 'error'
}
