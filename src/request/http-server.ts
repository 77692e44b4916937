/**
 * The HTTP server of a listening address in a server worker: accepts connections, gives each to the front, and ends in good order.
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { Site } from '../config/site.js'
import type { Logs } from '../log/logs.js'
import { TlsAcceptor, type TlsOutlet } from '../tls/acceptor.js'
import type { TlsMaterial } from '../tls/material.js'
import { setPlainOnTls, setTlsSession } from '../tls/sessions.js'
import type { ClientConnection } from './connection.js'
import { Front, type ListenerAddress } from './front.js'
import type { PhaseTable } from './phases.js'

const fronts = new WeakMap<Server, Front>()

/**
 * Makes the server for one listening address. The caller makes it listen (`server.listen({ fd })`).
 * @param logs error logs by virtual host; access logs are written by the modules' logTransaction hooks.
 * @param tls where any virtual host speaks TLS: its files
 */
export function createHttpServer(
  site: Site,
  phases: PhaseTable,
  logs: Pick<Logs, 'errorLogFor'>,
  listener: ListenerAddress,
  tls?: TlsMaterial,
): Server {
  const front = new Front(site, phases, logs, listener)
  // half-open: who has closed its sending side may still read
  const accept =
    tls === undefined
      ? (socket: Socket) => front.accept(socket)
      : acceptSecurely(new TlsAcceptor(site, tls, (socket) => front.groupOf(socket), logs, outletOf(front)))
  const server = createServer({ allowHalfOpen: true, noDelay: true }, accept)
  server.on('close', () => front.stop())
  fronts.set(server, front)
  return server
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

function acceptSecurely(acceptor: TlsAcceptor): (socket: Socket) => void {
  return (socket) => acceptor.accept(socket)
}

/**
 * Stops accepting and waits until every connection has gone. Running requests are finished; the next response on a kept connection says that
 * it is the last; idle connections stay for their KeepAliveTimeout, so that no request is lost that is just on its way.
 */
export function drain(server: Server): Promise<void> {
  const front = fronts.get(server)
  if (front !== undefined) front.draining = true
  return new Promise((resolve) => {
    if (!server.listening) resolve()
    else server.close(() => resolve())
  })
}

/** Cuts every connection, whatever it is doing. */
export function cutConnections(server: Server): void {
  fronts.get(server)?.cutConnections()
}

/** The client connections of that server. */
export function connectionsOf(server: Server): Iterable<ClientConnection> {
  return fronts.get(server)?.connections ?? []
}

/** Number of requests that are running on that server. */
export function activeRequests(server: Server): number {
  return fronts.get(server)?.active ?? 0
}
