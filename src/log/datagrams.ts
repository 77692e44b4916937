/** Datagrams to a UNIX socket, which Node does not offer: of syslog, and of service managers. */
import { close, errorText, lastError } from '../system/libc.js'
import { C, openSocket, sendAtOnce } from '../system/sockets.js'
import { AF_UNIX, unixAddress } from '../system/unix-address.js'

export interface Datagrams {
  /** Sends bytes, one a character. Returns why that was not possible, undefined where it was. */
  send(packet: string): string | undefined
  close(): void
}

/**
 * Nobody need be at the other end yet: each datagram is addressed anew.
 * @param path of the socket; with `@` in front a name of Linux's own space, which is no file
 * @throws SystemCallError where no socket can be made
 */
export function openDatagrams(path: string): Datagrams {
  const fd = openSocket(AF_UNIX, C.SOCK_DGRAM)
  const address = unixAddress(Buffer.from(path.replace(/^@/, '\0'), 'latin1'))
  return {
    send(packet) {
      const sent = sendAtOnce(fd, Buffer.from(packet, 'latin1'), address)
      return sent < 0 ? errorText(lastError()) : undefined
    },
    close() {
      close(fd)
    },
  }
}
