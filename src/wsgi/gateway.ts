/**
 * The WSGI gateway of a server worker: the daemon process groups it can reach, and the interpreter it embeds.
 */

import type { Site } from '../config/site.js'
import { serverRecord } from '../log/error-log.js'
import { coreServer } from '../modules/core/settings.js'
import { wsgiMain, wsgiServer } from '../modules/wsgi/settings.js'
import { internalRedirect, settle } from '../request/process.js'
import type { DaemonInfo } from '../server/messages.js'
import type { WorkerContext } from '../server/worker-context.js'
import type { GroupUse } from '../status/board.js'
import { embeddedCounts } from '../status/counters.js'
import { EMBEDDED } from '../status/readiness.js'
import { Channel } from './channel/channel.js'
import { EmbeddedPython } from './embedded.js'
import type { ExchangeOwner, Verdict, WsgiExchange } from './exchange.js'
import type { HookJob } from './hooks/call.js'
import { type Member, ProcessGroup } from './process-group.js'
import { Roll } from './roll.js'
import { daemonGroups } from './visibility.js'

/** How long a 502 waits for the supervisor to say what a process died of. */
const CAUSE_WAIT_MS = 3000
/** Causes kept for requests that ask later. */
const CAUSES_MAX = 64
const TIMEOUT_SWEEP_MS = 500

/** What requests and hook scripts need of a gateway. */
export interface RequestGateway extends ExchangeOwner {
  readonly site: Site
  /** A 200 with a `Location` path is an internal redirect, in daemon mode. */
  readonly redirects: boolean
  groupOf(name: string): ProcessGroup | undefined
  /** Gives a request to its process group, or to the embedded interpreter when that is `""`. */
  run(exchange: WsgiExchange, processGroup: string): void
  /** Hooks always run in this worker's own interpreter, whatever `WSGIRestrictEmbedded` says about applications. */
  callHook(call: HookJob): void
}

let active: RequestGateway | undefined

/** The gateway of this process. */
export function activeGateway(): RequestGateway {
  if (active === undefined) throw new Error('the WSGI gateway has not been started in this process')
  return active
}

/** Called once in a server worker, after privileges are dropped and before connections are accepted. */
export function startGateway(context: WorkerContext): Gateway {
  const gateway = new Gateway(context)
  useGateway(gateway)
  return gateway
}

/** For processes that are no server workers, where something else stands behind hook scripts. */
export function useGateway(gateway: RequestGateway): void {
  active = gateway
}

export class Gateway implements RequestGateway {
  readonly site: Site
  readonly redirects: boolean
  /** Embedded Python starts with the worker, and not when a request first wants it. */
  readonly embedsAtStart: boolean
  readonly #groups = new Map<string, ProcessGroup>()
  readonly #embedded: EmbeddedPython
  readonly #causes = new Map<number, string>()
  readonly #causeWaiters = new Map<number, ((cause: string) => void)[]>()
  /** Requests in daemon processes. */
  readonly #active = new Roll<WsgiExchange>()
  readonly #unsubscribe: (() => void)[]
  readonly #timer: NodeJS.Timeout

  constructor(private readonly context: WorkerContext) {
    this.site = context.site
    this.redirects = context.isAlone !== true
    const log = context.logs.errorLogFor(context.site.main)
    for (const [number, group] of daemonGroups(context.site).entries()) {
      this.#groups.set(
        group.name,
        new ProcessGroup(group, {
          connect: (info, applicationGroup, isNamedByRequest) =>
            Channel.connect({
              socketPath: info.socketPath,
              secret: info.secret,
              pid: info.pid,
              applicationGroup,
              isNamedByRequest,
              threads: group.threads,
              progressPath: info.progressPath,
              lends: info.lends,
              lateLog: (level, message) =>
                serverRecord(log, { module: 'wsgi', level, message, pid: info.pid }),
            }),
          loads: context.loads,
          number,
          applicationGroupLimit: context.site.main.settings.get(wsgiMain).applicationGroupLimit,
          requestProcess: (name, applicationGroup) => context.requestProcess(name, applicationGroup),
          processRetired: (id) => context.processRetired(id),
          log: (level, message) => log.server('wsgi', level, message),
        }),
      )
    }
    this.#embedded = new EmbeddedPython(context)
    this.#unsubscribe = [
      context.onDaemons(() => this.#update()),
      context.onDaemonGone((gone) => this.#noteDeath(gone.id, gone.cause)),
    ]
    this.#update()
    this.#timer = setInterval(() => this.#sweepTimeouts(), TIMEOUT_SWEEP_MS)
    this.#timer.unref()
    const { imports, hookScripts, restrictEmbedded } = context.site.main.settings.get(wsgiMain)
    // An alias whose application would be refused asks for no interpreter; an import script does.
    const wanted = imports.filter(({ directive }) => !restrictEmbedded || directive === 'WSGIImportScript')
    this.embedsAtStart =
      hookScripts || wanted.some((script) => isEmbedded(script.processGroup)) || isEmbeddedOnly(context.site)
    if (this.embedsAtStart) void this.#embedded.start().catch(() => {})
  }

  get embedded(): Pick<EmbeddedPython, 'state'> {
    return this.#embedded
  }

  groupOf(name: string): ProcessGroup | undefined {
    return this.#groups.get(name)
  }

  /** What each process group has to do; embedded mode last. */
  uses(): GroupUse[] {
    const now = Date.now()
    const embedded: GroupUse = {
      group: EMBEDDED,
      counts: embeddedCounts,
      waiting: 0,
      waitsMs: 0,
      running: [[process.pid, this.#embedded.inFlight]],
    }
    return [...[...this.#groups.values()].map((group) => group.use(now)), embedded]
  }

  run(exchange: WsgiExchange, processGroup: string): void {
    if (processGroup === '') {
      this.#embedded.run(exchange)
      return
    }
    this.#active.add(exchange)
    ;(this.#groups.get(processGroup) as ProcessGroup).run(exchange)
  }

  callHook(call: HookJob): void {
    this.#embedded.run(call)
  }

  /** A request is answered, or has to be answered with an error page or with another URL of this server. */
  settled(exchange: WsgiExchange, verdict: Verdict): void {
    this.#active.delete(exchange)
    if (verdict === 'done') return
    const { request } = exchange
    void settle(
      request,
      'status' in verdict ? verdict.status : internalRedirect(request, verdict.redirect, 'GET'),
    )
  }

  /** What the supervisor says a process died of, such as `killed by signal SIGKILL`. */
  causeOfDeath(member: Member | undefined): Promise<string> {
    const id = member?.info.id
    if (id === undefined) return Promise.resolve('the cause is not known')
    const known = this.#causes.get(id)
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve) => {
      const waiters = this.#causeWaiters.get(id) ?? []
      waiters.push(resolve)
      this.#causeWaiters.set(id, waiters)
      setTimeout(() => resolve('the connection to it was lost'), CAUSE_WAIT_MS).unref()
    })
  }

  /** Resolves when no request is with an interpreter any more. */
  async drained(): Promise<void> {
    while (this.#active.size > 0 || this.#embedded.inFlight > 0) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await this.#embedded.stop()
  }

  /** See {@link EmbeddedPython.showStacks}. */
  showStacks(): void {
    this.#embedded.showStacks()
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    clearInterval(this.#timer)
    for (const group of this.#groups.values()) group.close()
  }

  #update(): void {
    const { daemons, failures } = this.context
    for (const [name, group] of this.#groups) {
      group.update(
        daemons.filter((info: DaemonInfo) => info.group === name),
        failures.find((failure) => failure.group === name)?.message,
      )
    }
  }

  #noteDeath(id: number, cause: string): void {
    this.#causes.set(id, cause)
    if (this.#causes.size > CAUSES_MAX) this.#causes.delete(this.#causes.keys().next().value as number)
    for (const tell of this.#causeWaiters.get(id) ?? []) tell(cause)
    this.#causeWaiters.delete(id)
  }

  /** `socket-timeout`, else `Timeout`: an interpreter that neither gives nor takes anything for so long is given up. */
  #sweepTimeouts(): void {
    const now = Date.now()
    for (const exchange of this.#active.list()) {
      const group = exchange.processGroup
      if (group === undefined || !exchange.isDispatched) continue
      if (exchange.waitsForClient) {
        const { responseSocketTimeout, socketTimeout } = group.group
        const most = responseSocketTimeout || socketTimeout
        // Its own time begins when the client has done his part.
        exchange.lastProgress = now
        // Without these, `Timeout` does it, for all responses alike.
        if (most > 0 && exchange.clientSilentMs(now) >= most * 1000) exchange.giveUpClient(most)
        continue
      }
      const seconds = group.group.socketTimeout || exchange.request.server.settings.get(coreServer).timeout
      if (now - exchange.lastProgress < seconds * 1000) continue
      exchange.timeOut(
        `WSGI0118: Timeout when reading response from daemon process '${group.group.name}': nothing within ${seconds} s`,
      )
    }
  }
}

/**
 * Whether there are applications, and nowhere else for them to run: then the first request need not wait for Python, and what is wrong with it is
 * in the log when the server starts.
 */
function isEmbeddedOnly(site: Site): boolean {
  const { daemonGroups, restrictEmbedded } = site.main.settings.get(wsgiMain)
  if (daemonGroups.length > 0 || restrictEmbedded) return false
  return [site.main, ...site.virtualHosts].some(({ settings }) => settings.get(wsgiServer).aliases.length > 0)
}

function isEmbedded(group: { readonly kind: string; readonly name?: string }): boolean {
  return group.kind === 'literal' && group.name === ''
}
