/**
 * The life of a daemon process as a state machine: `starting → ready → draining → stopping → gone`. Pure; `daemon-process.ts` has the process.
 */

export type DaemonState = 'starting' | 'ready' | 'draining' | 'stopping' | 'gone'

/** Why a process leaves a state. The first four groups are said by the runtime, the rest by the supervisor. */
export const REASONS = {
  // the runtime
  script_reload: 'a script file has changed',
  maximum_requests: 'it has served its maximum number of requests',
  inactivity_timeout: 'it was idle for too long',
  startup_timeout: 'it was not ready in time',
  request_timeout: 'a request ran for too long',
  deadlock_timeout: "the interpreter's lock was not released in time",
  cpu_time_limit: 'it has used up its processor time',
  restart_interval: 'its restart interval is over',
  shutdown_signal: 'it received a signal to stop',
  shutdown: 'it was told to stop',
  retire: 'it has finished its last requests',
  // the supervisor
  group_changed: 'its group has changed in the configuration',
  group_removed: 'its group is gone from the configuration',
  refused: 'it refused a request',
  graceful_timeout: 'the time for its last requests is over',
  server_restart: 'the server restarts',
  server_stop: 'the server stops',
} as const
export type Reason = keyof typeof REASONS

export type DaemonEvent =
  | { readonly type: 'ready' }
  /** Takes no new requests, finishes those it has, then leaves. */
  | { readonly type: 'drain'; readonly reason: Reason }
  /** Leaves now. */
  | { readonly type: 'stop'; readonly reason: Reason }
  | { readonly type: 'exit' }

/** What follows from an event. */
export interface Step {
  readonly state: DaemonState
  /** A replacement is due now, if the group wants this process's place filled. */
  readonly replace: boolean
}

/** Reasons after which nothing takes the process's place. */
const FINAL: ReadonlySet<Reason> = new Set([
  'group_changed',
  'group_removed',
  'server_restart',
  'server_stop',
])

/**
 * The next state, or undefined where the event changes nothing (a second request to stop, a ready process that says so again).
 *
 * A process is replaced once: when it begins to drain, else when it begins to stop, else when it is gone.
 */
export function next(state: DaemonState, event: DaemonEvent): Step | undefined {
  switch (event.type) {
    case 'ready':
      return state === 'starting' ? { state: 'ready', replace: false } : undefined
    case 'drain':
      return state === 'starting' || state === 'ready'
        ? { state: 'draining', replace: !FINAL.has(event.reason) }
        : undefined
    case 'stop':
      if (state === 'stopping' || state === 'gone') return undefined
      return { state: 'stopping', replace: state !== 'draining' && !FINAL.has(event.reason) }
    case 'exit':
      if (state === 'gone') return undefined
      return { state: 'gone', replace: state === 'starting' || state === 'ready' }
  }
}

/** A reason as the runtime names it; what is unknown counts as a signal. */
export function reasonFrom(word: unknown): Reason {
  return typeof word === 'string' && Object.hasOwn(REASONS, word) ? (word as Reason) : 'shutdown_signal'
}
