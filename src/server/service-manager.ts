/**
 * Tells the service manager that has started this server what it does: `Type=notify` and `notify-reload` of systemd, as mod_systemd does for httpd, and
 * signs of life for `WatchdogSec=`.
 * https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
import { openDatagrams } from '../log/datagrams.js'
import type { ServiceVariables } from '../system/service-variables.js'
import type { SupervisorEvent } from './parent.js'

/**
 * How long a restart may go without a sign of life: reading the configuration holds up the event loop, and may wait for a name server and for
 * Pythons. Where the manager's own patience is longer, it stays.
 */
const RESTART_PATIENCE_USEC = 300_000_000

/** The longest that a timer of Node's can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * What is said of an event, a line for each fact.
 * @param now microseconds of the monotonic clock
 * @param watchdog see {@link watchdogOf}
 */
export function notificationOf(event: SupervisorEvent, now: bigint, watchdog?: number): string {
  return watchdog === undefined || event.type === 'stopping'
    ? stateOf(event, now)
    : `${stateOf(event, now)}\nWATCHDOG_USEC=${patienceDuring(event, watchdog)}\nWATCHDOG=1`
}

function stateOf(event: SupervisorEvent, now: bigint): string {
  switch (event.type) {
    case 'serving':
      return 'READY=1\nSTATUS=Serving requests.'
    case 'kept':
      return `READY=1\nSTATUS=The restart was called off, and the server goes on as it was: ${event.reason.replaceAll('\n', ' ')}`
    case 'restarting':
      return `RELOADING=1\nMONOTONIC_USEC=${now}\nSTATUS=Reading the configuration.`
    case 'stopping':
      return 'STOPPING=1\nSTATUS=Stopping.'
  }
}

function patienceDuring({ type }: SupervisorEvent, watchdog: number): number {
  return type === 'restarting' ? Math.max(watchdog, RESTART_PATIENCE_USEC) : watchdog
}

/** After how many microseconds without a sign of life the manager takes process `pid` for hung; undefined where it does not. */
export function watchdogOf(
  { WATCHDOG_USEC = '', WATCHDOG_PID }: ServiceVariables,
  pid: number,
): number | undefined {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) return undefined
  return /^[1-9]\d{0,15}$/.test(WATCHDOG_USEC) ? Number(WATCHDOG_USEC) : undefined
}

/** How the manager is told; undefined where there is none. From the first event to the last, signs of life go out by themselves. */
export function findServiceManager(
  variables: ServiceVariables,
): ((event: SupervisorEvent) => void) | undefined {
  const { NOTIFY_SOCKET: address } = variables
  if (address === undefined || !/^[/@]./.test(address)) return undefined
  const say = (text: string) => {
    try {
      const socket = openDatagrams(Buffer.from(address).toString('latin1'))
      // whoever does not listen any more misses nothing
      socket.send(Buffer.from(text).toString('latin1'))
      socket.close()
    } catch {} // the server serves all the same
  }
  const watchdog = watchdogOf(variables, process.pid)
  let signs: NodeJS.Timeout | undefined
  return (event) => {
    say(notificationOf(event, process.hrtime.bigint() / 1000n, watchdog))
    // the manager has other limits for a stop, and a sign of life would wake this one again
    clearInterval(signs)
    if (watchdog !== undefined && event.type !== 'stopping')
      signs = setInterval(say, signEveryMs(watchdog), 'WATCHDOG=1').unref()
  }
}

/** Twice in the manager's patience. */
function signEveryMs(watchdog: number): number {
  return Math.min(Math.max(1, Math.floor(watchdog / 2000)), LONGEST_TIMER_MS)
}
