/**
 * Embedded mode where Python has no sub-interpreters (before 3.8, PyPy): an application group other than `%{GLOBAL}` gets a process of its own
 * beside the embedded interpreter. To its applications it is embedded Python in all but the process id.
 *
 * The server worker starts it, as its own user, and it ends with the worker.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { MetricsAnswers } from '../status/metrics-answers.js'
import { describeExit } from '../system/exit-status.js'
import { makeSecret } from '../system/secret.js'
import { pidOf } from '../system/started.js'
import { RuntimeControl, type RuntimeMessage } from './control.js'
import type { EmbedOptions } from './embed.js'
import { findPython } from './find.js'
import { createProgressFile } from './progress-file.js'
import { runtimeMain } from './runtime-path.js'
import { INTERNAL_VARIABLES, startFor } from './start.js'
import { listenUnix } from './unix-sockets.js'

/** Descriptors of the process. */
const CONTROL_FD = 3
const NUMBERS = ['--control', CONTROL_FD, '--listen', 4, '--progress', 5].map(String)
/** Somewhat more than the runtime's own limit for an orderly end. */
const STOP_MAX_MS = 6000

let lastNumber = 0

export class PythonBeside {
  readonly socketPath: string
  readonly progressPath: string
  readonly secret = makeSecret()
  /** Fulfilled when it takes requests; rejected when it has ended before. */
  readonly ready: Promise<void>
  /** Fulfilled with the cause when it has ended. */
  readonly gone: Promise<string>
  #isLeaving = false
  #wasAsked = false
  readonly #child: ChildProcess
  readonly #control: RuntimeControl
  readonly #metrics: MetricsAnswers

  /** @throws {PythonNotFound}, or when the socket or the process cannot be made. */
  constructor(applicationGroup: string, options: EmbedOptions) {
    const { executable, kind } = findPython(options.home)
    const start = startFor(options.start ?? {}, kind)
    const name = join(options.runtimeDir, `beside.${process.pid}.${++lastNumber}`)
    this.socketPath = `${name}.sock`
    this.progressPath = `${name}.progress`
    this.#child = this.#spawn(executable, [...start.flags, runtimeMain(), ...NUMBERS], start.environment)
    let isReady: () => void = () => {}
    this.#control = new RuntimeControl(
      this.#child.stdio[CONTROL_FD] as Duplex,
      (message) => this.#hear(message, options, isReady),
      () => this.#child.kill('SIGKILL'),
    )
    this.#metrics = new MetricsAnswers(
      options.settings.server_metrics === true,
      options.board,
      (answer, taken) => this.#control.answer(answer, taken),
    )
    this.#control.configure({
      ...options.settings,
      mode: 'embedded',
      main_group: applicationGroup,
      lane_secret: this.secret,
    })
    this.gone = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#isLeaving = true
        for (const file of [this.socketPath, this.progressPath]) rmSync(file, { force: true })
        resolve(describeExit({ code, signal }))
      })
    })
    this.ready = new Promise((resolve, reject) => {
      isReady = resolve
      void this.gone.then((cause) => reject(new Error(`its Python process has ended: ${cause}`)))
    })
    this.ready.catch(() => {}) // told to whoever waits for it
  }

  /** 0 where it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** It takes no new requests, or has ended. */
  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /** It was told to end, or said that it would. */
  get wasAsked(): boolean {
    return this.#wasAsked
  }

  /** See {@link RuntimeControl.showStacks}. */
  showStacks(): void {
    this.#control.showStacks()
  }

  /** Orderly end: running requests finish, atexit functions run. Resolves when the process is gone. */
  async stop(reason: string): Promise<void> {
    this.#isLeaving = this.#wasAsked = true
    this.#control.stop(reason)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MAX_MS)
    await this.gone
    clearTimeout(timer)
  }

  #spawn(executable: string, words: readonly string[], more: Readonly<Record<string, string>>): ChildProcess {
    const opened: number[] = []
    try {
      opened.push(listenUnix(this.socketPath), createProgressFile(this.progressPath))
      const env = { ...process.env, ...more }
      for (const name of INTERNAL_VARIABLES) delete env[name]
      const child = spawn(executable, words, {
        env,
        stdio: ['ignore', 'inherit', 'inherit', 'pipe', ...opened],
      })
      pidOf(child)
      return child
    } catch (error) {
      for (const file of [this.socketPath, this.progressPath]) rmSync(file, { force: true })
      throw error
    } finally {
      for (const fd of opened) closeSync(fd)
    }
  }

  #hear(message: RuntimeMessage, { log }: EmbedOptions, ready: () => void): void {
    if (message.type === 'ready') ready()
    else if (message.type === 'leaving') this.#isLeaving = this.#wasAsked = true
    else if (message.type === 'log') log(message.level, message.text)
    else if (message.type === 'server_metrics') void this.#metrics.answer(message)
  }
}
