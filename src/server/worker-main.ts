/**
 * Entry of a server worker. It starts with the supervisor's rights: applies the configuration it is given, opens the logs, gives up its privileges
 * for good, and only then starts what is foreign and accepts connections on the sockets that it inherited.
 */

import { type Server, Socket } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { applyTree } from '../config/apply.js'
import { describeError } from '../config/load.js'
import { limitMatches } from '../config/match-limit.js'
import type { Site } from '../config/site.js'
import { textOf } from '../config/text.js'
import { type LogDestination, logDestinations } from '../log/destination.js'
import { type Logs, openLogs } from '../log/logs.js'
import { type OpenedAnew, openAnew } from '../log/reopen.js'
import { provideServerLoad, type ServerLoad } from '../modules/headers/value.js'
import { modules } from '../modules/index.js'
import { maxRequestWorkers, mpmSettings } from '../modules/mpm.js'
import { vocabulary } from '../modules/registry.js'
import { provideStatus } from '../modules/status/source.js'
import { wsgiMain } from '../modules/wsgi/settings.js'
import {
  acceptAlongside,
  connectionsOf,
  createHttpServer,
  drain,
  stopAccepting,
  whenAccepted,
} from '../request/http-server.js'
import { phaseTable } from '../request/process.js'
import { RequestSlots } from '../request/request-slots.js'
import type { WorkerReport } from '../status/board.js'
import { BoardClient } from '../status/board-client.js'
import { LAST_REPORT } from '../status/desk.js'
import { type NeededGroup, readinessOf } from '../status/readiness.js'
import { makeReport } from '../status/report.js'
import { foreign } from '../system/libc.js'
import { showSocketShapes } from '../system/socket-shapes.js'
import { type Gateway, startGateway } from '../wsgi/gateway.js'
import { mainApplicationGroup } from '../wsgi/main-group.js'
import { daemonGroups } from '../wsgi/visibility.js'
import { waitForReaders } from './error-stream.js'
import { closeForeignDescriptors, takeMore, takeOver } from './hand-over.js'
import { dieWithParent, dup2 } from './libc.js'
import { openLoads } from './load-table.js'
import { MessageStream } from './message-stream.js'
import type { FromWorker, InheritedListener, ToWorker } from './messages.js'
import { explainPath } from './path-access.js'
import { describeIdentity, dropPrivileges } from './privileges.js'
import { prepareWorkersDirectory, workersDirectory } from './runtime-dir.js'
import { CHANNEL_FD } from './spare-worker.js'
import { WorkerState } from './worker-state.js'

/** The status page's way to the other workers. */
const board = new BoardClient((number) => send({ type: 'boardWanted', number }))

type Configure = Extract<ToWorker, { type: 'configure' }>

closeForeignDescriptors(process.argv)
limitMatches()
// Needed soon: a worker that was started before its configuration was read has time for it.
foreign()

/** What is left for requests and interpreters when the worker is told to stop; the supervisor waits somewhat longer. */
const LAST_MOMENT_MS = 2000

/** Set by the first message; what comes after it waits until the worker serves. */
let starting: Promise<Worker> | undefined

const supervisor = new MessageStream<FromWorker>(
  new Socket({ fd: CHANNEL_FD, readable: true, writable: true }),
  {
    heard: (message) => void receive(message as ToWorker),
    faulty: () => {},
    // The supervisor is gone: nothing may outlive it.
    ended: () => process.exit(1),
  },
)
// A terminal sends Ctrl-C and Ctrl-\ to all processes; the supervisor alone decides. SIGUSR1 would start Node's debugger.
for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const)
  process.on(signal, () => {})
process.on('SIGTERM', () => void receive({ type: 'stop' }))

async function receive(message: ToWorker): Promise<void> {
  if (message.type === 'configure') {
    starting = Worker.start(message)
    starting.then(() => send({ type: 'ready' }), fail)
    return
  }
  if (starting === undefined) process.exit(0)
  const worker = await starting.catch(() => undefined) // the failure is being told
  if (worker === undefined) return
  if (message.type === 'drain') await worker.leave(true)
  else if (message.type === 'stop') await worker.leave(false)
  else if (message.type === 'report')
    send({ type: 'report', number: message.number, report: worker.report() })
  else if (message.type === 'board') board.take(message.number, message.board)
  else if (message.type === 'stacks') worker.gateway.showStacks()
  else if (message.type === 'reopenLogs') worker.reopenLogs(message.files)
  else worker.state.receive(message)
}

class Worker {
  #leaving = false

  private constructor(
    readonly state: WorkerState,
    private readonly site: Site,
    private readonly logs: Logs,
    readonly gateway: Gateway,
    private readonly servers: readonly Server[],
    private readonly slots: RequestSlots | undefined,
  ) {}

  /** @throws whatever keeps the worker from accepting connections */
  static async start(message: Configure): Promise<Worker> {
    const configure = takeOver(message)
    // Set for libuv before this program began, and of no use to applications
    delete process.env.UV_THREADPOOL_SIZE
    const { site, errors } = applyTree(configure.tree, vocabulary, { environment: process.env })
    if (errors[0] !== undefined) throw new Error(describeError(errors[0]))
    waitForReaders()
    const pipes = new Map(configure.pipes.map(({ command, fd }) => [command, fd]))
    const logs = openLogs(site, { pipes })
    prepareWorkersDirectory(configure.runtimeDir, configure.dropTo)
    const loads = openLoads(configure.runtimeDir, configure.column)
    if (configure.dropTo !== null) dropPrivileges(configure.dropTo)
    dieWithParent()
    if (process.ppid !== configure.supervisorPid) process.exit(1)
    checkReach(configure, site, logs)
    const sharedDirectory = workersDirectory(configure.runtimeDir)
    for (const { childInit } of modules) childInit?.({ sharedDirectory })
    const state = new WorkerState(site, logs, configure, send, () => board.board(), loads)
    const phases = phaseTable(modules)
    const gateway = startGateway(state)
    const slots = slotsOf(configure, site)
    const servers = configure.listeners.map((listener) =>
      createHttpServer(site, phases, logs, listener, configure.tls ?? undefined, slots),
    )
    await Promise.all(
      servers.map((server, at) => accept(server, configure.listeners[at] as InheritedListener, configure)),
    )
    countConnections(servers, site)
    setImmediate(() => showSocketShapes())
    const groups = neededGroups(site)
    provideStatus({
      board: () => board.board(),
      capacity: maxRequestWorkers(site.main.settings.get(mpmSettings)),
      readiness: () => {
        const embedded = gateway.embedsAtStart ? gateway.embedded.state : undefined
        return readinessOf({ groups, daemons: state.daemons, failures: state.failures, embedded })
      },
      get draining() {
        return state.draining
      },
    })
    provideServerLoad(() => loadOf(servers, configure, site))
    return new Worker(state, site, logs, gateway, servers, slots)
  }

  report(): WorkerReport {
    const connections = this.servers.flatMap((server) => [...connectionsOf(server)])
    const { generation, draining } = this.state
    return makeReport({
      generation,
      draining,
      connections,
      waiting: this.slots?.waiting ?? 0,
      groups: this.gateway.uses(),
      embedded: this.gateway.embedded.state,
    })
  }

  /** Files that the supervisor has opened anew, and sent; null: it could not send them. */
  reopenLogs(files: readonly string[] | null): void {
    const log = this.logs.errorLogFor(this.site.main)
    const tell = (fault: string) =>
      log.server('log_config', 'error', `The log file that was open stays in use: ${fault}`)
    try {
      const { opened, faults } =
        files === null ? openAnew(this.site) : { opened: received(files), faults: [] }
      const { destination } = logDestinations(this.site)[0] as LogDestination // the main error log
      const stderr = destination.kind === 'file' ? opened.get(destination.path) : undefined
      if (stderr !== undefined) dup2(stderr, 2)
      this.logs.goOnIn(opened)
      for (const fault of faults) tell(fault)
    } catch (error) {
      tell((error as Error).message)
    }
  }

  /** Ends this worker; `orderly`: after the requests that it has. */
  async leave(orderly: boolean): Promise<void> {
    if (this.#leaving && orderly) return
    this.#leaving = true
    this.state.draining = true
    if (orderly) {
      await Promise.all(this.servers.map((server) => drain(server)))
      await this.gateway.drained()
    } else {
      for (const server of this.servers) stopAccepting(server)
      // what is nearly done may end, and an embedded interpreter runs its atexit functions
      await Promise.race([this.gateway.drained(), delay(LAST_MOMENT_MS)])
    }
    this.gateway.stop()
    this.logs.close()
    const last: FromWorker = { type: 'report', number: LAST_REPORT, report: this.report() }
    await new Promise<void>((resolve) => supervisor.send(last, resolve))
    process.exit(0)
  }
}

function received(files: readonly string[]): OpenedAnew {
  const descriptors = takeMore(files.length)
  return new Map(files.map((file, at) => [file, descriptors[at] as number]))
}

/** Begins to accept on a socket that is bound and listening, by each of its descriptors. */
async function accept(server: Server, { fds }: InheritedListener, { backlog }: Configure): Promise<void> {
  await Promise.all(
    fds.map((fd, at) => listening(at === 0 ? server : acceptAlongside(server), { fd, backlog })),
  )
}

function listening(server: Server, options: { fd: number; backlog: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Those that take requests; which processes of a group are there from the beginning can be read off the configuration. */
function neededGroups(site: Site): NeededGroup[] {
  return daemonGroups(site)
    .filter(({ threads }) => threads > 0)
    .map((group) => ({ name: group.name, mainGroup: mainApplicationGroup(site, group) ?? '' }))
}

/** `MaxRequestWorkers`: this worker's share of it; as many requests as connections fit into the backlog may wait. */
function slotsOf({ workers, backlog }: Configure, site: Site): RequestSlots | undefined {
  const { maxRequestWorkers } = site.main.settings.get(mpmSettings)
  return maxRequestWorkers === undefined
    ? undefined
    : new RequestSlots(Math.ceil(maxRequestWorkers / workers), backlog)
}

/** How much of this worker's share of `MaxRequestWorkers` is at work, in whole per cent. */
function loadOf(servers: readonly Server[], { workers }: Configure, site: Site): ServerLoad {
  const most = Math.ceil(maxRequestWorkers(site.main.settings.get(mpmSettings)) / workers)
  let running = 0
  for (const server of servers)
    for (const connection of connectionsOf(server)) if (connection.latest !== undefined) running++
  const busy = Math.min(100, Math.floor((running * 100) / most))
  return { busy, idle: Math.min(100, Math.floor((Math.max(0, most - running) * 100) / most)) }
}

/** `MaxConnectionsPerChild`: a worker that has served its number is replaced, in case something in it leaks. */
function countConnections(servers: readonly Server[], site: Site): void {
  const limit = site.main.settings.get(mpmSettings).maxConnectionsPerChild
  if (limit === 0) return
  let connections = 0
  const count = () => {
    if (++connections === limit) send({ type: 'retiring' })
  }
  for (const server of servers) whenAccepted(server, count)
}

/** Says at the start what would otherwise be a 503 for each request: this worker's user cannot reach the sockets of daemon processes. */
function checkReach({ runtimeDir, dropTo }: Configure, site: Site, logs: Logs): void {
  const { socketPrefix, daemonGroups } = site.main.settings.get(wsgiMain)
  const directory = socketPrefix === undefined ? runtimeDir : dirname(textOf(socketPrefix))
  const obstacle =
    daemonGroups.length === 0 ? undefined : explainPath(directory, 'search', describeIdentity(dropTo))
  if (obstacle === undefined) return
  logs
    .errorLogFor(site.main)
    .server('wsgi', 'crit', `Daemon processes cannot be reached, requests to them will get 503: ${obstacle}`)
}

function send(message: FromWorker): void {
  supervisor.send(message)
}

/** Tells the supervisor why, and ends. */
function fail(error: Error): void {
  const message = `Server worker ${process.pid} cannot start: ${error.message}`
  supervisor.send({ type: 'failed', message }, () => process.exit(1))
}
