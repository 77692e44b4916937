/**
 * The sockets of `Listen`. The supervisor binds them, or was given them, never accepts on them, and keeps them from one configuration to the next: server workers
 * inherit the descriptors, so that no connection is refused while workers come and go.
 * Manual: https://httpd.apache.org/docs/2.4/bind.html
 */
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { isIPv6 } from '../system/ip.js'
import { errorText, SystemCallError } from '../system/libc.js'
import { bind, C, listen, openSocket, setSocketFlag } from '../system/sockets.js'
import { inetAddress, showAddress } from './addresses.js'
import { assignSockets, type GivenSocket, showGivenSocket } from './given-sockets.js'

/** One `Listen` line. */
export interface ListenAddress {
  /** Literal address without brackets; empty for all addresses. */
  readonly host: string
  readonly port: number
  readonly protocol: string | undefined
}

/** A socket that is bound and listens. */
export interface Listener extends ListenAddress {
  readonly fd: number
}

/** Some address could not be bound. The message has a line per address, in httpd's words. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** IPv6 is switched off here: then `Listen 80` means IPv4 alone. */
const NO_IPV6: ReadonlySet<number> = new Set([constants.errno.EAFNOSUPPORT, constants.errno.EADDRNOTAVAIL])

const OTHERS_GIVEN =
  'No socket of the service manager is for an address that could not be bound. It has handed over'

/** Identifies a listener across configurations. */
function key({ host, port }: Pick<ListenAddress, 'host' | 'port'>): string {
  return `${host}|${port}`
}

/** The listening sockets of a server, through all its restarts. */
export class Listeners {
  /** Those that were bound here, by address. */
  readonly #open = new Map<string, Listener>()
  #given: readonly GivenSocket[]

  /** @param given those of a service manager, which stay open until {@link close}: it goes on to listen there, whatever we do */
  constructor(given: readonly GivenSocket[] = []) {
    this.#given = given
  }

  get open(): readonly Listener[] {
    return [...this.#open.values()]
  }

  /**
   * Finds the given sockets that `wanted` means, and binds what else it names and is not bound yet. Sockets that are no longer wanted stay open
   * until {@link commit}, so that a restart may still be called off; where something cannot be bound, everything new is closed again.
   *
   * @param backlog `ListenBacklog`: connections that wait to be accepted
   * @returns the listeners in the order of `wanted`; several for an address that has several given sockets
   * @throws ListenError
   */
  prepare(wanted: readonly ListenAddress[], backlog: number): readonly Listener[] {
    const ready: Listener[] = []
    const added: Listener[] = []
    const faults: string[] = []
    const assigned = assignSockets(wanted, this.#given)
    for (const address of wanted) {
      const { host, port, protocol } = address
      const sockets = assigned.get(address)
      if (sockets !== undefined) {
        for (const { fd } of sockets) {
          listen(fd, backlog)
          ready.push({ fd, host, port, protocol })
        }
        continue
      }
      const existing = this.#open.get(key({ host, port }))
      const fd = existing?.fd ?? openAny(host, port, backlog, faults)
      if (fd === undefined) continue
      const listener = { fd, host, port, protocol }
      ready.push(listener)
      if (existing === undefined) added.push(listener)
    }
    if (faults.length > 0) {
      for (const { fd } of added) closeSync(fd)
      if (this.#given.length > 0)
        faults.push(`${OTHERS_GIVEN}: ${this.#given.map(showGivenSocket).join(', ')}`)
      throw new ListenError(faults.join('\n'))
    }
    for (const listener of added) this.#open.set(key(listener), listener)
    return ready
  }

  /** Closes what `kept` does not name. Workers that inherited such a socket may still hold it open. */
  commit(kept: readonly Listener[]): void {
    const keys = new Set(kept.map(key))
    for (const [name, { fd }] of this.#open) {
      if (keys.has(name)) continue
      closeSync(fd)
      this.#open.delete(name)
    }
  }

  /** Given sockets that are not among these, for a warning: whoever connects there waits in vain. */
  idle(used: readonly Listener[]): readonly string[] {
    const fds = new Set(used.map(({ fd }) => fd))
    return this.#given.filter(({ fd }) => !fds.has(fd)).map(showGivenSocket)
  }

  close(): void {
    this.commit([])
    for (const { fd } of this.#given) closeSync(fd)
    this.#given = []
  }
}

/** The socket of one `Listen` line. Where it cannot be bound, undefined, and a fault is added. */
function openAny(host: string, port: number, backlog: number, faults: string[]): number | undefined {
  const literals = host === '' ? ['::', '0.0.0.0'] : [host]
  for (const literal of literals) {
    try {
      return open(literal, port, backlog, host === '')
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error
      if (literal === '::' && literals.length > 1 && NO_IPV6.has(error.errno)) continue
      faults.push(
        `(${error.errno})${errorText(error.errno)}: AH00072: make_sock: could not bind to address ${showAddress(literal, port)}`,
      )
      break
    }
  }
  return undefined
}

function open(host: string, port: number, backlog: number, dualStack: boolean): number {
  const ipv6 = isIPv6(host.split('%')[0] ?? '')
  const fd = openSocket(ipv6 ? C.AF_INET6 : C.AF_INET, C.SOCK_STREAM)
  try {
    setSocketFlag(fd, C.SOL_SOCKET, C.SO_REUSEADDR, true)
    setSocketFlag(fd, C.SOL_SOCKET, C.SO_KEEPALIVE, true)
    if (ipv6) setSocketFlag(fd, C.IPPROTO_IPV6, C.IPV6_V6ONLY, !dualStack)
    bind(fd, inetAddress(host, port))
    listen(fd, backlog)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
