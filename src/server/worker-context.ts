/**
 * What a server worker offers to the WSGI gateway that lives in it: the configuration, the logs, and the daemon processes that
 * the supervisor runs. The worker feeds it from the supervisor's messages; the gateway reads it and listens to it.
 */
import type { Site } from '../config/site.js'
import type { Logs } from '../log/logs.js'
import type { Board } from '../status/board.js'
import type { Loads } from '../wsgi/loads.js'
import type { DaemonFailure, DaemonInfo } from './messages.js'

/** Called on a change; what `on…` returns takes the listener away again. */
export type Unsubscribe = () => void

export interface WorkerContext {
  readonly site: Site
  readonly logs: Pick<Logs, 'errorLogFor'>
  /** Directory for sockets that server workers make themselves (embedded Python); theirs alone. */
  readonly runtimeDir: string
  /** 1 at start, one more with each restart of the server. */
  readonly generation: number
  /** Number of server workers that run side by side: what embedded applications see as `wsgi.multiprocess`. */
  readonly workers: number
  readonly supervisorPid: number
  /** How busy daemon processes are with what other workers have given them. */
  readonly loads: Loads
  /** True once the worker has been told to finish. */
  readonly draining: boolean
  /** The application is all that there is: URLs that it sends requests on to would be somebody else's (src/api/). */
  readonly isAlone?: boolean

  /** All daemon processes that may be asked, `draining` ones included. A new array at each change. */
  readonly daemons: readonly DaemonInfo[]
  /** Groups whose processes do not start, with the reason. A new array at each change. */
  readonly failures: readonly DaemonFailure[]
  /** After {@link daemons} or {@link failures} changed. */
  onDaemons(listener: () => void): Unsubscribe
  /** After the death of a process was seen; it is no longer in {@link daemons}. */
  onDaemonGone(listener: (gone: { id: number; pid: number; cause: string }) => void): Unsubscribe

  /** What all server workers are doing. */
  board(): Promise<Board>
  /** Asks for a process for an application group of a Python without sub-interpreters. Asking again does no harm. */
  requestProcess(group: string, applicationGroup: string): void
  /** Tells the supervisor that a process refuses requests, so that a replacement is started and others hear of it. */
  processRetired(id: number): void
}
