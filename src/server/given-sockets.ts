/**
 * Socket activation: listening sockets that a service manager has opened and hands to the server when it starts it. A `Listen` that is meant for one of
 * them takes it instead of binding an address.
 * https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html
 */
import { closeSync } from 'node:fs'
import { setCloseOnExec } from '../system/libc.js'
import type { ServiceVariables } from '../system/service-variables.js'
import { boundAddress, C, socketOption } from '../system/sockets.js'
import { inetAddress, readInetAddress, showAddress } from './addresses.js'
import type { ListenAddress } from './listeners.js'

/** The first descriptor that is handed over; the others follow it. */
const FIRST_FD = 3

/** A listening TCP socket that somebody else has bound. It stays open as long as this server runs. */
export interface GivenSocket {
  readonly fd: number
  /** What the manager calls it; systemd takes the name of the socket unit. */
  readonly name: string
  /** As the C library has it. */
  readonly address: Buffer
  readonly port: number
  /** Bound to all addresses of IPv6, and takes IPv4 too. */
  readonly isDualStack: boolean
}

/** Whether this process, and none that it comes from, was started with sockets. */
export function isGivenSockets({ LISTEN_PID }: ServiceVariables): boolean {
  return LISTEN_PID === String(process.pid)
}

/**
 * What was handed to this process.
 * @param warn told of each descriptor that no `Listen` can mean
 */
export function findGivenSockets(
  variables: ServiceVariables,
  warn: (text: string) => void,
): readonly GivenSocket[] {
  if (!isGivenSockets(variables)) return []
  const { LISTEN_FDS = '', LISTEN_FDNAMES } = variables
  if (!/^\d{1,5}$/.test(LISTEN_FDS)) {
    warn(`LISTEN_FDS is '${LISTEN_FDS}', not a number of sockets: none is taken from the service manager`)
    return []
  }
  const names = LISTEN_FDNAMES?.split(':') ?? []
  const found: GivenSocket[] = []
  for (let at = 0; at < Number(LISTEN_FDS); at++) {
    const fd = FIRST_FD + at
    const given = describe(fd, names[at] ?? '')
    if (typeof given === 'object') found.push(given)
    else warn(`Descriptor ${fd}${inBrackets(names[at])} from the service manager is not used: ${given}`)
  }
  return found
}

/** The socket, or why it is none that a `Listen` could mean. */
function describe(fd: number, name: string): GivenSocket | string {
  let address: Buffer
  try {
    address = boundAddress(fd)
    setCloseOnExec(fd, true)
  } catch (error) {
    return (error as Error).message
  }
  // Left open: where the variables are wrong, it is some descriptor of our own.
  if (socketOption(fd, C.SOL_SOCKET, C.SO_ACCEPTCONN) === 0)
    return 'it is not a listening socket (ListenStream= and Accept=no of systemd make one)'
  const inet = readInetAddress(address)
  if (inet === undefined || socketOption(fd, C.SOL_SOCKET, C.SO_TYPE) !== C.SOCK_STREAM) {
    closeSync(fd)
    return 'it is not a TCP socket, and Listen knows no others'
  }
  const isDualStack = inet.host === '::' && socketOption(fd, C.IPPROTO_IPV6, C.IPV6_V6ONLY) === 0
  return { fd, name, address, port: inet.port, isDualStack }
}

/** `[::]:80 (web.socket)`, for messages. */
export function showGivenSocket({ address, name }: GivenSocket): string {
  const { host = '', port = 0 } = readInetAddress(address) ?? {}
  return `${showAddress(host, port)}${inBrackets(name)}`
}

/** systemd calls a socket without a name so. */
function inBrackets(name = ''): string {
  return name === '' || name === 'unknown' ? '' : ` (${name})`
}

/**
 * Which sockets a `Listen` may mean, the best reason first: no line takes for a weaker one what another has a better one for. httpd looks at the port
 * alone, and would accept on all addresses where `Listen 127.0.0.1:80` was written.
 */
const REASONS: readonly ((given: GivenSocket, wanted: ListenAddress) => boolean)[] = [
  ({ address }, { host, port }) => host !== '' && inetAddress(host, port).equals(address),
  // what ListenStream=80 makes; it would keep the address from being bound
  (given, { host, port }) => host === '0.0.0.0' && given.isDualStack && given.port === port,
  // several where IPv4 and IPv6 have a socket each
  (given, { host, port }) => host === '' && given.port === port,
]

/** For each `Listen` the sockets that it takes, mostly none or one. */
export function assignSockets(
  wanted: readonly ListenAddress[],
  given: readonly GivenSocket[],
): ReadonlyMap<ListenAddress, readonly GivenSocket[]> {
  const assigned = new Map<ListenAddress, readonly GivenSocket[]>()
  const left = new Set(given)
  for (const isMeant of REASONS)
    for (const address of wanted) {
      if (assigned.has(address)) continue
      const sockets = [...left].filter((one) => isMeant(one, address))
      if (sockets.length === 0) continue
      assigned.set(address, sockets)
      for (const one of sockets) left.delete(one)
    }
  return assigned
}
