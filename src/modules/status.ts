/**
 * mod_status: the handler `server-status`, and handlers of our own beside it. `ExtendedStatus` and `SeeRequestTail` are core's, as in httpd.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_status.html
 */
import { loadavg } from 'node:os'
import type { Request } from '../request/request.js'
import { sendWhole } from '../request/response.js'
import { serverBanner } from '../request/server-tokens.js'
import { countRequest } from '../status/counters.js'
import { autoPage, htmlPage, type PageFacts } from '../status/page.js'
import { coreGlobal } from './core/settings.js'
import type { HttpdModule, Outcome } from './module.js'
import { answerMetrics } from './status/metrics.js'
import { answerLive, answerReady } from './status/ready.js'
import { type StatusSource, statusSource } from './status/source.js'

type Answer = (request: Request, source: StatusSource) => Outcome | Promise<Outcome>

/** By the name that `SetHandler` gives them. */
export const STATUS_HANDLERS: ReadonlyMap<string | undefined, Answer> = new Map<string, Answer>([
  ['server-status', answerStatus],
  ['server-ready', answerReady],
  ['server-live', answerLive],
  ['server-metrics', answerMetrics],
])

function handler(request: Request): Outcome | Promise<Outcome> {
  const answer = STATUS_HANDLERS.get(request.handler)
  if (answer === undefined) return undefined
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
  const source = statusSource(request)
  return source === undefined ? 503 : answer(request, source)
}

async function answerStatus(request: Request, { board, capacity }: StatusSource): Promise<Outcome> {
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
