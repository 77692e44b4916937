/**
 * `ErrorLog syslog`: one datagram per record to the system's log socket, in the form of RFC 3164 that syslog(3) writes.
 *
 * Node has no UNIX datagram sockets. The C library's own `syslog` waits for a log daemon that is stuck, and knows one tag and one facility per process;
 * so this sends by itself, without waiting: a record that the daemon does not take is lost and counted.
 */

import { errorText } from '../system/libc.js'
import { MONTHS, two } from './clock.js'
import type { Level } from './error-log.js'
import { LEVELS } from './error-log.js'
import { AT_ONCE, type Libc, libc } from './libc.js'
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
const AF_UNIX = 1
const SOCK_DGRAM = 2
const F_SETFD = 2
const FD_CLOEXEC = 1

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
  const c = libc()
  const fd = c.socket(AF_UNIX, SOCK_DGRAM, 0)
  if (fd < 0) throw new Error(`no socket for syslog: ${errorText(c.errno())}`)
  c.fcntl(fd, F_SETFD, 'int', FD_CLOEXEC)
  const address = socketAddress(socketPath)
  let lost = 0
  let reason = ''
  return {
    hasClock: true,
    write(text, level = 'error') {
      for (const line of text.split('\n')) {
        if (line === '') continue
        const failure = send(c, fd, address, syslogPacket(facility, tag, level, line, new Date()))
        if (failure !== undefined) {
          lost++
          reason = failure
        } else if (lost > 0) {
          const lines = lost
          lost = 0
          onDropped({ destination: `syslog:${facility}`, lines, reason })
        }
      }
    },
    flush() {},
    close() {
      c.close(fd)
    },
  }
}

function send(c: Libc, fd: number, address: Buffer, packet: string): string | undefined {
  const data = Buffer.from(packet, 'latin1')
  const sent = c.sendto(fd, data, data.length, AT_ONCE, address, address.length)
  return Number(sent) < 0 ? errorText(c.errno()) : undefined
}

/** `struct sockaddr_un`: Linux begins with a family of two bytes, Darwin with a length and a family of one byte each. */
function socketAddress(path: string): Buffer {
  const bytes = Buffer.from(path, 'latin1')
  const address = Buffer.alloc(bytes.length + 3)
  if (DARWIN) {
    address[0] = address.length
    address[1] = AF_UNIX
  } else address.writeUInt16LE(AF_UNIX, 0)
  bytes.copy(address, 2)
  return address
}
