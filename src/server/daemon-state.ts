/**
 * The life of a daemon process as a table of transitions. Pure; `daemon-process.ts` has the process, `daemon-group.ts` its replacement. The
 * diagram of docs/processes.md shows this table, and a test compares the two.
 * Rules: https://modwsgi.readthedocs.io/en/master/configuration-directives/WSGIDaemonProcess.html; the messages are mod_wsgi's.
 */

/**
 * - `starting`: Python comes up and loads the scripts that are to be there before the first request
 * - `ready`: takes requests
 * - `replacing`: takes requests until another process is ready in its place
 * - `draining`: takes no new requests, finishes those that it has
 * - `stopping`: is on its way out, for at most `shutdown-timeout`
 * - `gone`: has ended
 */
export const STATES = ['starting', 'ready', 'replacing', 'draining', 'stopping'] as const
export type DaemonState = (typeof STATES)[number] | 'gone'

interface Cause {
  /** Who says so: the runtime inside the process, or the supervisor. */
  readonly by: 'runtime' | 'supervisor'
  /** The log line; `%s` is the name of the process group. */
  readonly message: string
  readonly from: readonly DaemonState[]
  readonly to: 'replacing' | 'draining' | 'stopping'
  /** Nothing takes the process's place. */
  readonly final?: true
  /** The process has worked: its replacement is not held back, however short its life was. */
  readonly healthy?: true
  /** Something has gone wrong, which whoever keeps the log at `warn` has to see. */
  readonly unplanned?: true
  /** What applications are told, where that is not the reason's own name. */
  readonly toldAs?: string
}

/** Takes requests. */
export const SERVING: readonly DaemonState[] = ['ready', 'replacing']
const ALIVE: readonly DaemonState[] = ['starting', 'ready', 'replacing', 'draining']

/** Why a process leaves a state. */
export const REASONS = {
  script_reload: {
    by: 'runtime',
    message: "Force restart of process '%s': a script file has changed.",
    from: SERVING,
    to: 'draining',
    healthy: true,
  },
  maximum_requests: {
    by: 'runtime',
    message: "Maximum requests reached, attempt a graceful shutdown '%s'.",
    from: SERVING,
    to: 'draining',
    healthy: true,
  },
  maximum_requests_near: {
    by: 'runtime',
    message: "Maximum requests nearly reached, attempt a graceful shutdown '%s'.",
    from: ['ready'],
    to: 'replacing',
    healthy: true,
    toldAs: 'maximum_requests',
  },
  inactivity_timeout: {
    by: 'runtime',
    message: "Daemon process idle inactivity timer expired, stopping process '%s'.",
    from: SERVING,
    to: 'draining',
    healthy: true,
  },
  request_timeout: {
    by: 'runtime',
    message: "Daemon process request time limit exceeded, stopping process '%s'.",
    from: SERVING,
    to: 'draining',
    healthy: true,
    unplanned: true,
  },
  cpu_time_limit: {
    by: 'runtime',
    message: "Exceeded CPU time limit, waiting for requests to complete '%s'.",
    from: ['starting', 'ready', 'replacing'],
    to: 'draining',
    healthy: true,
  },
  startup_timeout: {
    by: 'runtime',
    message: "Application startup timer expired, stopping process '%s'.",
    from: ALIVE,
    to: 'stopping',
    unplanned: true,
  },
  graceful_signal: {
    by: 'runtime',
    message: "Process restart requested, waiting for requests to complete '%s'.",
    from: ['ready'],
    to: 'replacing',
    healthy: true,
  },
  eviction_signal: {
    by: 'runtime',
    message: "Process eviction requested, waiting for requests to complete '%s'.",
    from: ['ready'],
    to: 'replacing',
    healthy: true,
  },
  shutdown_signal: {
    by: 'runtime',
    message: "Shutdown requested '%s'.",
    from: ALIVE,
    to: 'stopping',
    healthy: true,
  },
  service_ended: {
    by: 'runtime',
    message: "The scripts of service process '%s' have returned.",
    from: ALIVE,
    to: 'stopping',
  },
  retire: {
    by: 'runtime',
    message: "Requests have completed, triggering immediate shutdown '%s'.",
    from: ALIVE,
    to: 'stopping',
  },
  restart_interval: {
    by: 'supervisor',
    message: "Application restart timer expired, waiting for requests to complete '%s'.",
    from: ['ready'],
    to: 'replacing',
    healthy: true,
  },
  resident_memory_limit: {
    by: 'supervisor',
    message: "Resident memory limit exceeded, process '%s' is replaced.",
    from: ['ready'],
    to: 'replacing',
    healthy: true,
    unplanned: true,
  },
  deadlock_timeout: {
    by: 'supervisor',
    message: "Daemon process deadlock timer expired, stopping process '%s'.",
    from: ALIVE,
    to: 'stopping',
    unplanned: true,
  },
  graceful_timeout: {
    by: 'supervisor',
    message: "Daemon process graceful timer expired '%s'.",
    from: ['draining'],
    to: 'stopping',
    unplanned: true,
  },
  refused: {
    by: 'supervisor',
    message: "Process '%s' refuses requests, waiting for requests to complete.",
    from: SERVING,
    to: 'draining',
    healthy: true,
  },
  group_changed: {
    by: 'supervisor',
    message: "Process group '%s' has changed in the configuration, waiting for requests to complete.",
    from: ['starting', 'ready', 'replacing'],
    to: 'draining',
    final: true,
  },
  group_removed: {
    by: 'supervisor',
    message: "Process group '%s' is gone from the configuration, waiting for requests to complete.",
    from: ['starting', 'ready', 'replacing'],
    to: 'draining',
    final: true,
  },
  server_retire: {
    by: 'supervisor',
    message: "The server stops, waiting for requests to complete '%s'.",
    from: ['starting', 'ready', 'replacing'],
    to: 'draining',
    final: true,
  },
  server_restart: {
    by: 'supervisor',
    message: "Shutdown requested '%s': the server restarts.",
    from: ALIVE,
    to: 'stopping',
    final: true,
  },
  server_stop: {
    by: 'supervisor',
    message: "Shutdown requested '%s': the server stops.",
    from: ALIVE,
    to: 'stopping',
    final: true,
  },
} as const satisfies Record<string, Cause>
export type Reason = keyof typeof REASONS

/** Besides the reasons: it came up; its replacement did; the process is no more. */
export type DaemonEvent = Reason | 'ready' | 'relieved' | 'exit'

export interface Transition {
  readonly event: DaemonEvent
  readonly from: DaemonState
  readonly to: DaemonState
  /** Another process is due in its place now. Happens once in a life: when it begins to leave, else when it is gone. */
  readonly replace: boolean
}

/** Every transition there is. An event in a state that is not listed with it changes nothing. */
export const TRANSITIONS: readonly Transition[] = [
  { event: 'ready', from: 'starting', to: 'ready', replace: false },
  { event: 'relieved', from: 'replacing', to: 'draining', replace: false },
  ...(Object.entries(REASONS) as [Reason, Cause][]).flatMap(([event, { from, to, final }]) =>
    from.map((state) => ({ event, from: state, to, replace: !final && isInPlace(state) })),
  ),
  ...[...ALIVE, 'stopping' as const].map((from) => ({
    event: 'exit' as const,
    from,
    to: 'gone' as const,
    replace: isInPlace(from),
  })),
]

/** Whether the process still has its place in the group to itself. */
function isInPlace(state: DaemonState): boolean {
  return state === 'starting' || state === 'ready'
}

const index = new Map(TRANSITIONS.map((transition) => [`${transition.from} ${transition.event}`, transition]))

/** What follows from an event, or undefined where it changes nothing (a second request to stop, a ready process that says so again). */
export function next(state: DaemonState, event: DaemonEvent): Transition | undefined {
  return index.get(`${state} ${event}`)
}

/** The log line of a reason: mod_wsgi's text, what is known of this case, and the reason's own name. */
export function describeReason(reason: Reason, group: string, detail?: string): string {
  const text = REASONS[reason].message.replace('%s', () => group).replace(/\.$/, '')
  return `${text}${detail === undefined ? '' : `: ${detail}`} (${reason}).`
}

/** At which level that line is logged: what was asked for is of no concern as long as all goes well. */
export function levelOfReason(reason: Reason): 'info' | 'warn' {
  return (REASONS[reason] as Cause).unplanned === true ? 'warn' : 'info'
}

/** What the process is told of it, for applications that subscribed to its end. */
export function wordForProcess(reason: Reason): string {
  return (REASONS[reason] as Cause).toldAs ?? reason
}

/** Whether a process that leaves for that reason has worked. */
export function isHealthy(reason: Reason | undefined): boolean {
  return reason !== undefined && (REASONS[reason] as Cause).healthy === true
}

/** A reason as the runtime names it. What it may not say, or nobody knows, counts as a signal. */
export function reasonFrom(word: unknown): Reason {
  const known = typeof word === 'string' && Object.hasOwn(REASONS, word) ? (word as Reason) : undefined
  return known !== undefined && REASONS[known].by === 'runtime' ? known : 'shutdown_signal'
}
