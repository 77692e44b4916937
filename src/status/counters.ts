/** What this server worker counts for the status page and for metrics: a few additions per request. */
import type { Request } from '../request/request.js'
import { durationPlace, newCounts, newGroupCounts } from './counts.js'

export const counters = newCounts()

/** Requests of embedded applications. */
export const embeddedCounts = newGroupCounts()

/** The response is over. */
export function countRequest(request: Request): void {
  // the clock may have been set back
  const duration = Math.max(Date.now() - request.original.startedAt, 0)
  const place = durationPlace(duration)
  counters.accesses++
  counters.bytes += request.bytesSent
  counters.duration += duration
  const statusClass = Math.trunc(request.status / 100)
  ;(counters.statuses[statusClass < 6 ? statusClass : 0] as number)++
  ;(counters.durations[place] as number)++
  const group = request.told?.counts
  if (group === undefined) return
  group.duration += duration
  ;(group.durations[place] as number)++
}
