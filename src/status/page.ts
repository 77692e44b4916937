/**
 * The status page from what is on the board: HTML for people, and the `?auto` form whose names monitoring programs know (httpd's names first,
 * ours behind them). Pure.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_status.html
 */
import { escapeHtml as html } from '../modules/html-text.js'
import { STATUS_STYLE } from '../modules/page-style.js'
import type { Board, WorkerReport } from './board.js'

export interface PageFacts {
  /** `127.0.0.1`: as the client named the server, and the address it came in by. */
  readonly hostname: string
  readonly localAddress: string
  readonly version: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** 1, 5 and 15 minutes. */
  readonly load: readonly number[]
  /** Requests that all workers together answer at a time (`MaxRequestWorkers`). */
  readonly capacity: number
  /** `ExtendedStatus On`: totals and the requests themselves. */
  readonly extended: boolean
}

interface Totals {
  readonly accesses: number
  readonly kilobytes: number
  readonly bytes: number
  readonly duration: number
  readonly uptime: number
  readonly busy: number
  readonly idle: number
  readonly graceful: number
  readonly stopping: number
  readonly connections: number
  readonly keepAlive: number
  readonly closing: number
  readonly childrenUser: number
  readonly childrenSystem: number
}

function totalsOf(board: Board, facts: PageFacts): Totals {
  const sum = (value: (worker: WorkerReport) => number) =>
    board.workers.reduce((total, worker) => total + value(worker), 0)
  const graceful = sum((worker) => (worker.draining ? worker.busy : 0))
  const busy = sum((worker) => (worker.draining ? 0 : worker.busy))
  const bytes = board.past.bytes + sum((worker) => worker.bytes)
  return {
    accesses: board.past.accesses + sum((worker) => worker.accesses),
    bytes,
    kilobytes: Math.trunc(bytes / 1024),
    duration: Math.round(board.past.duration + sum((worker) => worker.duration)),
    uptime: Math.max(Math.trunc((facts.now - board.startedAt) / 1000), 0),
    busy,
    idle: Math.max(facts.capacity - busy, 0),
    graceful,
    stopping: board.workers.filter(({ draining }) => draining).length,
    connections: sum((worker) => worker.connections),
    keepAlive: sum((worker) => worker.keepAlive),
    closing: sum((worker) => worker.closing),
    childrenUser: sum((worker) => worker.cpuUser),
    childrenSystem: sum((worker) => worker.cpuSystem),
  }
}

/** One letter per request that can be answered: what it is doing. */
function scoreboard(board: Board, { capacity }: PageFacts): string {
  const workers = board.workers.filter(({ draining }) => !draining)
  const each = Math.max(Math.floor(capacity / Math.max(workers.length, 1)), 1)
  return board.workers
    .map(({ running, busy, draining }) => {
      if (draining) return 'G'.repeat(busy)
      const letters = running.map(({ state }) => state).join('') + 'W'.repeat(busy - running.length)
      return letters + '_'.repeat(Math.max(each - letters.length, 0))
    })
    .join('')
}

const per = (amount: number, by: number): number => (by > 0 ? amount / by : 0)

/** httpd prints these with `%g`: six digits that count. */
const short = (value: number): string => String(Number(value.toPrecision(6)))

/** The form for programs: a name, a colon and a value on each line. */
export function autoPage(board: Board, facts: PageFacts): string {
  const totals = totalsOf(board, facts)
  const { accesses, bytes, duration, uptime } = totals
  const cpu = board.cpuUser + board.cpuSystem + totals.childrenUser + totals.childrenSystem
  const extended: [string, string | number][] = [
    ['Total Accesses', accesses],
    ['Total kBytes', totals.kilobytes],
    ['Total Duration', duration],
    ...(cpu > 0 && uptime > 0 ? [['CPULoad', short((cpu / uptime) * 100)] as [string, string]] : []),
    ['CPUUser', short(board.cpuUser)],
    ['CPUSystem', short(board.cpuSystem)],
    ['CPUChildrenUser', short(totals.childrenUser)],
    ['CPUChildrenSystem', short(totals.childrenSystem)],
    ['Uptime', uptime],
    ['ReqPerSec', short(per(accesses, uptime))],
    ['BytesPerSec', short(per(bytes, uptime))],
    ...(accesses > 0
      ? ([
          ['BytesPerReq', short(bytes / accesses)],
          ['DurationPerReq', short(duration / accesses)],
        ] as [string, string][])
      : []),
  ]
  const lines: [string, string | number][] = [
    ['ServerVersion', facts.version],
    ['ServerMPM', 'event'],
    ['CurrentTime', longDate(facts.now)],
    ['RestartTime', longDate(board.restartedAt)],
    ['ParentServerConfigGeneration', board.generation],
    ['ParentServerMPMGeneration', board.generation - 1],
    ['ServerUptimeSeconds', uptime],
    ['ServerUptime', span(uptime)],
    ...facts.load.map((value, at): [string, string] => [`Load${[1, 5, 15][at]}`, value.toFixed(2)]),
    ...(facts.extended ? extended : []),
    ['BusyWorkers', totals.busy],
    ['GracefulWorkers', totals.graceful],
    ['IdleWorkers', totals.idle],
    ['Processes', board.workers.length],
    ['Stopping', totals.stopping],
    ['ConnsTotal', totals.connections],
    ['ConnsAsyncWaitIO', 0],
    ['ConnsAsyncWriting', 0],
    ['ConnsAsyncKeepAlive', totals.keepAlive],
    ['ConnsAsyncClosing', totals.closing],
    ['Scoreboard', scoreboard(board, facts)],
    ['DaemonProcesses', board.daemons.length],
    ...[...groups(board)].map(([group, count]): [string, number] => [`DaemonProcesses[${group}]`, count]),
  ]
  return `${facts.hostname}\n${lines.map(([name, value]) => `${name}: ${value}\n`).join('')}`
}

function groups(board: Board): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { group } of board.daemons) counts.set(group, (counts.get(group) ?? 0) + 1)
  return counts
}

/** The form for people. */
export function htmlPage(board: Board, facts: PageFacts): string {
  const totals = totalsOf(board, facts)
  const { accesses, bytes, duration, uptime } = totals
  const each = (items: readonly string[]) => items.map((item) => `<dt>${item}</dt>\n`).join('')
  const general = [
    `Current Time: ${longDate(facts.now)}`,
    `Restart Time: ${longDate(board.restartedAt)}`,
    `Parent Server Config. Generation: ${board.generation}`,
    `Parent Server MPM Generation: ${board.generation - 1}`,
    `Server uptime:  ${span(uptime)}`,
    `Server load: ${facts.load.map((value) => value.toFixed(2)).join(' ')}`,
  ]
  const extended = [
    `Total accesses: ${accesses} - Total Traffic: ${size(bytes)} - Total Duration: ${duration}`,
    `CPU Usage: u${short(board.cpuUser)} s${short(board.cpuSystem)} cu${short(totals.childrenUser)} cs${short(totals.childrenSystem)}`,
    `${short(per(accesses, uptime))} requests/sec - ${size(per(bytes, uptime))}/second - ${size(per(bytes, accesses))}/request - ${short(per(duration, accesses))} ms/request`,
  ]
  const title = `Server Status for ${html(facts.hostname)} (via ${html(facts.localAddress)})`
  return `<!DOCTYPE html>
<html><head>
<title>Server Status</title>
${STATUS_STYLE}</head><body>
<h1>${title}</h1>

<dl><dt>Server Version: ${html(facts.version)}</dt>
<dt>Server MPM: event</dt>
</dl><hr><dl>
${each(general)}${facts.extended ? each(extended) : ''}<dt>${totals.busy} requests currently being processed, ${totals.graceful} workers gracefully restarting, ${totals.idle} idle workers</dt>
</dl>

${workersTable(board)}
<pre>${scoreboard(board, facts)}</pre>
<p>Scoreboard Key: "<b><code>_</code></b>" Waiting for Connection, "<b><code>R</code></b>" Reading Request,
"<b><code>W</code></b>" Sending Reply, "<b><code>G</code></b>" Gracefully finishing</p>
${daemonsTable(board)}${facts.extended ? requestsTable(board) : ''}</body></html>
`
}

function workersTable({ workers }: Board): string {
  const rows = workers.map(
    ({ pid, draining, connections, busy, keepAlive, closing, cpuUser, cpuSystem, accesses }) =>
      row([
        pid,
        draining ? 'yes' : 'no',
        connections,
        busy,
        keepAlive,
        closing,
        accesses,
        (cpuUser + cpuSystem).toFixed(2),
      ]),
  )
  return table(
    ['PID', 'Stopping', 'Connections', 'Busy', 'Keep-alive', 'Closing', 'Accesses', 'CPU seconds'],
    rows,
  )
}

function daemonsTable({ daemons }: Board): string {
  if (daemons.length === 0) return ''
  const rows = daemons.map(({ group, pid, state, pythonVersion }) => row([group, pid, state, pythonVersion]))
  return `<h2>Daemon Processes</h2>\n${table(['Process group', 'PID', 'State', 'Python'], rows)}`
}

function requestsTable({ workers }: Board): string {
  const rows = workers.flatMap(({ pid, running }) =>
    running.map(({ before, state, elapsed, sent, client, protocol, host, line }) =>
      row([pid, before, state, (elapsed / 1000).toFixed(1), size(sent), client, protocol, host, line]),
    ),
  )
  return `<h2>Requests</h2>\n${table(
    ['PID', 'Acc', 'M', 'SS', 'Conn', 'Client', 'Protocol', 'VHost', 'Request'],
    rows,
  )}`
}

function table(heads: readonly string[], rows: readonly string[]): string {
  return `<table rules="all" cellpadding="1%">
<tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr>
${rows.join('')}</table>
`
}

function row(cells: readonly (string | number)[]): string {
  return `<tr>${cells.map((cell) => `<td>${html(String(cell))}</td>`).join('')}</tr>\n`
}

function size(bytes: number): string {
  if (bytes < 5 * 1024) return `${Math.trunc(bytes)} B`
  if (bytes < 512 * 1024) return `${Math.trunc(bytes / 1024)} kB`
  if (bytes < 512 * 1024 ** 2) return `${(bytes / 1024 ** 2).toFixed(1)} MB`
  return `${(bytes / 1024 ** 3).toFixed(1)} GB`
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `Sunday, 22-Nov-2026 16:08:04 UTC`, as httpd writes it; always UTC here. */
function longDate(time: number): string {
  const date = new Date(time)
  const clock = date.toISOString().slice(11, 19)
  const day = String(date.getUTCDate()).padStart(2, '0')
  return `${DAYS[date.getUTCDay()]}, ${day}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()} ${clock} UTC`
}

/** `1 day 2 hours 3 seconds`. */
function span(seconds: number): string {
  const parts: string[] = []
  let rest = seconds
  for (const [name, length] of [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ] as const) {
    const count = Math.trunc(rest / length)
    rest -= count * length
    if (count > 0) parts.push(`${count} ${name}${count === 1 ? '' : 's'}`)
  }
  parts.push(`${rest} second${rest === 1 ? '' : 's'}`)
  return parts.join(' ')
}
