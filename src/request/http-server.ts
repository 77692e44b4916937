/**
 * The HTTP server of a listening address in a server worker: accepts connections, gives each to the front, and ends in good order.
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { Site } from '../config/site.js'
import { takeProxyHeader } from '../http/proxy-protocol.js'
import { serverRecord } from '../log/error-log.js'
import type { Logs } from '../log/logs.js'
import { coreServer } from '../modules/core/settings.js'
import { remoteIpSettings } from '../modules/remoteip/settings.js'
import { requestReadTimeout } from '../modules/reqtimeout.js'
import { TlsAcceptor, type TlsOutlet } from '../tls/acceptor.js'
import type { TlsMaterial } from '../tls/material.js'
import { peerOf } from '../tls/peer.js'
import { setPlainOnTls, setTlsSession } from '../tls/sessions.js'
import type { ClientConnection } from './connection.js'
import { Front, type ListenerAddress } from './front.js'
import type { PhaseTable } from './phases.js'
import type { RequestSlots } from './request-slots.js'

/** half-open: who has closed its sending side may still read */
const SOCKETS = { allowHalfOpen: true, noDelay: true }

/** Event of a server that has taken a connection of which Node has made no socket. */
const TAKEN = 'wsgi-httpd: connection taken'

interface Accepting {
  readonly front: Front
  /** The server itself and those of {@link acceptAlongside}. */
  readonly servers: Server[]
  /** How many of them have not closed yet, connections included. */
  open: number
  /** Takes connections before Node makes sockets of them. */
  readonly acceptor: TlsAcceptor | undefined
}

const accepting = new WeakMap<Server, Accepting>()

/**
 * Makes the server for one listening address. The caller makes it listen (`server.listen({ fd })`).
 * @param logs error logs by virtual host; access logs are written by the modules' logTransaction hooks.
 * @param tls where any virtual host speaks TLS: its files
 * @param slots where the number of requests in progress is limited; one for all addresses of the worker
 */
export function createHttpServer(
  site: Site,
  phases: PhaseTable,
  logs: Pick<Logs, 'errorLogFor'>,
  listener: ListenerAddress,
  tls?: TlsMaterial,
  slots?: RequestSlots,
): Server {
  const front = new Front(site, phases, logs, listener, slots)
  const acceptor =
    tls && new TlsAcceptor(site, tls, (connection) => front.groupOf(connection), logs, outletOf(front))
  const accept = (socket: Socket) => (acceptor === undefined ? front.accept(socket) : acceptor.accept(socket))
  const isProxied = usesProxyProtocol(site)
  const server = createServer(SOCKETS, isProxied ? behindBalancers(front, logs, accept) : accept)
  // a PROXY header comes before everything else
  accepting.set(server, { front, servers: [], open: 0, acceptor: isProxied ? undefined : acceptor })
  join(server, server)
  return server
}

/** `one` accepts for `server`: when the last of them has closed, nobody needs the front any more. */
function join(server: Server, one: Server): void {
  const all = accepting.get(server)
  if (all === undefined) return
  all.servers.push(one)
  all.open++
  all.acceptor?.takeFrom(one, () => server.emit(TAKEN))
  one.on('close', () => {
    if (--all.open === 0) all.front.stop()
  })
}

/**
 * A server that takes connections for `server`, on another descriptor of the same listening socket. Node accepts one connection for each descriptor
 * and turn of the event loop; connections that are accepted in one turn are read in one turn, and their requests reach a daemon process together.
 * The caller makes it listen; it closes with `server`, by {@link drain} or {@link stopAccepting}.
 */
export function acceptAlongside(server: Server): Server {
  const another = createServer(SOCKETS, (socket) => server.emit('connection', socket))
  join(server, another)
  return another
}

function usesProxyProtocol(site: Site): boolean {
  return [site.main, ...site.virtualHosts].some(
    ({ settings }) => settings.get(remoteIpSettings).proxyProtocol,
  )
}

/** Takes the PROXY header from connections to addresses whose first virtual host wants it; TLS and HTTP come after it. */
function behindBalancers(
  front: Front,
  logs: Pick<Logs, 'errorLogFor'>,
  accept: (socket: Socket) => void,
): (socket: Socket) => void {
  return (socket) => {
    const [first] = front.groupOf(socket).servers
    const { proxyProtocol = false, exceptions = [] } = first?.settings.get(remoteIpSettings) ?? {}
    const peer = socket.remoteAddress
    if (first === undefined || !proxyProtocol || peer === undefined || exceptions.some((one) => one(peer))) {
      accept(socket)
      return
    }
    const { header } = first.settings.get(requestReadTimeout)
    const timeout = header.timeout || first.settings.get(coreServer).timeout
    takeProxyHeader(
      socket,
      timeout * 1000,
      () => accept(socket),
      (why) => {
        serverRecord(logs.errorLogFor(first), {
          module: 'remoteip',
          level: 'error',
          code: 'AH03507',
          message: `RemoteIPProxyProtocol: connection refused: ${why}`,
          connection: peerOf(socket),
        })
        socket.destroy()
      },
    )
  }
}

/** What becomes of connections once it is known what they speak. */
function outletOf(front: Front): TlsOutlet {
  return {
    get draining() {
      return front.draining
    },
    plain: (socket) => front.accept(socket),
    secure: (socket, session) => {
      setTlsSession(socket, session)
      front.accept(socket)
    },
    plainOnTls: (socket) => {
      setPlainOnTls(socket)
      front.accept(socket)
    },
  }
}

/**
 * Stops accepting and waits until every connection has gone. Running requests are finished; the next response on a kept connection says that
 * it is the last; idle connections stay for their KeepAliveTimeout, so that no request is lost that is just on its way.
 */
export async function drain(server: Server): Promise<void> {
  const all = accepting.get(server)
  if (all === undefined) return
  all.front.draining = true
  await Promise.all(all.servers.map(closed))
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) resolve()
    else server.close(() => resolve())
  })
}

/** Accepts no more connections; those that are there stay. */
export function stopAccepting(server: Server): void {
  for (const one of accepting.get(server)?.servers ?? []) if (one.listening) one.close()
}

/** Cuts every connection, whatever it is doing. */
export function cutConnections(server: Server): void {
  accepting.get(server)?.front.cutConnections()
}

/** Calls back for each connection that is accepted there. */
export function whenAccepted(server: Server, callback: () => void): void {
  server.on('connection', callback)
  server.on(TAKEN, callback)
}

/** The client connections of that server. */
export function connectionsOf(server: Server): Iterable<ClientConnection> {
  return accepting.get(server)?.front.connections ?? []
}
