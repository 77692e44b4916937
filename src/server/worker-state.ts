/**
 * What a server worker knows of the server around it: the supervisor's messages, kept for the gateway.
 */
import { EventEmitter } from 'node:events'
import type { Site } from '../config/site.js'
import type { Logs } from '../log/logs.js'
import type { Board } from '../status/board.js'
import type { Loads } from '../wsgi/loads.js'
import type { DaemonFailure, DaemonInfo, FromWorker, ToWorker } from './messages.js'
import { workersDirectory } from './runtime-dir.js'
import type { Unsubscribe, WorkerContext } from './worker-context.js'

type Configure = Extract<ToWorker, { type: 'configure' }>
type Gone = { id: number; pid: number; cause: string }

export class WorkerState implements WorkerContext {
  readonly runtimeDir: string
  readonly generation: number
  readonly workers: number
  readonly supervisorPid: number
  draining = false
  daemons: readonly DaemonInfo[]
  failures: readonly DaemonFailure[]
  readonly #events = new EventEmitter<{ daemons: []; gone: [Gone] }>().setMaxListeners(0)

  constructor(
    readonly site: Site,
    readonly logs: Logs,
    configure: Configure,
    private readonly send: (message: FromWorker) => void,
    readonly board: () => Promise<Board>,
    readonly loads: Loads,
  ) {
    this.runtimeDir = workersDirectory(configure.runtimeDir)
    this.generation = configure.generation
    this.workers = configure.workers
    this.supervisorPid = configure.supervisorPid
    this.daemons = configure.daemons
    this.failures = configure.failures
  }

  /** Takes in a message about daemon processes; others are none of its business. */
  receive(message: ToWorker): void {
    if (message.type === 'daemons') {
      this.daemons = message.processes
      this.failures = message.failures
      this.#events.emit('daemons')
    } else if (message.type === 'daemonGone') {
      this.#events.emit('gone', { id: message.id, pid: message.pid, cause: message.cause })
    }
  }

  onDaemons(listener: () => void): Unsubscribe {
    this.#events.on('daemons', listener)
    return () => void this.#events.off('daemons', listener)
  }

  onDaemonGone(listener: (gone: Gone) => void): Unsubscribe {
    this.#events.on('gone', listener)
    return () => void this.#events.off('gone', listener)
  }

  requestProcess(group: string, applicationGroup: string): void {
    this.send({ type: 'needProcess', group, applicationGroup })
  }

  processRetired(id: number): void {
    this.send({ type: 'retired', id })
  }
}
