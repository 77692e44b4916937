/**
 * Whether a server worker can have requests answered, process group by process group. Pure.
 *
 * A group is ready when one of its processes takes requests. Scripts that could not be loaded do not count: the next request tries them again, and a
 * server that gets none, as it is not ready, would never be.
 */
import type { DaemonFailure, DaemonInfo } from '../server/messages.js'
import type { EmbeddedState } from './board.js'

/** As `WSGIProcessGroup` names embedded mode. */
export const EMBEDDED = '%{GLOBAL}'

export interface GroupReadiness {
  readonly group: string
  /** What is in the way; undefined: ready. */
  readonly obstacle: string | undefined
}

/** A daemon process group that requests need. */
export interface NeededGroup {
  readonly name: string
  /** Application group of the processes that it begins with, where Python holds one only. Others are started when they are asked for. */
  readonly mainGroup: string
}

export interface ReadinessFacts {
  readonly groups: readonly NeededGroup[]
  readonly daemons: readonly Pick<DaemonInfo, 'group' | 'applicationGroup' | 'state'>[]
  readonly failures: readonly Omit<DaemonFailure, 'message'>[]
  /** Embedded Python; undefined where it does not start with the worker. */
  readonly embedded: EmbeddedState | undefined
}

const STARTING = 'starting'
const SEE_LOG = '; the error log says more'

export function readinessOf(facts: ReadinessFacts): GroupReadiness[] {
  const groups = facts.groups.map((needed) => ({
    group: needed.name,
    obstacle: obstacleTo(needed, facts),
  }))
  const { embedded } = facts
  if (embedded === undefined) return groups
  const obstacle =
    embedded === 'up' ? undefined : embedded === 'failed' ? `Python cannot be embedded${SEE_LOG}` : STARTING
  return [...groups, { group: EMBEDDED, obstacle }]
}

function obstacleTo({ name, mainGroup }: NeededGroup, facts: ReadinessFacts): string | undefined {
  const takesRequests = facts.daemons.some(
    ({ group, state, applicationGroup }) =>
      group === name && state === 'ready' && (applicationGroup === null || applicationGroup === mainGroup),
  )
  if (takesRequests) return undefined
  const failure = facts.failures.find(
    ({ group, applicationGroup }) => group === name && applicationGroup === null,
  )
  return failure === undefined ? STARTING : `its last start failed: ${failure.brief}${SEE_LOG}`
}
