/**
 * Embedded mode: the Python interpreter inside this server worker, started when something first needs it.
 * It runs the same runtime as daemon processes do and is reached over the same kind of channel.
 */

import { textOf } from '../config/text.js'
import type { Level } from '../log/error-log.js'
import { mpmSettings } from '../modules/mpm.js'
import { wsgiMain } from '../modules/wsgi/settings.js'
import type { EmbedOptions, EmbeddedPython as Interpreter } from '../python/embed.js'
import { serverBanner } from '../request/server-tokens.js'
import type { WorkerContext } from '../server/worker-context.js'
import type { EmbeddedState } from '../status/board.js'
import { versionNumbers } from '../system/package-root.js'
import { Channel, ChannelRefused } from './channel/channel.js'
import type { ChannelTarget } from './channel/types.js'
import { EmbeddedProcesses } from './embedded-processes.js'
import { importsOf } from './imports.js'
import { interpreterSettings } from './interpreter-options.js'
import { startOptions } from './python-start.js'

/** As many requests at a time as an httpd child process has threads, unless `ThreadsPerChild` says otherwise. */
const DEFAULT_THREADS = 25

/** What the interpreter can be given: a request for an application, or a call of a hook. */
export interface EmbeddedJob {
  readonly applicationGroup: string
  /** That name came about by a request: their number is limited. */
  readonly isNamedByRequest?: boolean
  /** Hands it to the channel. */
  begin(channel: Channel): void
  /** There is no interpreter; `message` is for the error log. */
  refuse(status: number, message: string): void
}

export class EmbeddedPython {
  state: EmbeddedState = 'idle'
  #interpreter: Promise<Interpreter> | undefined
  readonly #channels = new Map<string, Channel>()
  readonly #opening = new Map<string, EmbeddedJob[]>()
  #stopped = false
  /** Where Python has no sub-interpreters. */
  readonly #processes: EmbeddedProcesses

  constructor(private readonly context: WorkerContext) {
    this.#processes = new EmbeddedProcesses({
      namedByRequestsMax: context.site.main.settings.get(wsgiMain).applicationGroupLimit,
      make: async (applicationGroup) => {
        if (this.#stopped) throw new Error('the server worker is going away')
        const { PythonBeside } = await import('../python/beside.js')
        return new PythonBeside(applicationGroup, this.#options())
      },
      log: (level, message) => this.#log(level, message),
    })
  }

  /** Requests in the interpreter or waiting for it. */
  get inFlight(): number {
    let count = 0
    for (const channel of this.#channels.values()) count += channel.inFlight
    for (const waiting of this.#opening.values()) count += waiting.length
    return count
  }

  run(job: EmbeddedJob): void {
    const channel = this.#channels.get(job.applicationGroup)
    // The embedded interpreter takes nothing new when the worker leaves; a process beside it has a successor.
    const isOver =
      channel === undefined || channel.closed || (channel.draining !== undefined && !this.#stopped)
    if (!isOver) {
      job.begin(channel)
      return
    }
    const waiting = this.#opening.get(job.applicationGroup)
    if (waiting !== undefined) waiting.push(job)
    else {
      this.#opening.set(job.applicationGroup, [job])
      void this.#open(job.applicationGroup, job.isNamedByRequest === true)
    }
  }

  /** Starts Python if it is not running. Resolves when it takes requests; a failure is in the log. */
  start(): Promise<Interpreter> {
    if (this.#interpreter === undefined) {
      this.state = 'starting'
      this.#interpreter = this.#launch()
      const up = () => {
        this.state = 'up'
      }
      this.#interpreter.then(up, (error: Error) => {
        this.state = 'failed'
        this.#log('crit', `WSGI0028: Python cannot be embedded in this server process: ${error.message}`)
        // The next request tries again: what is missing may have been installed meanwhile.
        this.#interpreter = undefined
      })
    }
    return this.#interpreter
  }

  /** Writes the Python stacks of all threads to the error log, where Python has been started. */
  showStacks(): void {
    this.#interpreter?.then(
      (interpreter) => interpreter.showStacks(),
      () => {}, // told already
    )
    this.#processes.showStacks()
  }

  /** Orderly end: atexit functions run, threads are joined. */
  async stop(): Promise<void> {
    this.#stopped = true
    const interpreter = await this.#interpreter?.catch(() => undefined)
    await Promise.all([interpreter?.stop('shutdown_signal'), this.#processes.stop('shutdown_signal')])
  }

  async #open(applicationGroup: string, isNamedByRequest: boolean): Promise<void> {
    try {
      const channel = await Channel.connect({
        ...(await this.#interpreterOf(applicationGroup, isNamedByRequest)),
        applicationGroup,
        isNamedByRequest,
        threads: this.#threads,
        lends: 'kept',
        lateLog: (level, text) => this.#log(level, text),
      })
      this.#channels.set(applicationGroup, channel)
      channel.onClose(() => {
        if (this.#channels.get(applicationGroup) === channel) this.#channels.delete(applicationGroup)
      })
      for (const job of this.#take(applicationGroup)) job.begin(channel)
    } catch (error) {
      const message = `WSGI0035: Cannot acquire interpreter '${applicationGroup}': ${(error as Error).message}`
      const status = (error instanceof ChannelRefused && error.status) || 500
      for (const job of this.#take(applicationGroup)) job.refuse(status, message)
    }
  }

  /** Where the interpreter of that group is reached. */
  async #interpreterOf(
    applicationGroup: string,
    isNamedByRequest: boolean,
  ): Promise<Pick<ChannelTarget, 'socketPath' | 'secret' | 'progressPath' | 'pid'>> {
    const { socketPath, secret, subinterpreters } = await this.start()
    if (subinterpreters || applicationGroup === '') return { socketPath, secret }
    const process = await this.#processes.of(applicationGroup, isNamedByRequest)
    return {
      socketPath: process.socketPath,
      secret: process.secret,
      progressPath: process.progressPath,
      pid: process.pid,
    }
  }

  /** Preloaded scripts of other application groups, where these have processes of their own. */
  #startPreloaded({ subinterpreters }: Interpreter): void {
    if (subinterpreters) return
    for (const { application_group } of importsOf(this.context.site, ''))
      if (application_group !== '')
        this.#processes.of(application_group, false).catch((error: Error) => {
          this.#log('crit', `WSGI0035: Cannot acquire interpreter '${application_group}': ${error.message}`)
        })
  }

  #take(applicationGroup: string): readonly EmbeddedJob[] {
    const waiting = this.#opening.get(applicationGroup) ?? []
    this.#opening.delete(applicationGroup)
    return waiting
  }

  async #launch(): Promise<Interpreter> {
    if (this.#stopped) throw new Error('the server worker is going away')
    // Loaded only here: a worker without embedded applications never loads the foreign-function library.
    const { embedPython } = await import('../python/embed.js')
    const interpreter = await embedPython(this.#options())
    this.#startPreloaded(interpreter)
    return interpreter
  }

  get #threads(): number {
    return this.context.site.main.settings.get(mpmSettings).threadsPerChild ?? DEFAULT_THREADS
  }

  #options(): EmbedOptions {
    const { site } = this.context
    const main = site.main.settings.get(wsgiMain)
    return {
      home: main.pythonHome && textOf(main.pythonHome),
      start: startOptions(main, ''),
      runtimeDir: this.context.runtimeDir,
      settings: {
        mode: 'embedded',
        process_group: '',
        main_group: null,
        threads: this.#threads,
        processes: this.context.workers,
        multiprocess: this.context.workers > 1,
        multithread: true,
        python_path: main.pythonPath.map(textOf),
        python_eggs: main.pythonEggs ? textOf(main.pythonEggs) : null,
        switch_interval: main.switchInterval ?? null,
        ...interpreterSettings(main, ''),
        server_metrics: main.serverMetrics,
        server_version: versionNumbers(),
        server_software: serverBanner(site.main),
        imports: importsOf(site, ''),
      },
      board: () => this.context.board(),
      log: (level, text) => this.#log(level as Level, text),
    }
  }

  #log(level: Level, text: string): void {
    this.context.logs.errorLogFor(this.context.site.main).server('wsgi', level, text)
  }
}
