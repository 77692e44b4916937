/**
 * What stands in place of a client, of the logs and of Python while a request is explained: each notes what it is given.
 */

import type { Site } from '../../config/site.js'
import { NO_BODY } from '../../http/http1/body.js'
import type { IncomingMessage, OutgoingMessage, ResponseHead } from '../../http/message.js'
import { type ErrorLog, LEVELS, type Level } from '../../log/error-log.js'
import { ClientConnection } from '../../request/connection.js'
import type { Front } from '../../request/front.js'
import type { WsgiExchange } from '../../wsgi/exchange.js'
import type { RequestGateway } from '../../wsgi/gateway.js'
import type { HookJob } from '../../wsgi/hooks/call.js'
import { UNSHARED } from '../../wsgi/loads.js'
import { ProcessGroup, type Surroundings } from '../../wsgi/process-group.js'
import { daemonGroups } from '../../wsgi/visibility.js'
import type { AskedQuestion } from './question.js'

/** A line for an error log. */
export interface Said {
  readonly module: string
  readonly level: Level
  readonly code: string
  readonly message: string
}

/** Takes what `LogLevel debug` would show. */
export class NotedLog implements ErrorLog {
  readonly lines: Said[] = []

  request(_request: unknown, module: string, level: Level, message: string, code = ''): void {
    this.server(module, level, message, code)
  }

  server(module: string, level: Level, message: string, code = ''): void {
    if (this.admits(module, level)) this.lines.push({ module, level, code, message })
  }

  admits(_module: string, level: Level): boolean {
    return LEVELS.indexOf(level) <= LEVELS.indexOf('debug')
  }
}

/** A client's connection as the configuration sees it. */
export class AskedConnection extends ClientConnection {
  override readonly secure: boolean

  constructor(front: Front, { from, to, port, scheme }: AskedQuestion) {
    const ends = { remoteAddress: from, remotePort: 0, localAddress: to, localPort: port }
    super(ends as ConstructorParameters<typeof ClientConnection>[0], front, front.groupOf(ends))
    this.secure = scheme === 'https'
  }
}

export function askedMessage({ method, target, host, headers }: AskedQuestion): IncomingMessage {
  return {
    method,
    target,
    version: '1.1',
    rawHeaders: ['Host', host, ...headers],
    rawTrailers: [],
    body: NO_BODY,
    bytesReceived: 0,
  }
}

/** A response of which the header alone matters. */
export class NotedResponse implements OutgoingMessage {
  readonly hasConnectionFields = true
  readonly canKeep = true
  readonly isComplete = true
  readonly overheadBytes = 0
  readonly bufferedBytes = 0
  head: ResponseHead | undefined
  whenOver: (() => void) | undefined = undefined

  constructor(private readonly over: () => void) {}

  get headSent(): boolean {
    return this.head !== undefined
  }
  get ended(): boolean {
    return this.headSent
  }
  get closes(): boolean {
    return this.headSent
  }
  get isOver(): boolean {
    return this.headSent
  }
  writeContinue(): void {}
  respond(head: ResponseHead): void {
    this.begin(head)
  }
  begin(head: ResponseHead): void {
    this.head ??= head
    this.over()
  }
  write(): boolean {
    return false
  }
  end(): void {}
  cut(): void {
    this.over()
  }
  onDrain(): void {}
  onOver(): void {}
}

/** Where a request has got to without having been answered. */
export type Arrival =
  | { readonly kind: 'application'; readonly exchange: WsgiExchange; readonly processGroup: string }
  /** `allow_access` and its kin would decide; they run in server workers alone. */
  | { readonly kind: 'hook'; readonly script: string; readonly callable: string }
  | { readonly kind: 'elsewhere'; readonly by: string }

/** Notes which application a request would be given to. */
export class NotedGateway implements RequestGateway {
  readonly redirects = true
  readonly #groups: ReadonlyMap<string, ProcessGroup>

  constructor(
    readonly site: Site,
    private readonly arrived: (arrival: Arrival) => void,
  ) {
    this.#groups = new Map(daemonGroups(site).map((group) => [group.name, new ProcessGroup(group, NOBODY)]))
  }

  groupOf(name: string): ProcessGroup | undefined {
    return this.#groups.get(name)
  }

  run(exchange: WsgiExchange, processGroup: string): void {
    this.arrived({ kind: 'application', exchange, processGroup })
  }

  callHook({ place }: HookJob): void {
    this.arrived({ kind: 'hook', script: place.script, callable: place.callable })
  }

  settled(): void {}

  causeOfDeath(): Promise<string> {
    return Promise.resolve('')
  }
}

/** No process is ever there. */
const NOBODY: Surroundings = {
  connect: () => new Promise(() => {}),
  loads: UNSHARED,
  number: 0,
  applicationGroupLimit: 0,
  requestProcess: () => {},
  processRetired: () => {},
  log: () => {},
}
