/**
 * Takes one request through the server's own phases, up to where an application, a backend or another module would answer it.
 */
import type { Site } from '../../config/site.js'
import { modules } from '../../modules/index.js'
import type { HttpdModule, Outcome } from '../../modules/module.js'
import { PROXY_HANDLER } from '../../modules/proxy/mapping.js'
import { STATUS_HANDLERS } from '../../modules/status.js'
import { Front } from '../../request/front.js'
import { phaseTable } from '../../request/process.js'
import type { Request } from '../../request/request.js'
import { useGateway } from '../../wsgi/gateway.js'
import type { AskedQuestion } from './question.js'
import {
  type Arrival,
  AskedConnection,
  askedMessage,
  NotedGateway,
  NotedLog,
  NotedResponse,
  type Said,
} from './recorders.js'
import { rememberOrigins } from './sections.js'

export interface Explanation {
  /** The request that is answered: the last of a chain of internal redirects. */
  readonly request: Request
  readonly said: readonly Said[]
  /** undefined: the server itself answers. */
  readonly arrival: Arrival | undefined
  /** The header of that answer; undefined where it is none of the server's. */
  readonly response: NotedResponse
  /** False: the first virtual host of the address serves it, as none has the name. */
  readonly isNamed: boolean
}

/** The process must have the rights that server workers have: what they cannot read is refused. */
export async function ask(site: Site, question: AskedQuestion): Promise<Explanation> {
  rememberOrigins()
  const log = new NotedLog()
  let arrive!: (at?: Arrival) => void
  const arrived = new Promise<Arrival | undefined>((resolve) => {
    arrive = resolve
  })
  useGateway(new NotedGateway(site, arrive))
  const phases = phaseTable(modules.map((module) => elsewhere(module, arrive)))
  const front = new Front(site, phases, { errorLogFor: () => log }, { host: '', port: question.port })
  const connection = new AskedConnection(front, question)
  const response = new NotedResponse(() => arrive())
  front.serve(connection, askedMessage(question), response)
  front.stop()
  const first = connection.latest as Request
  const arrival = await arrived
  return {
    request: first.transaction?.last ?? first,
    said: log.lines,
    arrival,
    response,
    isNamed: connection.hosts.choose(question.host)?.named ?? false,
  }
}

/** Handlers that would ask a backend, or other processes of a server. */
const ELSEWHERE: Readonly<Record<string, (request: Request) => string | undefined>> = {
  proxy_module: ({ handler, filename }) =>
    handler === PROXY_HANDLER ? filename.replace(/^proxy:/, '') : undefined,
  status_module: ({ handler }) => (STATUS_HANDLERS.has(handler) ? handler : undefined),
}

/** The module with a handler that only says that it would answer. */
function elsewhere(module: HttpdModule, arrived: (at: Arrival) => void): HttpdModule {
  const answers = ELSEWHERE[module.id]
  if (answers === undefined) return module
  const handler = (request: Request): Outcome => {
    const by = answers(request)
    if (by === undefined) return undefined
    arrived({ kind: 'elsewhere', by })
    return 'done'
  }
  return { ...module, hooks: { ...module.hooks, handler } }
}
