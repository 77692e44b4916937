/**
 * What the status page is made of: each server worker tells about itself, the supervisor adds what it alone knows. Plain data, as it goes
 * between processes.
 */

import type { DaemonState } from '../server/daemon-state.js'
import type { CertificateEnd } from '../tls/expiry.js'
import type { Counts, GroupCounts } from './counts.js'
import type { TallyReport } from './tally.js'

/** A request that is being answered. */
export interface RunningRequest {
  readonly client: string
  /** Name and port of its virtual host. */
  readonly host: string
  readonly line: string
  readonly protocol: string
  /** Milliseconds since it began. */
  readonly elapsed: number
  /** Requests on this connection before it. */
  readonly before: number
  /** Body bytes sent so far. */
  readonly sent: number
  /** `R`: its body is being read; `W`: it is answered. */
  readonly state: 'R' | 'W'
}

/** What a worker has to do with a process group. */
export interface GroupUse {
  readonly group: string
  /** Since the worker's start. */
  readonly counts: Readonly<GroupCounts>
  /** Requests that wait for a process, and for how long the first of them has. */
  readonly waiting: number
  readonly waitsMs: number
  /** Requests that processes have been given and not answered, by the processes' numbers. */
  readonly running: readonly (readonly [process: number, requests: number])[]
}

/** {@link Counts} are since its start. */
export interface WorkerReport extends Readonly<Counts> {
  readonly pid: number
  readonly generation: number
  /** Accepts no more connections. */
  readonly draining: boolean
  /** Bytes of memory. */
  readonly resident: number
  readonly connections: number
  readonly keepAlive: number
  readonly closing: number
  /** At most {@link RUNNING_SHOWN} of them. */
  readonly running: readonly RunningRequest[]
  /** How many there are in fact. */
  readonly busy: number
  /** Requests that wait for the others (`MaxRequestWorkers`). */
  readonly waiting: number
  readonly groups: readonly GroupUse[]
  /** Whether embedded Python is there. */
  readonly embedded: EmbeddedState
}

/** `idle`: nobody has wanted it yet. */
export const EMBEDDED_STATES = ['idle', 'starting', 'up', 'failed'] as const
export type EmbeddedState = (typeof EMBEDDED_STATES)[number]

/** A daemon process of a process group. */
export interface DaemonReport {
  readonly group: string
  readonly pid: number
  readonly state: 'ready' | 'draining'
  readonly pythonVersion: string
}

/** A daemon process group as the supervisor sees it. */
export interface GroupReport extends TallyReport {
  readonly group: string
  /** As configured. */
  readonly processes: number
  readonly threads: number
  /** One of the processes that it begins with takes requests. */
  readonly ready: boolean
  /** All processes that are alive. */
  readonly alive: readonly { readonly id: number; readonly state: DaemonState; readonly resident: number }[]
  /** Scripts that were to be loaded in advance and could not be. */
  readonly unloaded: number
}

export interface Board {
  readonly workers: readonly WorkerReport[]
  readonly daemons: readonly DaemonReport[]
  /** Milliseconds since the epoch: of the supervisor, and of the last restart. */
  readonly startedAt: number
  readonly restartedAt: number
  readonly generation: number
  /** Server workers that run side by side, and the requests that all of them answer at a time (`MaxRequestWorkers`). */
  readonly room: { readonly workers: number; readonly requests: number }
  /** Seconds of processor time of the supervisor, and of children that are gone. */
  readonly cpuUser: number
  readonly cpuSystem: number
  /** What workers had counted that are gone, or that have not answered, so that totals never fall. */
  readonly past: Readonly<Counts>
  readonly pastGroups: readonly (readonly [group: string, counts: Readonly<GroupCounts>])[]
  readonly groups: readonly GroupReport[]
  /** Server workers that were started and that ended. */
  readonly workerTally: TallyReport
  readonly certificates: readonly CertificateEnd[]
}

export const RUNNING_SHOWN = 500
