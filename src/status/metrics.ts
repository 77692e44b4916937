/**
 * The board as metrics for Prometheus. Pure.
 *
 * Processes have no metrics of their own: their numbers change with each replacement, and a time series that lives as long as a process tells nobody
 * anything. So memory, for instance, is that of a group: of all its processes, and of the largest one.
 */
import { textOf } from '../config/text.js'
import { SERVING, STATES } from '../server/daemon-state.js'
import { type Board, EMBEDDED_STATES, type GroupReport, type GroupUse, type WorkerReport } from './board.js'
import { addCounts, type Counts, type GroupCounts, newCounts, newGroupCounts } from './counts.js'
import { histogram, type Labels, type Metric, type Sample } from './exposition.js'
import { EMBEDDED } from './readiness.js'

export interface MetricsFacts {
  /** `wsgi-httpd/0.1.0 (Linux)` */
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Requests that all workers together answer at a time. */
  readonly capacity: number
}

export function metricsOf(board: Board, facts: MetricsFacts): Metric[] {
  return [
    ...serverMetrics(board, facts),
    ...requestMetrics(board, facts),
    ...workerMetrics(board),
    ...groupMetrics(board),
    ...certificateMetrics(board),
  ]
}

type Described = readonly [name: string, help: string]
type Values = number | readonly Sample[]

const PREFIX = 'wsgi_httpd_'

function metric(type: Metric['type'], [name, help]: Described, values: Values): Metric {
  return {
    name: PREFIX + name,
    type,
    help,
    samples: typeof values === 'number' ? [{ value: values }] : values,
  }
}

const gauge = (name: string, help: string, values: Values) => metric('gauge', [name, help], values)
const counter = (name: string, help: string, values: Values) => metric('counter', [name, help], values)

function serverMetrics(board: Board, { version, now }: MetricsFacts): Metric[] {
  return [
    gauge('info', 'Always 1; the label tells the version.', [{ labels: { version }, value: 1 }]),
    gauge(
      'start_time_seconds',
      'When the server was started, in seconds since 1970.',
      board.startedAt / 1000,
    ),
    gauge(
      'uptime_seconds',
      'Seconds since the server was started.',
      Math.max(now - board.startedAt, 0) / 1000,
    ),
    gauge(
      'last_restart_time_seconds',
      'When the configuration was put to work, in seconds since 1970.',
      board.restartedAt / 1000,
    ),
    gauge(
      'generation',
      'Number of the configuration at work: 1 at start, more with each restart.',
      board.generation,
    ),
  ]
}

function requestMetrics(board: Board, { capacity }: MetricsFacts): Metric[] {
  const { workers } = board
  const counts = newCounts()
  for (const one of [board.past, ...workers]) addCounts<Counts>(counts, one)
  const sum = (value: (worker: WorkerReport) => number) => total(workers, value)
  const connections = {
    active: sum(({ busy }) => busy),
    keepalive: sum(({ keepAlive }) => keepAlive),
    closing: sum(({ closing }) => closing),
    new: sum(({ connections, busy, keepAlive, closing }) => connections - busy - keepAlive - closing),
  }
  return [
    counter(
      'requests_total',
      'Requests answered, by class of status.',
      byLabel('code', classesOf(counts.statuses)),
    ),
    metric(
      'histogram',
      [
        'request_duration_seconds',
        'From the complete header of a request to the end of its response, clients that are slow to take it included.',
      ],
      histogram(counts.durations, counts.duration),
    ),
    counter('response_body_bytes_total', 'Bytes of response bodies.', counts.bytes),
    gauge('requests_in_progress', 'Requests that are being answered.', connections.active),
    gauge(
      'requests_waiting',
      'Requests that wait because MaxRequestWorkers are at work.',
      sum(({ waiting }) => waiting),
    ),
    gauge(
      'requests_limit',
      'Requests that the server answers at a time: MaxRequestWorkers, or what stands for it.',
      capacity,
    ),
    gauge(
      'connections',
      "Clients' connections, by what they do; new: waiting for their first request.",
      byLabel('state', connections),
    ),
    counter(
      'cpu_seconds_total',
      'Processor time of the supervisor and the server workers, embedded Python included.',
      byLabel('mode', {
        user: board.cpuUser + counts.cpuUser,
        system: board.cpuSystem + counts.cpuSystem,
      }),
    ),
  ]
}

function workerMetrics({ workers, room, workerTally }: Board): Metric[] {
  const draining = workers.filter((worker) => worker.draining).length
  return [
    gauge('workers', 'Server workers.', byLabel('state', { serving: workers.length - draining, draining })),
    gauge('workers_configured', 'Server workers that there are to be.', room.workers),
    gauge(
      'workers_resident_memory_bytes',
      'Memory of all server workers, embedded Python included.',
      total(workers, ({ resident }) => resident),
    ),
    gauge('workers_resident_memory_largest_bytes', 'Memory of the largest server worker.', largest(workers)),
    counter('worker_starts_total', 'Server workers started.', workerTally.started),
    counter(
      'worker_ends_total',
      'Server workers ended, by reason; connections: MaxConnectionsPerChild, told: a restart or stop.',
      byLabel('reason', Object.fromEntries(workerTally.ended)),
    ),
    gauge(
      'workers_embedded_python',
      'Server workers by the state of their embedded Python; idle: nobody has wanted it.',
      byLabel(
        'state',
        Object.fromEntries(
          EMBEDDED_STATES.map((state) => [
            state,
            total(workers, ({ embedded }) => Number(embedded === state)),
          ]),
        ),
      ),
    ),
  ]
}

function groupMetrics(board: Board): Metric[] {
  const groups = board.groups
  const serving = groups.filter(({ threads }) => threads > 0)
  const uses = new Map(
    [...serving.map(({ group }) => group), EMBEDDED].map((group) => [group, usesOf(board, group)]),
  )
  const countsOf = new Map([...uses].map(([group, all]) => [group, groupCounts(board, group, all)]))
  const ofGroups = (value: (report: GroupReport) => number): Sample[] =>
    groups.map((report) => ({ labels: named(report.group), value: value(report) }))
  const ofCounts = (value: (counts: GroupCounts) => number): Sample[] =>
    serving.map(({ group }) => ({ labels: named(group), value: value(countsOf.get(group) as GroupCounts) }))
  const ofUses = (value: (uses: readonly GroupUse[], report: GroupReport) => number): Sample[] =>
    serving.map((report) => ({
      labels: named(report.group),
      value: value(uses.get(report.group) ?? [], report),
    }))
  return [
    gauge(
      'group_ready',
      '1 where a process of the group takes requests, else 0.',
      serving.map((report) => ({
        labels: named(report.group),
        value: Number(report.ready),
      })),
    ),
    gauge(
      'group_processes',
      'Processes of the group, by state.',
      groups.flatMap(({ group, alive }) =>
        STATES.map((state) => ({
          labels: { ...named(group), state },
          value: alive.filter((one) => one.state === state).length,
        })),
      ),
    ),
    gauge(
      'group_processes_configured',
      'Processes that the group is to have.',
      ofGroups(({ processes }) => processes),
    ),
    gauge(
      'group_threads',
      'Threads of processes that take requests, by whether they have one.',
      serving.flatMap((report) => {
        const { busy, all } = threadsOf(report, uses.get(report.group) ?? [])
        return [
          { labels: { ...named(report.group), state: 'busy' }, value: busy },
          { labels: { ...named(report.group), state: 'idle' }, value: Math.max(all - busy, 0) },
        ]
      }),
    ),
    gauge(
      'group_queue_length',
      'Requests that wait for a thread of the group.',
      ofUses((all, report) => total(all, ({ waiting }) => waiting) + threadsOf(report, all).beyond),
    ),
    gauge(
      'group_queue_oldest_seconds',
      'For how long the first request has been waiting that no process has been given.',
      ofUses((all) => Math.max(0, ...all.map(({ waitsMs }) => waitsMs)) / 1000),
    ),
    counter(
      'group_queued_requests_total',
      'Requests that had to wait for a process with room for them.',
      ofCounts(({ queued }) => queued),
    ),
    counter(
      'group_queue_seconds_total',
      'Seconds that those requests have waited.',
      ofCounts(({ queuedMs }) => queuedMs / 1000),
    ),
    counter(
      'group_refused_requests_total',
      'Requests that got an error since no process had room or came up in time.',
      ofCounts(({ refused }) => refused),
    ),
    metric(
      'histogram',
      [
        'group_request_duration_seconds',
        `The same as request_duration_seconds, for requests that an application of the group has answered; ${EMBEDDED}: embedded mode.`,
      ],
      [...countsOf].flatMap(([group, { durations, duration }]) =>
        histogram(durations, duration, named(group)),
      ),
    ),
    counter(
      'group_process_starts_total',
      'Processes started.',
      ofGroups(({ started }) => started),
    ),
    counter(
      'group_process_ends_total',
      'Processes ended, by reason: those of the log, died and start_failed.',
      groups.flatMap(({ group, ended }) =>
        ended.map(([reason, value]) => ({ labels: { ...named(group), reason }, value })),
      ),
    ),
    gauge(
      'group_unloaded_scripts',
      'Scripts that were to be loaded in advance and could not be; each request for them tries again.',
      ofGroups(({ unloaded }) => unloaded),
    ),
    gauge(
      'group_resident_memory_bytes',
      'Memory of all processes of the group; what they share counts for each of them.',
      ofGroups(({ alive }) => total(alive, ({ resident }) => resident)),
    ),
    gauge(
      'group_resident_memory_largest_bytes',
      'Memory of the largest process of the group.',
      ofGroups(({ alive }) => largest(alive)),
    ),
  ]
}

function certificateMetrics({ certificates }: Board): Metric[] {
  return [
    gauge(
      'certificate_expires_time_seconds',
      'When a certificate in use expires, in seconds since 1970.',
      certificates.map(({ server, key, at }) => ({
        labels: { server: textOf(server), key },
        value: at / 1000,
      })),
    ),
  ]
}

/** What the workers have to do with a group. */
function usesOf({ workers }: Board, name: string): GroupUse[] {
  return workers.flatMap(({ groups }) => groups.find(({ group }) => group === name) ?? [])
}

function groupCounts({ pastGroups }: Board, name: string, uses: readonly GroupUse[]): GroupCounts {
  const counts = newGroupCounts()
  for (const [group, past] of pastGroups) if (group === name) addCounts(counts, past)
  for (const use of uses) addCounts(counts, use.counts)
  return counts
}

/** `beyond`: requests that processes have been given beyond their threads. */
function threadsOf({ alive, threads }: GroupReport, uses: readonly GroupUse[]) {
  const given = new Map<number, number>()
  for (const { running } of uses)
    for (const [process, requests] of running) given.set(process, (given.get(process) ?? 0) + requests)
  const taking = alive.filter(({ state }) => SERVING.includes(state))
  const loads = alive.map(({ id }) => given.get(id) ?? 0)
  return {
    all: taking.length * threads,
    busy: total(loads, (load) => Math.min(load, threads)),
    beyond: total(loads, (load) => Math.max(load - threads, 0)),
  }
}

/** Names in a configuration are bytes. */
function named(group: string): Labels {
  return { group: textOf(group) }
}

function classesOf(statuses: readonly number[]): Record<string, number> {
  return Object.fromEntries(statuses.map((count, first) => [first === 0 ? 'other' : `${first}xx`, count]))
}

function byLabel(name: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([label, value]) => ({ labels: { [name]: label }, value }))
}

function total<T>(all: readonly T[], value: (one: T) => number): number {
  return all.reduce((sum, one) => sum + value(one), 0)
}

function largest(all: readonly { readonly resident: number }[]): number {
  return Math.max(0, ...all.map(({ resident }) => resident))
}
