/**
 * A mounted application: the Python processes, the gateway to them, and the handler in front. The service's process does what a server worker and a
 * supervisor do for one application.
 */
import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { ErrorLog } from '../log/error-log.js'
import { Front } from '../request/front.js'
import { stackOf } from '../request/phases.js'
import type { DaemonPlan } from '../server/daemon-plan.js'
import { makeAnotherRuntimeDir, removeRuntimeDir } from '../server/runtime-dir.js'
import { Gateway } from '../wsgi/gateway.js'
import { RunningRequests } from './clients.js'
import { planMount } from './configuration.js'
import { Connections } from './connection.js'
import { RequestError } from './errors.js'
import type { AnyRequest, AnyResponse } from './http-types.js'
import { openLog } from './log.js'
import type { MountEvents, MountedApplication, MountHandler, MountStatus } from './mount.js'
import { MountedRequest, MountedResponse } from './node-messages.js'
import type { Chosen } from './options.js'
import { mountPhases } from './phases.js'
import { findPlace, type RequestUrls } from './place.js'
import { Processes } from './processes.js'

/** @throws OptionError, StartError */
export async function startApplication(options: Chosen): Promise<MountedApplication> {
  const runtimeDir = claimDirectory()
  try {
    return await Application.start(options, runtimeDir)
  } catch (error) {
    releaseDirectory(runtimeDir)
    throw error
  }
}

class Application extends EventEmitter<MountEvents> implements MountedApplication {
  readonly handler: MountHandler
  readonly #front: Front
  readonly #connections: Connections
  readonly #running: RunningRequests
  readonly #mountPoint: string
  readonly #known = new Set<number>()
  #requests = 0
  #reloading: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  static async start(options: Chosen, runtimeDir: string): Promise<Application> {
    const log = openLog(options.logLevel, options.log)
    const plan = planMount(options, runtimeDir)
    const { site, application } = plan
    const processes = new Processes({ site, log, runtimeDir, application })
    await startUnless(options.signal, processes, plan.daemons)
    const gateway = new Gateway(processes)
    const phases = mountPhases({
      alias: plan.alias,
      gateway,
      setEnv: options.setEnv,
      onError: options.onError,
    })
    const front = new Front(site, phases, processes.logs, { host: '', port: 0 })
    return new Application(options, runtimeDir, log, processes, gateway, front, plan.daemons.name)
  }

  private constructor(
    private readonly options: Chosen,
    private readonly runtimeDir: string,
    private readonly log: ErrorLog,
    private readonly processes: Processes,
    private readonly gateway: Gateway,
    front: Front,
    private readonly group: string,
  ) {
    super()
    this.#front = front
    this.#connections = new Connections(front)
    this.#running = new RunningRequests(front, options.socketTimeout * 1000)
    this.#mountPoint = options.mountPoint.replace(/\/$/, '')
    this.handler = (request, response, next) => this.#handle(request, response, next)
    for (const { pid } of processes.daemons) this.#known.add(pid)
    processes.onDaemons(() => this.#tellReady())
    processes.onDaemonGone(({ pid, cause }) => {
      if (this.#known.delete(pid)) this.#tell('processExit', { pid, cause })
    })
    processes.events.on('failed', (message) => this.#tell('failure', message))
  }

  status(): MountStatus {
    return {
      requests: this.#requests,
      active: this.#running.size,
      waiting: this.gateway.groupOf(this.group)?.waiting ?? 0,
      processes: this.processes.daemons.map(({ pid, state, pythonVersion }) => ({
        pid,
        state,
        pythonVersion,
      })),
      failure: this.processes.failure,
    }
  }

  reload(): Promise<void> {
    const reload = this.#reloading.then(() => {
      if (this.#closing !== undefined) throw new Error('the application has been closed')
      return this.processes.start(planMount(this.options, this.runtimeDir).daemons)
    })
    this.#reloading = reload.catch(() => {})
    return reload
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #handle(request: AnyRequest, response: AnyResponse, next?: (error?: unknown) => void): void {
    const place = findPlace(request as RequestUrls, this.#mountPoint)
    if (place === undefined) {
      if (next !== undefined) next()
      else refuse(response, 404, 'Not Found')
      return
    }
    if (this.#closing !== undefined) {
      const page = () => refuse(response, 503, 'Service Unavailable')
      const { onError } = this.options
      if (onError === undefined) page()
      else {
        try {
          onError(new RequestError(503, 'Service Unavailable'), request, response, next ?? page)
        } catch (error) {
          this.log.server('api', 'error', `onError has failed: ${stackOf(error)}`)
          page()
        }
      }
      return
    }
    this.#requests++
    const connection = this.#connections.of(request)
    const incoming = new MountedRequest(request, place, next)
    const outgoing = new MountedResponse(response)
    this.#running.add(connection, incoming, outgoing)
    outgoing.onOver(() => incoming.letGo())
    if (incoming.isTaken) {
      const why = `${incoming.method} ${incoming.target}: the request body has been read before the application could: mount it before whatever parses bodies (express.json() and its kin), or have that keep the bytes as request.rawBody`
      this.log.server('api', 'error', why)
      this.#front.refuse(connection, incoming, outgoing, 500, lineOf(incoming), why)
    } else if (incoming.fault !== undefined)
      this.#front.refuse(connection, incoming, outgoing, 400, lineOf(incoming), incoming.fault)
    else this.#front.serve(connection, incoming, outgoing)
  }

  /** Later: what a listener throws is the service's fault, and not to be felt here. */
  #tell<K extends keyof MountEvents>(event: K, ...about: MountEvents[K]): void {
    process.nextTick(() => (this as EventEmitter).emit(event, ...about))
  }

  #tellReady(): void {
    for (const { pid, state, pythonVersion } of this.processes.daemons) {
      if (state !== 'ready' || this.#known.has(pid)) continue
      this.#known.add(pid)
      this.#tell('processReady', { pid, state, pythonVersion })
    }
  }

  async #close(): Promise<void> {
    const { gracefulTimeout } = this.options
    const limit = new AbortController()
    const over = this.#running.over()
    if (gracefulTimeout === 0) await over
    else {
      const late = delay(gracefulTimeout * 1000, undefined, { signal: limit.signal }).catch(() => {})
      await Promise.race([over, late])
    }
    limit.abort()
    this.#running.cutAll()
    await this.processes.stop()
    await this.#reloading
    this.gateway.stop()
    this.#front.stop()
    this.#running.stop()
    releaseDirectory(this.runtimeDir)
  }
}

/** @throws StartError, and the signal's reason once it is aborted and the processes are gone */
async function startUnless(
  signal: AbortSignal | undefined,
  processes: Processes,
  plan: DaemonPlan,
): Promise<void> {
  const stop = () => void processes.stop()
  signal?.addEventListener('abort', stop)
  try {
    await processes.start(plan)
    signal?.throwIfAborted()
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

function lineOf({ method, target, version }: MountedRequest): string {
  return `${method} ${target} HTTP/${version}`
}

function refuse(response: AnyResponse, status: number, text: string): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(`${text}\n`)
}

const directories = new Set<string>()

function claimDirectory(): string {
  const directory = makeAnotherRuntimeDir()
  if (directories.size === 0) process.on('exit', removeAll)
  directories.add(directory)
  return directory
}

function releaseDirectory(directory: string): void {
  removeRuntimeDir(directory)
  directories.delete(directory)
  if (directories.size === 0) process.off('exit', removeAll)
}

function removeAll(): void {
  for (const directory of directories) removeRuntimeDir(directory)
}
