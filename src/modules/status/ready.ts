/**
 * The handlers `server-ready` and `server-live`: for balancers and for what runs containers. Answered at once, by the server worker alone.
 */

import { textOf } from '../../config/text.js'
import type { Request } from '../../request/request.js'
import { sendWhole } from '../../request/response.js'
import { EMBEDDED } from '../../status/readiness.js'
import type { Outcome } from '../module.js'
import type { StatusSource } from './source.js'

/** 200 as long as requests can be answered; 503 with a line for each process group that is not ready; `?group=` asks for one. */
export function answerReady(request: Request, source: StatusSource): Outcome {
  const wanted = groupAskedFor(request.query)
  const all = source.readiness()
  const groups = wanted === undefined ? all : all.filter(({ group }) => textOf(group) === wanted)
  if (wanted !== undefined && groups.length === 0)
    return say(request, 404, 'no process group of that name has to be ready\n')
  // The next connection is another worker's, or another server's.
  if (source.draining) return say(request, 503, 'leaving: this server process finishes its requests\n')
  const obstacles = groups.flatMap(({ group, obstacle }) =>
    obstacle === undefined ? [] : `${textOf(group)}: ${obstacle}\n`,
  )
  return obstacles.length === 0 ? say(request, 200, 'ready\n') : say(request, 503, obstacles.join(''))
}

/** That there is an answer is the answer. */
export function answerLive(request: Request): Outcome {
  return say(request, 200, 'live\n')
}

/** No name is embedded mode, as for `WSGIProcessGroup`. */
function groupAskedFor(query: string | undefined): string | undefined {
  const name = new URLSearchParams(query ?? '').get('group') ?? undefined
  return name === '' ? EMBEDDED : name
}

function say(request: Request, status: number, text: string): Outcome {
  request.status = status
  request.contentType = 'text/plain'
  request.headersOut.set('Content-Type', 'text/plain; charset=utf-8')
  request.headersOut.set('Cache-Control', 'no-store')
  sendWhole(request, Buffer.from(text))
  return 'done'
}
