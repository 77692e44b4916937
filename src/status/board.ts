/**
 * What the status page is made of: each server worker tells about itself, the supervisor adds what it alone knows. Plain data, as it goes
 * between processes.
 */

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

export interface WorkerReport {
  readonly pid: number
  readonly generation: number
  /** Accepts no more connections. */
  readonly draining: boolean
  /** Since its start: requests answered, body bytes sent, milliseconds that the requests took. */
  readonly accesses: number
  readonly bytes: number
  readonly duration: number
  /** Seconds of processor time. */
  readonly cpuUser: number
  readonly cpuSystem: number
  readonly connections: number
  readonly keepAlive: number
  readonly closing: number
  /** At most {@link RUNNING_SHOWN} of them. */
  readonly running: readonly RunningRequest[]
  /** How many there are in fact. */
  readonly busy: number
}

/** A daemon process of a process group. */
export interface DaemonReport {
  readonly group: string
  readonly pid: number
  readonly state: 'ready' | 'draining'
  readonly pythonVersion: string
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
  /** What workers of the past had counted, so that totals never fall. */
  readonly past: { readonly accesses: number; readonly bytes: number; readonly duration: number }
}

export const RUNNING_SHOWN = 500
