/**
 * Sockets as bare descriptors, which Node does not give. All are closed when the process becomes another program, so that no child gets them by
 * accident. Numbers of constants differ between Linux and Darwin, and stand in one table.
 */
import { call, native, setCloseOnExec } from './libc.js'

const LINUX = {
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  /** Darwin has none: there, it takes a second call. */
  SOCK_CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_REUSEADDR: 2,
  SO_TYPE: 3,
  SO_KEEPALIVE: 9,
  SO_ACCEPTCONN: 30,
  IPPROTO_IPV6: 41,
  IPV6_V6ONLY: 26,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
} as const

const DARWIN: Record<keyof typeof LINUX, number> = {
  ...LINUX,
  AF_INET6: 30,
  SOCK_CLOEXEC: 0,
  SOL_SOCKET: 0xffff,
  SO_REUSEADDR: 4,
  SO_TYPE: 0x1008,
  SO_KEEPALIVE: 8,
  SO_ACCEPTCONN: 2,
  IPV6_V6ONLY: 27,
  MSG_DONTWAIT: 0x80,
  MSG_NOSIGNAL: 0,
}

export const C: Readonly<Record<keyof typeof LINUX, number>> = process.platform === 'darwin' ? DARWIN : LINUX

/** `struct sockaddr_storage` */
const LONGEST_ADDRESS = 128

const socket = call<[domain: number, type: number, protocol: number]>('int socket(int, int, int)')
const socketpair = call<[domain: number, type: number, protocol: number, fds: number[]]>(
  'int socketpair(int, int, int, _Out_ int *fds)',
)
const bind_ = call<[fd: number, address: Buffer, length: number]>('int bind(int, const uint8_t *, uint32_t)')
const setsockopt = call<[fd: number, level: number, option: number, value: Buffer, length: number]>(
  'int setsockopt(int, int, int, const uint8_t *, uint32_t)',
)
const getsockopt = call<[fd: number, level: number, option: number, value: Buffer, length: Buffer]>(
  'int getsockopt(int, int, int, uint8_t *, uint8_t *)',
)
const getsockname = call<[fd: number, address: Buffer, length: Buffer]>(
  'int getsockname(int, uint8_t *, uint8_t *)',
)
const sendto = native<
  [fd: number, data: Buffer, length: number, flags: number, address: Buffer | null, addressLength: number],
  number | bigint
>('long sendto(int, const void *, size_t, int, const void *, uint32_t)')

/** @throws SystemCallError */
export function openSocket(domain: number, type: number): number {
  const fd = socket(domain, type | C.SOCK_CLOEXEC, 0)
  if (C.SOCK_CLOEXEC === 0) setCloseOnExec(fd, true)
  return fd
}

/** Two sockets that are connected with each other. @throws SystemCallError */
export function openSocketPair(domain: number, type: number): [number, number] {
  const fds: [number, number] = [-1, -1]
  socketpair(domain, type | C.SOCK_CLOEXEC, 0, fds)
  if (C.SOCK_CLOEXEC === 0) for (const fd of fds) setCloseOnExec(fd, true)
  return fds
}

/** @param address as the C library wants it. @throws SystemCallError */
export function bind(fd: number, address: Buffer): void {
  bind_(fd, address, address.length)
}

export const listen = call<[fd: number, backlog: number]>('int listen(int, int)')

/** Turns an option of a socket on or off. @throws SystemCallError */
export function setSocketFlag(fd: number, level: number, option: number, on: boolean): void {
  const value = Buffer.alloc(4)
  value.writeInt32LE(on ? 1 : 0)
  setsockopt(fd, level, option, value, value.length)
}

/** An option of a socket that is a number. @throws SystemCallError */
export function socketOption(fd: number, level: number, option: number): number {
  const value = Buffer.alloc(4)
  getsockopt(fd, level, option, value, lengthOf(value))
  return value.readInt32LE()
}

/** What a socket is bound to, as {@link bind} takes it. @throws SystemCallError, also where it is no socket */
export function boundAddress(fd: number): Buffer {
  const address = Buffer.alloc(LONGEST_ADDRESS)
  const length = lengthOf(address)
  getsockname(fd, address, length)
  return address.subarray(0, length.readUInt32LE())
}

/** A `socklen_t` that tells the C library how much room there is, and then us how much was filled. */
function lengthOf(room: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(room.length)
  return length
}

/**
 * Sends what can be sent without a wait, and without a signal that would end this process.
 * @param address null: where the socket is connected to
 * @returns how many bytes; negative with a `lastError`
 */
export function sendAtOnce(fd: number, data: Buffer, address: Buffer | null): number {
  const flags = C.MSG_DONTWAIT | C.MSG_NOSIGNAL
  return Number(sendto(fd, data, data.length, flags, address, address?.length ?? 0))
}
