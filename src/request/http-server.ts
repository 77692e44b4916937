/**
 * The HTTP server of a server worker: Node's parser and framing, set up so that httpd's rules (front.ts) can go on top, and its graceful end.
 */
import { createServer, type Server } from 'node:http'
import { Server as NetServer } from 'node:net'
import type { Site } from '../config/site.js'
import type { Logs } from '../log/logs.js'
import { coreServer } from '../modules/core/settings.js'
import { Front, HttpResponse, type ListenerAddress } from './front.js'
import type { PhaseTable } from './phases.js'

/** Most that Node may gather for one header; the limits proper are per virtual host and checked afterwards. */
const HEADER_BLOCK_MAX_BYTES = 1024 * 1024
const HEADER_BLOCK_MIN_BYTES = 16 * 1024

const fronts = new WeakMap<NetServer, Front>()

/**
 * Makes the server for one listening address. The caller makes it listen (`server.listen({ fd })`).
 * @param logs error logs by virtual host; access logs are written by the modules' logTransaction hooks.
 */
export function createHttpServer(
  site: Site,
  phases: PhaseTable,
  logs: Pick<Logs, 'errorLogFor'>,
  listener: ListenerAddress,
): Server {
  const server = createServer({
    ServerResponse: HttpResponse,
    maxHeaderSize: headerBlockBytes(site),
    requireHostHeader: false,
    // these are watched by TimeKeeper, which knows the virtual host's values
    headersTimeout: 0,
    requestTimeout: 0,
    keepAliveTimeout: 0,
    noDelay: true,
  }) as unknown as Server
  server.maxHeadersCount = 0
  const front = new Front(site, phases, logs, listener, server)
  fronts.set(server, front)
  return server
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
    // not http.Server's own close, which cuts idle connections at once
    else NetServer.prototype.close.call(server, () => resolve())
  })
}

/** Number of requests that are running on that server. */
export function activeRequests(server: Server): number {
  return fronts.get(server)?.active ?? 0
}

function headerBlockBytes(site: Site): number {
  let most = HEADER_BLOCK_MIN_BYTES
  for (const { settings } of [site.main, ...site.virtualHosts]) {
    const { limitRequestLine, limitRequestFields, limitRequestFieldSize } = settings.get(coreServer)
    const all = limitRequestLine + (limitRequestFields || 1000) * limitRequestFieldSize
    most = Math.max(most, all || HEADER_BLOCK_MAX_BYTES)
  }
  return Math.min(most, HEADER_BLOCK_MAX_BYTES)
}
