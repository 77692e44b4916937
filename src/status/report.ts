/** What a server worker reports of itself when the status page is asked for. */
import type { ClientConnection } from '../request/connection.js'
import type { Request } from '../request/request.js'
import {
  type EmbeddedState,
  type GroupUse,
  RUNNING_SHOWN,
  type RunningRequest,
  type WorkerReport,
} from './board.js'
import { counters } from './counters.js'

export interface ReportFacts {
  readonly generation: number
  readonly draining: boolean
  readonly connections: Iterable<ClientConnection>
  /** Requests that wait for `MaxRequestWorkers`. */
  readonly waiting: number
  readonly groups: readonly GroupUse[]
  readonly embedded: EmbeddedState
}

export function makeReport({ connections, ...facts }: ReportFacts): WorkerReport {
  const running: RunningRequest[] = []
  let busy = 0
  let all = 0
  let keepAlive = 0
  let closing = 0
  for (const connection of connections) {
    all++
    const request = connection.latest
    if (request !== undefined) {
      busy++
      if (running.length < RUNNING_SHOWN) running.push(describe(request, connection))
    } else if ((connection.http?.lingersSince ?? 0) > 0) closing++
    else if (connection.keepAliveMs !== undefined) keepAlive++
  }
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  return {
    ...facts,
    ...counters,
    pid: process.pid,
    resident: process.memoryUsage.rss(),
    cpuUser: userCPUTime / 1e6,
    cpuSystem: systemCPUTime / 1e6,
    connections: all,
    keepAlive,
    closing,
    running,
    busy,
  }
}

function describe(first: Request, connection: ClientConnection): RunningRequest {
  const request = first.transaction?.last ?? first
  const { body } = request.incoming
  return {
    client: connection.remoteAddress,
    host: `${request.hostname.slice(0, 256) || '-'}:${connection.localPort}`,
    line: first.requestLine.slice(0, 256),
    protocol: request.protocol.toLowerCase(),
    elapsed: Date.now() - first.startedAt,
    before: connection.keepalives,
    sent: request.bytesSent,
    state: body.flowing && !body.complete ? 'R' : 'W',
  }
}
