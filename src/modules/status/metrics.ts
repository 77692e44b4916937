/** The handler `server-metrics`: the whole server's numbers for Prometheus and whatever reads its format. */
import type { Request } from '../../request/request.js'
import { sendWhole } from '../../request/response.js'
import { serverBanner } from '../../request/server-tokens.js'
import { EXPOSITION_TYPE, exposition } from '../../status/exposition.js'
import { metricsOf } from '../../status/metrics.js'
import type { Outcome } from '../module.js'
import type { StatusSource } from './source.js'

export async function answerMetrics(request: Request, { board, capacity }: StatusSource): Promise<Outcome> {
  const found = await board()
  const facts = { version: serverBanner(request.server), now: Date.now(), capacity }
  request.headersOut.set('Content-Type', EXPOSITION_TYPE)
  request.headersOut.set('Cache-Control', 'no-store')
  request.contentType = 'text/plain'
  sendWhole(request, Buffer.from(exposition(metricsOf(found, facts))))
  return 'done'
}
