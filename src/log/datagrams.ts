/** Datagrams to a UNIX socket, which Node does not offer: of syslog, and of service managers. */
import { errorText } from '../system/libc.js'
import { AT_ONCE, libc } from './libc.js'

const DARWIN = process.platform === 'darwin'
const AF_UNIX = 1
const SOCK_DGRAM = 2
const F_SETFD = 2
const FD_CLOEXEC = 1

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
  c.fcntl(fd, F_SETFD, 'int', FD_CLOEXEC)
  const address = socketAddress(path)
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

/** `struct sockaddr_un`: Linux begins with a family of two bytes, Darwin with a length and a family of one byte each. */
function socketAddress(path: string): Buffer {
  const isAbstract = path.startsWith('@')
  const bytes = Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`, 'latin1')
  const address = Buffer.alloc(bytes.length + 2)
  if (DARWIN) {
    address[0] = address.length
    address[1] = AF_UNIX
  } else address.writeUInt16LE(AF_UNIX, 0)
  bytes.copy(address, 2)
  return address
}
