/** Whether a value is a message of a server worker: applications may be embedded there, so it can be anything. */
import type { RunningRequest, WorkerReport } from '../status/board.js'
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

const REPORT: Checks<WorkerReport> = {
  pid: isNumber,
  generation: isNumber,
  draining: (value) => typeof value === 'boolean',
  accesses: isNumber,
  bytes: isNumber,
  duration: isNumber,
  cpuUser: isNumber,
  cpuSystem: isNumber,
  connections: isNumber,
  keepAlive: isNumber,
  closing: isNumber,
  running: (value) => Array.isArray(value) && value.every((one) => passes(RUNNING, one)),
  busy: isNumber,
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

/** JSON has neither NaN nor infinities, but knows numbers that become one. */
function isNumber(value: unknown): boolean {
  return Number.isFinite(value)
}
