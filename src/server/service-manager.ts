/**
 * Tells the service manager that has started this server what it does: `Type=notify` and `notify-reload` of systemd, as mod_systemd does for httpd.
 * https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
 */
import { openDatagrams } from '../log/datagrams.js'
import type { SupervisorEvent } from './parent.js'

/** Where systemd listens. No process of ours or of an application's is to speak to it for us. */
const SOCKET_VARIABLE = 'NOTIFY_SOCKET'

/** What is said of an event, a line for each fact. @param now microseconds of the monotonic clock */
export function notificationOf(event: SupervisorEvent, now: bigint): string {
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

/**
 * Takes the manager's address out of this process's environment; undefined where there is none. To be called once, before other processes are
 * started.
 */
export function findServiceManager(): ((event: SupervisorEvent) => void) | undefined {
  const { [SOCKET_VARIABLE]: address } = process.env
  delete process.env[SOCKET_VARIABLE]
  if (address === undefined || !/^[/@]./.test(address)) return undefined
  return (event) => {
    try {
      const socket = openDatagrams(Buffer.from(address).toString('latin1'))
      // whoever does not listen any more misses nothing
      socket.send(Buffer.from(notificationOf(event, process.hrtime.bigint() / 1000n)).toString('latin1'))
      socket.close()
    } catch {} // the server serves all the same
  }
}
