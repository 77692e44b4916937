/** Whether a value is a message of a server worker: applications may be embedded there, so it can be anything. */
import { EMBEDDED_STATES, type GroupUse, type RunningRequest, type WorkerReport } from '../status/board.js'
import type { GroupCounts } from '../status/counts.js'
import type { FromWorker } from './messages.js'

type Checks<T> = { readonly [K in keyof T]-?: (value: unknown) => boolean }

const RUNNING: Checks<RunningRequest> = {
  client: isText,
  host: isText,
  line: isText,
  protocol: isText,
  elapsed: isNumber,
  before: isNumber,
  sent: isNumber,
  state: (value) => value === 'R' || value === 'W',
}

const GROUP_COUNTS: Checks<GroupCounts> = {
  durations: areNumbers,
  duration: isNumber,
  queued: isNumber,
  queuedMs: isNumber,
  refused: isNumber,
}

const GROUP_USE: Checks<GroupUse> = {
  group: isText,
  counts: (value) => passes(GROUP_COUNTS, value),
  waiting: isNumber,
  waitsMs: isNumber,
  running: (value) => Array.isArray(value) && value.every((pair) => areNumbers(pair) && pair.length === 2),
}

const REPORT: Checks<WorkerReport> = {
  pid: isNumber,
  generation: isNumber,
  draining: (value) => typeof value === 'boolean',
  resident: isNumber,
  accesses: isNumber,
  bytes: isNumber,
  duration: isNumber,
  cpuUser: isNumber,
  cpuSystem: isNumber,
  statuses: areNumbers,
  durations: areNumbers,
  connections: isNumber,
  keepAlive: isNumber,
  closing: isNumber,
  running: (value) => Array.isArray(value) && value.every((one) => passes(RUNNING, one)),
  busy: isNumber,
  waiting: isNumber,
  groups: (value) => Array.isArray(value) && value.every((one) => passes(GROUP_USE, one)),
  embedded: (value) => EMBEDDED_STATES.some((state) => state === value),
}

/** What each type of message has beside its type. */
const MESSAGES: {
  readonly [T in FromWorker['type']]: Checks<Omit<Extract<FromWorker, { type: T }>, 'type'>>
} = {
  ready: {},
  failed: { message: isText },
  retiring: {},
  needProcess: { group: isText, applicationGroup: isText },
  boardWanted: { number: isNumber },
  report: { number: isNumber, report: (value) => passes(REPORT, value) },
  retired: { id: isNumber },
}

export function isFromWorker(value: unknown): value is FromWorker {
  if (typeof value !== 'object' || value === null) return false
  const { type } = value as { type?: unknown }
  return (
    typeof type === 'string' &&
    Object.hasOwn(MESSAGES, type) &&
    passes<object>(MESSAGES[type as FromWorker['type']], value)
  )
}

function passes<T extends object>(checks: Checks<T>, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const fields = value as Readonly<Record<string, unknown>>
  return Object.entries<(value: unknown) => boolean>(checks).every(([name, check]) => check(fields[name]))
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function areNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isNumber)
}

/** JSON has neither NaN nor infinities, but knows numbers that become one. */
function isNumber(value: unknown): boolean {
  return Number.isFinite(value)
}
