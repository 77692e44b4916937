/** Datagrams to a UNIX socket, which Node does not offer: of syslog, and of service managers. */
import { errorText, setCloseOnExec } from '../system/libc.js'
import { AF_UNIX, unixAddress } from '../system/unix-address.js'
import { AT_ONCE, libc } from './libc.js'

const SOCK_DGRAM = 2

export interface Datagrams {
  /** Sends bytes, one a character. Returns why that was not possible, undefined where it was. */
  send(packet: string): string | undefined
  close(): void
}

/**
 * Nobody need be at the other end yet: each datagram is addressed anew.
 * @param path of the socket; with `@` in front a name of Linux's own space, which is no file
 * @throws Error where no socket can be made
 */
export function openDatagrams(path: string): Datagrams {
  const c = libc()
  const fd = c.socket(AF_UNIX, SOCK_DGRAM, 0)
  if (fd < 0) throw new Error(errorText(c.errno()))
  setCloseOnExec(fd, true)
  const address = unixAddress(Buffer.from(path.replace(/^@/, '\0'), 'latin1'))
  return {
    send(packet) {
      const data = Buffer.from(packet, 'latin1')
      const sent = c.sendto(fd, data, data.length, AT_ONCE, address, address.length)
      return Number(sent) < 0 ? errorText(c.errno()) : undefined
    },
    close() {
      c.close(fd)
    },
  }
}
