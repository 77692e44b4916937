/**
 * How long clients may take: one look at all connections twice a second, in place of several timers per request.
 * - waiting for a request: KeepAliveTimeout; for the first one, RequestReadTimeout's header time
 * - while a header arrives: RequestReadTimeout's header time
 * - while a body is being read: RequestReadTimeout's body time, and Timeout without any progress
 * - while a response waits for the client: Timeout without any progress
 * - after the last response, until the client has closed its side: as httpd's lingering close
 * A handler that takes its time is none of this file's business.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_reqtimeout.html
 */
import { coreServer } from '../modules/core/settings.js'
import { deadline, requestReadTimeout } from '../modules/reqtimeout.js'
import type { ClientConnection } from './connection.js'
import type { Request } from './request.js'
import { enter, FRESH_MS, type Idle, leave } from './room.js'

const LOOK_EVERY_MS = 500

/** A connection that is closed for writing is read, and what comes thrown away: at most this long, */
const LINGER_MAX_MS = 30_000
/** as long as something comes at least this often, */
const LINGER_IDLE_MS = 2000
/** and no more than this. */
const LINGER_MAX_BYTES = 16 * 1024 * 1024

/** What was seen when a connection was last looked at while it had a request or was being closed. Most are never looked at. */
export class Watched {
  request: Request | undefined = undefined
  /** Milliseconds that somebody waited for the body. */
  bodyMs = 0
  bodyFromBytes = 0
  received = 0
  sent = 0
  unsent = 0
  /** Last time that something moved. */
  since = 0
  /** When something last came on a connection that is being closed, and how much had come at first. */
  lingerAt = 0
  lingerFromBytes = 0
}

export class TimeKeeper {
  readonly #connections = new Set<ClientConnection>()
  #timer: NodeJS.Timeout | undefined

  /** @param crowded called where a connection is more than there is room for */
  constructor(private readonly crowded: () => void) {}

  get connections(): Iterable<ClientConnection> {
    return this.#connections
  }

  watch(connection: ClientConnection): void {
    this.#connections.add(connection)
    if (enter()) this.crowded()
    this.#timer ??= setInterval(() => this.#look(Date.now()), LOOK_EVERY_MS).unref()
  }

  /** The response of a connection is over, and it waits for another request. */
  rest(connection: ClientConnection): void {
    connection.idleSince = 0
    connection.headerSince = 0
    connection.watched = undefined
  }

  forget(connection: ClientConnection): void {
    if (this.#connections.delete(connection)) leave()
  }

  idle(now: number): Idle[] {
    return (
      [...this.#connections]
        .filter(
          ({ latest, http, keepAliveMs, idleSince }) =>
            latest === undefined &&
            !http.hasBegunHead &&
            http.lingersSince === 0 &&
            (keepAliveMs !== undefined || now - idleSince > FRESH_MS),
        )
        // 0: it has come to rest since the last look at all connections
        .map(({ http, idleSince }) => ({ since: idleSince || now, close: () => http.close() }))
    )
  }

  cutAll(): void {
    for (const { socket } of this.#connections) socket.destroy()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(now: number): void {
    for (const connection of this.#connections) {
      if (connection.socket.destroyed) continue
      if (connection.latest !== undefined) lookAtRequest(connection, connection.latest, now)
      else if (connection.http.lingersSince > 0) lookAtLingering(connection, now)
      else lookAtWaiting(connection, now)
    }
  }
}

function lookAtWaiting(connection: ClientConnection, now: number): void {
  const { http, keepAliveMs } = connection
  // when it began to rest, nobody looked at the clock
  if (connection.idleSince === 0) connection.idleSince = now
  const isFirst = keepAliveMs === undefined
  if (!http.hasBegunHead && (!isFirst || connection.closing)) {
    const limit = keepAliveMs ?? settingsOf(connection).keepAliveTimeout
    if (now - connection.idleSince >= limit) http.close()
    return
  }
  if (connection.headerSince === 0) connection.headerSince = isFirst ? connection.idleSince : now
  const server = connection.hosts.servers[0]
  if (server === undefined) return
  const { header } = server.settings.get(requestReadTimeout)
  if (now < deadline(header, connection.headerSince, http.headBytes)) return
  connection.headerSince = now
  http.timeOut()
}

function lookAtLingering(connection: ClientConnection, now: number): void {
  const { http, socket } = connection
  connection.watched ??= new Watched()
  const { watched } = connection
  if (watched.lingerAt === 0) {
    watched.lingerFromBytes = http.bytesRead
    watched.received = http.bytesRead
    watched.lingerAt = now
  } else if (http.bytesRead !== watched.received) {
    watched.received = http.bytesRead
    watched.lingerAt = now
  }
  const isOver =
    now - watched.lingerAt >= LINGER_IDLE_MS ||
    now - http.lingersSince >= LINGER_MAX_MS ||
    http.bytesRead - watched.lingerFromBytes > LINGER_MAX_BYTES
  if (isOver && socket.writableLength === 0) socket.destroy()
}

function settingsOf(connection: ClientConnection) {
  const [server] = connection.hosts.servers
  return server === undefined ? coreServer.defaults : server.settings.get(coreServer)
}

function lookAtRequest(connection: ClientConnection, request: Request, now: number): void {
  const { socket, http } = connection
  connection.watched ??= new Watched()
  const { watched } = connection
  if (watched.request !== request) {
    watched.request = request
    watched.bodyMs = 0
    watched.bodyFromBytes = http.bytesRead
    watched.since = now
  }
  const { body } = request.incoming
  const readsBody = !body.complete && body.flowing
  const writes = http.hasUnsent
  const unsent = unsentBytes(socket)
  const sent = socket.bytesWritten - socket.writableLength
  const moved = watched.unsent !== unsent || watched.sent !== sent || watched.received !== http.bytesRead
  watched.unsent = unsent
  watched.sent = sent
  watched.received = http.bytesRead
  if (moved || !(readsBody || writes)) watched.since = now

  const waitedMs = body.waitedMs?.() ?? 0
  if (readsBody || waitedMs > 0) {
    watched.bodyMs += Math.max(waitedMs, readsBody ? LOOK_EVERY_MS : 0)
    const limits = request.server.settings.get(requestReadTimeout)
    if (watched.bodyMs >= deadline(limits.body, 0, http.bytesRead - watched.bodyFromBytes)) {
      reportSlowBody(request)
      // who reads it may answer; there is no other request after this one
      http.timeOutBody()
      return
    }
  }
  if (now - watched.since < request.server.settings.get(coreServer).timeout * 1000) return
  reportSilence(request)
  connection.aborted = true
  connection.socket.destroy()
}

export function reportSlowBody(request: Request): void {
  request.report('reqtimeout', 'info', 'Request body read timeout', 'AH01382')
}

export function reportSilence(request: Request): void {
  request.report(
    'reqtimeout',
    'info',
    'The timeout specified has expired: the client neither reads nor sends',
    'WSGH0010',
  )
}

/** What the kernel has not taken yet of the piece being written; Node's own idle timer looks there, too. */
function unsentBytes(socket: object): number {
  return (socket as { _handle?: { writeQueueSize?: number } | null })._handle?.writeQueueSize ?? 0
}
