/** What this server worker counts for the status page: three additions per request. */
import type { Request } from '../request/request.js'

export const counters = { accesses: 0, bytes: 0, duration: 0 }

/** The response is over. */
export function countRequest(request: Request): void {
  counters.accesses++
  counters.bytes += request.bytesSent
  counters.duration += Date.now() - request.original.startedAt
}
