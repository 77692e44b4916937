/**
 * mod_status: the handler `server-status`. `ExtendedStatus` and `SeeRequestTail` are core's, as in httpd.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_status.html
 */
import { loadavg } from 'node:os'
import type { Request } from '../request/request.js'
import { sendWhole } from '../request/response.js'
import { serverBanner } from '../request/server-tokens.js'
import type { Board } from '../status/board.js'
import { countRequest } from '../status/counters.js'
import { autoPage, htmlPage, type PageFacts } from '../status/page.js'
import { coreGlobal } from './core/settings.js'
import type { HttpdModule, Outcome } from './module.js'

/** Where the numbers come from. */
export interface StatusSource {
  board(): Promise<Board>
  /** Requests that the whole server answers at a time. */
  readonly capacity: number
}

let source: StatusSource | undefined

/** To be called once, by the server worker. */
export function provideStatus(provided: StatusSource): void {
  source = provided
}

function handler(request: Request): Outcome | Promise<Outcome> {
  if (request.handler !== 'server-status') return undefined
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
  if (source === undefined) {
    request.report(
      'status',
      'error',
      `${request.path}: this process has nothing to report (handler server-status)`,
    )
    return 503
  }
  return answer(request, source)
}

async function answer(request: Request, { board, capacity }: StatusSource): Promise<Outcome> {
  const found = await board()
  const options = new URLSearchParams(request.query ?? '')
  const refresh = options.get('refresh')
  const facts: PageFacts = {
    hostname: request.hostname || request.connection.localAddress,
    localAddress: request.connection.localAddress,
    version: serverBanner(request.server),
    now: Date.now(),
    load: loadavg(),
    capacity,
    extended: request.server.settings.get(coreGlobal).extendedStatus,
  }
  if (refresh !== null)
    request.headersOut.set('Refresh', String(Math.max(Math.trunc(Number(refresh)) || 10, 1)))
  const isAuto = options.has('auto')
  const type = isAuto ? 'text/plain' : 'text/html'
  request.headersOut.set('Content-Type', `${type}; charset=ISO-8859-1`)
  request.contentType = type
  sendWhole(request, isAuto ? autoPage(found, facts) : htmlPage(found, facts))
  return 'done'
}

export const status = {
  id: 'status_module',
  source: 'mod_status.c',
  directives: [],
  hooks: { handler, logTransaction: countRequest },
} satisfies HttpdModule
