/**
 * `mount`: a WSGI application as a request handler of a Node service.
 */
import type { EventEmitter } from 'node:events'
import { checkMountOptions } from './check-options.js'
import type { AnyRequest, AnyResponse } from './http-types.js'
import type { MountOptions } from './options.js'

/** A Python process of the application. */
export interface ProcessInfo {
  readonly pid: number
  /** `draining`: finishes the requests that it has. */
  readonly state: 'ready' | 'draining'
  /** Such as `3.11.7`. */
  readonly pythonVersion: string
}

/** Numbers of the moment. */
export interface MountStatus {
  /** Requests since the start, those that run included. */
  readonly requests: number
  /** Requests that are being answered. */
  readonly active: number
  /** Those of them that wait for a process. */
  readonly waiting: number
  readonly processes: readonly ProcessInfo[]
  /** Why the application cannot answer at the moment: no process can be started, or a changed script cannot be loaded. For health checks. */
  readonly failure: string | undefined
}

export interface MountEvents {
  /** A process takes requests. */
  processReady: [process: ProcessInfo]
  /** One that took requests is gone: `exit status 0 (maximum_requests)`, `killed by signal SIGSEGV`. Where it is missing, another one is started. */
  processExit: [process: { readonly pid: number; readonly cause: string }]
  /** No process can be started at the moment, or a changed script cannot be loaded; the next attempt is made by itself. */
  failure: [message: string]
}

/**
 * Answers a request. Goes with `node:http`, `node:https`, the compatibility API of `node:http2`, Connect, Express, and whatever takes their
 * middleware.
 * @param next is called for URLs that are not below `mountPoint`; without it they get 404
 */
export type MountHandler = (
  request: AnyRequest,
  response: AnyResponse,
  next?: (error?: unknown) => void,
) => void

/** A WSGI application that runs. */
export interface MountedApplication extends EventEmitter, AsyncDisposable {
  // said here, since types of Node before 20.12 know no events by name
  on<K extends keyof MountEvents>(event: K, listener: (...about: MountEvents[K]) => void): this
  once<K extends keyof MountEvents>(event: K, listener: (...about: MountEvents[K]) => void): this
  off<K extends keyof MountEvents>(event: K, listener: (...about: MountEvents[K]) => void): this
  /** Bound: it may be passed on as it is. Also for the event `checkContinue` of Node's servers. */
  readonly handler: MountHandler
  status(): MountStatus
  /**
   * Replaces all processes by new ones, that have loaded the application anew; no request is lost.
   * @throws {@link StartError} where the new ones do not start; the old ones go on then
   */
  reload(): Promise<void>
  /**
   * Lets running requests finish, for `gracefulTimeout`, then ends the processes; new requests get 503. Close the service's server first.
   * Calling it again is harmless.
   */
  close(): Promise<void>
}

/**
 * Starts the Python processes of a WSGI application.
 * @throws {@link OptionError} for options that are wrong
 * @throws {@link StartError} where Python does not start, or the application cannot be loaded
 * @throws the reason of `signal`
 * @example
 * const app = await mount({ application: 'app.wsgi' })
 * express().use('/python', app.handler)
 */
export async function mount(options: MountOptions): Promise<MountedApplication> {
  const chosen = checkMountOptions(options, process.getuid?.() ?? -1)
  chosen.signal?.throwIfAborted()
  // read when it is first needed: whoever only has `serve` in mind does not wait for it
  const { startApplication } = await import('./application.js')
  return startApplication(chosen)
}
