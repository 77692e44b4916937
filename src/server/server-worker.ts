/**
 * One server worker as the supervisor sees it: a child process with an IPC channel that inherits the listening sockets.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Exit } from '../system/exit-status.js'
import type { FromWorker, ToWorker } from './messages.js'

/**
 * Every object of a request dies with it, but V8 may take a burst of requests that wait for their application for a sign that such objects last,
 * and makes them in the old generation from then on, where each keeps what it refers to until the next full collection. Measured: 40 in place
 * of 56 microseconds of a worker's time per request (hello world, 64 connections).
 */
const ENGINE = ['--no-allocation-site-pretenuring']

/** Options of Node's own (`node --cpu-prof bin/wsgi-httpd.js …`) that are for server workers too: profiles, limits of memory, traces. */
const PASSED_ON = /^--(cpu-prof|heap-prof|max-|trace-)/

const ENTRY = fileURLToPath(new URL('./worker-main.js', import.meta.url))
/** How long a worker may take to leave after `stop`. */
export const STOP_GRACE_MS = 3000
/** An embedded interpreter keeps one thread of libuv's pool for itself; the usual four remain for files and names. */
const THREAD_POOL_SIZE = 8

/**
 * Descriptors that a worker has of each listening socket: as many connections are accepted in one turn of the event loop. Measured: see
 * docs/performance.md, New connections.
 */
const ACCEPTS_PER_TURN = 4

type Configure = Extract<ToWorker, { type: 'configure' }>

/** What a worker is started with. Descriptors are numbers in the supervisor; the worker is told its own. */
export interface WorkerPlan {
  readonly configure: Omit<Configure, 'listeners' | 'pipes' | 'daemons' | 'failures'>
  readonly listeners: readonly { fd: number; host: string; port: number; protocol: string | undefined }[]
  readonly pipes: readonly { command: string; fd: number }[]
  /** Where a crash of the worker itself leaves its last words: the main error log. */
  readonly stderr: number | 'ignore'
}

export interface WorkerEvents {
  message(message: FromWorker): void
  exit(exit: Exit): void
}

export class ServerWorker {
  readonly startedAt = Date.now()
  readonly pid: number
  ready = false
  /** What was asked of it; a worker that leaves unasked is replaced. */
  asked: 'nothing' | 'drain' | 'stop' = 'nothing'
  readonly #child: ChildProcess
  #killTimer: NodeJS.Timeout | undefined

  /** @throws when the process cannot be started (the pid is missing). */
  constructor(plan: WorkerPlan, daemons: Pick<Configure, 'daemons' | 'failures'>, events: WorkerEvents) {
    const FIRST_FD = 4
    const sockets = plan.listeners.flatMap(({ fd }) => Array<number>(ACCEPTS_PER_TURN).fill(fd))
    const inherited = [...sockets, ...plan.pipes.map(({ fd }) => fd)]
    const stdio: StdioOptions = ['ignore', 'inherit', plan.stderr, 'ipc', ...inherited]
    const passedOn = process.execArgv.filter((option) => PASSED_ON.test(option))
    this.#child = spawn(process.execPath, [...passedOn, ...ENGINE, ENTRY], {
      stdio,
      serialization: 'json',
      env: { ...process.env, UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? String(THREAD_POOL_SIZE) },
    })
    this.#child.once('error', () => {}) // told by the missing pid
    if (this.#child.pid === undefined) throw new Error('the process could not be started')
    this.pid = this.#child.pid
    this.#child.on('message', (message) => events.message(message as FromWorker))
    this.#child.once('exit', (code, signal) => {
      clearTimeout(this.#killTimer)
      events.exit({ code, signal })
    })
    this.send({
      ...plan.configure,
      ...daemons,
      listeners: plan.listeners.map(({ host, port, protocol }, at) => ({
        fds: Array.from({ length: ACCEPTS_PER_TURN }, (_, which) => FIRST_FD + at * ACCEPTS_PER_TURN + which),
        host,
        port,
        protocol,
      })),
      pipes: plan.pipes.map(({ command }, at) => ({ command, fd: FIRST_FD + sockets.length + at })),
    })
  }

  send(message: ToWorker): void {
    // a channel that is closing has its exit event on the way
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  /** Asks it to finish its requests and leave. */
  drain(): void {
    if (this.asked !== 'nothing') return
    this.asked = 'drain'
    this.send({ type: 'drain' })
  }

  /** Asks it to leave now, and kills it when it does not. */
  stop(): void {
    if (this.asked === 'stop') return
    this.asked = 'stop'
    this.send({ type: 'stop' })
    this.#killTimer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_GRACE_MS)
  }
}
