/**
 * Internet addresses as the C library wants them: `struct sockaddr_in` and `sockaddr_in6` in bytes.
 */
import { isIPv6 } from '../system/ip.js'
import { native } from '../system/libc.js'
import { C } from '../system/sockets.js'

/** Index of a network interface by name, 0 if there is none: the zone of a link-local address. */
const interfaceIndex = native<[name: string]>('uint32 if_nametoindex(const char *)')

/** Darwin's structures begin with their length in one byte, Linux's with the family in two. */
function start(bytes: Buffer, family: number): Buffer {
  if (process.platform === 'darwin') {
    bytes[0] = bytes.length
    bytes[1] = family
  } else {
    bytes.writeUInt16LE(family)
  }
  return bytes
}

/** `host` is a literal address; an IPv6 one may have a zone (`fe80::1%eth0`). */
export function inetAddress(host: string, port: number): Buffer {
  const [address = '', zone] = host.split('%')
  if (!isIPv6(address)) {
    const bytes = start(Buffer.alloc(16), C.AF_INET)
    bytes.writeUInt16BE(port, 2)
    bytes.set(address.split('.').map(Number), 4)
    return bytes
  }
  const bytes = start(Buffer.alloc(28), C.AF_INET6)
  bytes.writeUInt16BE(port, 2)
  ipv6Words(address).forEach((word, at) => {
    bytes.writeUInt16BE(word, 8 + 2 * at)
  })
  if (zone !== undefined) bytes.writeUInt32LE(/^\d+$/.test(zone) ? Number(zone) : interfaceIndex(zone), 24)
  return bytes
}

/** The reverse; undefined for what is no internet address. The zone of a link-local address is a number. */
export function readInetAddress(bytes: Buffer): { host: string; port: number } | undefined {
  const family = process.platform === 'darwin' ? bytes[1] : bytes.readUInt16LE()
  if (family === C.AF_INET) return { host: bytes.subarray(4, 8).join('.'), port: bytes.readUInt16BE(2) }
  if (family !== C.AF_INET6) return undefined
  const words = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(8 + 2 * at).toString(16))
  const zone = bytes.readUInt32LE(24)
  const host = new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)
  return { host: zone === 0 ? host : `${host}%${zone}`, port: bytes.readUInt16BE(2) }
}

/** `[::]:80`, `127.0.0.1:8080`. */
export function showAddress(host: string, port: number): string {
  return isIPv6(host.split('%')[0] ?? '') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The eight 16-bit words of a valid IPv6 address. */
export function ipv6Words(address: string): number[] {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const text = dotted
    ? address.slice(0, dotted.index) +
      [1, 3].map((at) => (Number(dotted[at]) * 256 + Number(dotted[at + 1])).toString(16)).join(':')
    : address
  const [head = '', tail] = text.split('::')
  const words = (part: string) =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16))
  if (tail === undefined) return words(head)
  const before = words(head)
  const after = words(tail)
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
}
