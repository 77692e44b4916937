/**
 * One server worker as the supervisor sees it: a child process with a connection to it that has the listening sockets.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { OpenedAnew } from '../log/reopen.js'
import type { Exit } from '../system/exit-status.js'
import { pidOf } from '../system/started.js'
import { isFromWorker } from './from-worker.js'
import { environmentSince, handOver, openNowhere, takeSpareWorker } from './hand-over.js'
import type { LoadTable } from './load-table.js'
import { type MessageLimits, MessageStream } from './message-stream.js'
import type { FromWorker, ToWorker } from './messages.js'
import { CHANNEL_FD, type SpareWorker, workerCommand } from './spare-worker.js'

/** A worker whose connection is closed and that is still there after so long is killed. */
const CLOSED_MAX_MS = 1000
/** How long a worker may take to leave after `stop`. */
export const STOP_GRACE_MS = 3000
/**
 * A report tells of at most 500 requests, some hundreds of characters each. A configuration may be large, and a worker that is stopped for a while has many things
 * to hear of.
 */
const LIMITS: MessageLimits = { line: 4 * 1024 * 1024, unread: 64 * 1024 * 1024 }
/** Descriptors from here on are those of the plan, in a worker that inherits them. */
const FIRST_FD = 4

/**
 * Descriptors that a worker has of each listening socket: as many connections are accepted in one turn of the event loop. Measured: see
 * docs/performance.md, New connections.
 */
const ACCEPTS_PER_TURN = 4

type Configure = Extract<ToWorker, { type: 'configure' }>

/** What a worker is started with. Descriptors are numbers in the supervisor; the worker is told its own. */
export interface WorkerPlan {
  readonly configure: Omit<Configure, 'listeners' | 'pipes' | 'daemons' | 'failures' | 'sent' | 'column'>
  readonly listeners: readonly { fd: number; host: string; port: number; protocol: string | undefined }[]
  readonly pipes: readonly { command: string; fd: number }[]
  /** Where a crash of the worker itself leaves its last words: the main error log. */
  readonly stderr: number | 'ignore'
  /** Whether the authorities that Node.js knows are asked for: see {@link startSpareWorker}. */
  readonly authorities: boolean
  readonly loads: LoadTable
}

export interface WorkerEvents {
  message(message: FromWorker): void
  /** It has sent what is no message, or takes none, and is being killed. */
  faulty(): void
  exit(exit: Exit): void
}

export class ServerWorker {
  readonly startedAt = Date.now()
  readonly pid: number
  ready = false
  /** It has served its number of connections, see `MaxConnectionsPerChild`. */
  isSpent = false
  /** It is killed for what it has said, or did not listen to. */
  isFaulty = false
  /** What was asked of it; a worker that leaves unasked is replaced. */
  asked: 'nothing' | 'drain' | 'stop' = 'nothing'
  readonly #child: ChildProcess
  readonly #channel: MessageStream<ToWorker>
  /** Over which it is sent descriptors; undefined where that is not possible. */
  #handOver: Socket | undefined
  #isGone = false
  #killTimer: NodeJS.Timeout | undefined

  /** @throws when the process cannot be started */
  constructor(plan: WorkerPlan, daemons: Pick<Configure, 'daemons' | 'failures'>, events: WorkerEvents) {
    const spare = takeSpareWorker(plan.authorities)
    this.#child = spare?.child ?? inheriting(plan)
    this.pid = pidOf(this.#child)
    this.#handOver = spare?.socket
    const first = spare === undefined ? FIRST_FD : 0
    const sent = spare === undefined ? null : sendAll(spare, plan)
    // After what may fail: nobody is to hear of a worker that there never was.
    const connection = spare?.channel ?? (this.#child.stdio[CHANNEL_FD] as Duplex)
    const faulty = () => {
      if (this.#isGone || this.isFaulty) return
      this.isFaulty = true
      events.faulty()
      this.#child.kill('SIGKILL')
    }
    const heard = (message: unknown) => {
      if (this.isFaulty) return
      if (isFromWorker(message)) events.message(message)
      else faulty()
    }
    // one that leaves closes its end a moment before its exit is seen
    const ended = () => setTimeout(faulty, CLOSED_MAX_MS).unref()
    this.#channel = new MessageStream(connection, { heard, faulty, ended }, LIMITS)
    const column = plan.loads.take()
    this.#child.once('exit', (code, signal) => {
      plan.loads.release(column)
      this.#isGone = true
      this.#handOver?.destroy()
      clearTimeout(this.#killTimer)
      events.exit({ code, signal })
    })
    this.send({
      ...plan.configure,
      ...daemons,
      sent,
      column,
      listeners: plan.listeners.map(({ host, port, protocol }, at) => ({
        fds: Array.from({ length: ACCEPTS_PER_TURN }, (_, which) => first + at * ACCEPTS_PER_TURN + which),
        host,
        port,
        protocol,
      })),
      pipes: plan.pipes.map(({ command }, at) => ({
        command,
        fd: first + plan.listeners.length * ACCEPTS_PER_TURN + at,
      })),
    })
  }

  send(message: ToWorker): void {
    this.#channel.send(message)
  }

  /** Hands it log files that have been opened anew. False: it cannot be reached. */
  reopenLogs(files: OpenedAnew): boolean {
    if (files.size === 0) return true
    const socket = this.#handOver
    if (socket === undefined) {
      this.send({ type: 'reopenLogs', files: null })
      return true
    }
    try {
      handOver(socket, [...files.values()])
    } catch {
      // Some may have gone out, and what comes after them would be taken for the rest of these.
      socket.destroy()
      return false
    }
    this.send({ type: 'reopenLogs', files: [...files.keys()] })
    return true
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

/** The plan's descriptors, in the order in which a worker counts them. */
function descriptorsOf({ listeners, pipes }: WorkerPlan): number[] {
  const sockets = listeners.flatMap(({ fd }) => Array<number>(ACCEPTS_PER_TURN).fill(fd))
  return [...sockets, ...pipes.map(({ fd }) => fd)]
}

/** Where descriptors cannot be sent. */
function inheriting(plan: WorkerPlan): ChildProcess {
  const { words, environment } = workerCommand()
  return spawn(process.execPath, words, {
    stdio: ['ignore', 'inherit', plan.stderr, 'pipe', ...descriptorsOf(plan)],
    env: environment,
  })
}

/** @throws SystemCallError; the worker is told to go then. */
function sendAll(spare: SpareWorker, plan: WorkerPlan): Configure['sent'] {
  const stderr = plan.stderr === 'ignore' ? openNowhere() : plan.stderr
  try {
    const descriptors = [stderr, ...descriptorsOf(plan)]
    handOver(spare.socket, descriptors)
    return { descriptors: descriptors.length, environment: environmentSince(spare) }
  } catch (error) {
    spare.socket.destroy()
    spare.child.kill('SIGKILL')
    throw error
  } finally {
    if (plan.stderr === 'ignore') closeSync(stderr)
  }
}
