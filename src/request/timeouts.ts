/**
 * How long clients may take: one look at all connections twice a second, in place of several timers per request.
 * - waiting for a request: KeepAliveTimeout; for the first one, RequestReadTimeout's header time
 * - while a header arrives: RequestReadTimeout's header time
 * - while a body is being read: RequestReadTimeout's body time, and Timeout without any progress
 * - while a response waits for the client: Timeout without any progress
 * A handler that takes its time is none of this file's business.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_reqtimeout.html
 */
import { coreServer } from '../modules/core/settings.js'
import { deadline, requestReadTimeout } from '../modules/reqtimeout.js'
import type { ClientConnection } from './connection.js'
import type { Request } from './request.js'

const LOOK_EVERY_MS = 500

export class TimeKeeper {
  readonly #connections = new Set<ClientConnection>()
  #timer: NodeJS.Timeout | undefined

  /** @param refuse answers a request whose header does not arrive. */
  constructor(private readonly refuse: (connection: ClientConnection, status: 408) => void) {}

  watch(connection: ClientConnection): void {
    this.#connections.add(connection)
    connection.socket.once('close', () => this.#connections.delete(connection))
    this.#timer ??= setInterval(() => this.#look(Date.now()), LOOK_EVERY_MS).unref()
  }

  /** The responses of a connection are over, and it waits for another request. */
  rest(connection: ClientConnection, keepAliveMs: number): void {
    connection.idleSince = Date.now()
    connection.idleAtBytes = connection.socket.bytesRead
    connection.idleLimitMs = keepAliveMs
    connection.headerSince = 0
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(now: number): void {
    for (const connection of this.#connections) {
      if (connection.socket.destroyed) continue
      if (connection.latest !== undefined) lookAtRequest(connection, connection.latest, now)
      else this.#lookAtWaiting(connection, now)
    }
  }

  #lookAtWaiting(connection: ClientConnection, now: number): void {
    const { socket, idleLimitMs } = connection
    const received = socket.bytesRead - connection.idleAtBytes
    const isFirst = idleLimitMs === undefined
    if (received === 0 && (!isFirst || connection.closing)) {
      const limit = idleLimitMs ?? settingsOf(connection).keepAliveTimeout
      if (now - connection.idleSince >= limit) socket.destroySoon()
      return
    }
    if (connection.headerSince === 0) connection.headerSince = isFirst ? connection.idleSince : now
    const server = connection.hosts.servers[0]
    if (server === undefined) return
    const { header } = server.settings.get(requestReadTimeout)
    if (now < deadline(header, connection.headerSince, received)) return
    connection.headerSince = now
    this.refuse(connection, 408)
  }
}

function settingsOf(connection: ClientConnection) {
  const [server] = connection.hosts.servers
  return server === undefined ? coreServer.defaults : server.settings.get(coreServer)
}

function lookAtRequest(connection: ClientConnection, request: Request, now: number): void {
  const { socket, watched } = connection
  if (watched.request !== request) {
    watched.request = request
    watched.bodyMs = 0
    watched.bodyFromBytes = socket.bytesRead
    watched.since = now
  }
  const { incoming } = request
  const readsBody = !incoming.complete && incoming.readableFlowing === true
  const writes = socket.writableLength > 0
  const unsent = unsentBytes(socket)
  const sent = socket.bytesWritten - socket.writableLength
  const moved = watched.unsent !== unsent || watched.sent !== sent || watched.received !== socket.bytesRead
  watched.unsent = unsent
  watched.sent = sent
  watched.received = socket.bytesRead
  if (moved || !(readsBody || writes)) watched.since = now

  if (readsBody) {
    watched.bodyMs += LOOK_EVERY_MS
    const { body } = request.server.settings.get(requestReadTimeout)
    if (watched.bodyMs >= deadline(body, 0, socket.bytesRead - watched.bodyFromBytes)) {
      giveUp(connection, request, 'Request body read timeout', 'AH01383')
      return
    }
  }
  if (now - watched.since >= request.server.settings.get(coreServer).timeout * 1000)
    giveUp(
      connection,
      request,
      'The timeout specified has expired: the client neither reads nor sends',
      'WSGH0010',
    )
}

function giveUp(connection: ClientConnection, request: Request, message: string, code: string): void {
  request.report('reqtimeout', 'info', message, code)
  connection.aborted = true
  connection.socket.destroy()
}

/** What the kernel has not taken yet of the piece being written; Node's own idle timer looks there, too. */
function unsentBytes(socket: object): number {
  return (socket as { _handle?: { writeQueueSize?: number } | null })._handle?.writeQueueSize ?? 0
}
