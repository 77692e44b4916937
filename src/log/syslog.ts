/**
 * `ErrorLog syslog`: one datagram per record to the system's log socket, in the form of RFC 3164 that syslog(3) writes.
 *
 * Node has no UNIX datagram sockets. The C library's own `syslog` waits for a log daemon that is stuck, and knows one tag and one facility per process;
 * so this sends by itself, without waiting: a record that the daemon does not take is lost and counted.
 */

import { MONTHS, two } from './clock.js'
import { type Datagrams, openDatagrams } from './datagrams.js'
import type { Level } from './error-log.js'
import { LEVELS } from './error-log.js'
import type { DropReport, Sink } from './sink.js'

/** RFC 3164 section 4.1.1. */
export const FACILITIES: Readonly<Record<string, number>> = {
  kern: 0,
  user: 1,
  mail: 2,
  daemon: 3,
  auth: 4,
  syslog: 5,
  lpr: 6,
  news: 7,
  uucp: 8,
  cron: 9,
  authpriv: 10,
  ftp: 11,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
}

/** syslog knows nothing below debug. */
const DEBUG_PRIORITY = 7
const DARWIN = process.platform === 'darwin'

export interface SyslogOptions {
  readonly facility: string
  readonly tag: string
  readonly onDropped: DropReport
  /** @default /dev/log */
  readonly socketPath?: string
}

/** The text of one datagram: `<187>Nov 22 09:22:23 tag[71]: text`. */
export function syslogPacket(facility: string, tag: string, level: Level, text: string, now: Date): string {
  const priority = (FACILITIES[facility] ?? 23) * 8 + Math.min(LEVELS.indexOf(level), DEBUG_PRIORITY)
  const day = String(now.getDate()).padStart(2, ' ')
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`
  return `<${priority}>${MONTHS[now.getMonth()]} ${day} ${time} ${tag}[${process.pid}]: ${text}`
}

/**
 * The socket needs no daemon at the other end yet: each record is addressed anew, so a log daemon may be restarted.
 * @throws Error where no socket can be made
 */
export function openSyslogSink(options: SyslogOptions): Sink {
  const { facility, tag, onDropped, socketPath = DARWIN ? '/var/run/syslog' : '/dev/log' } = options
  const socket = openSocket(socketPath)
  let lost = 0
  let reason = ''
  return {
    hasClock: true,
    write(text, level = 'error') {
      for (const line of text.split('\n')) {
        if (line === '') continue
        const failure = socket.send(syslogPacket(facility, tag, level, line, new Date()))
        if (failure !== undefined) {
          reason = failure
          if (lost++ === 0) onDropped({ destination: `syslog:${facility}`, reason })
        } else if (lost > 0) {
          const lines = lost
          lost = 0
          onDropped({ destination: `syslog:${facility}`, lines, reason })
        }
      }
    },
    flush() {},
    close() {
      socket.close()
    },
  }
}

function openSocket(path: string): Datagrams {
  try {
    return openDatagrams(path)
  } catch (error) {
    throw new Error(`no socket for syslog: ${(error as Error).message}`)
  }
}
