/**
 * Stands between a listening socket and HTTP where the configuration has TLS: looks at what a client sends first, chooses the virtual host by the
 * name in it, has Node make the handshake with that host's certificates, and passes the secured socket on.
 *
 *     connection ──first words──▶ TLS: host by name ──▶ handshake ──▶ secure      (handles.ts where Node has no socket yet)
 *                            └──▶ HTTP: plainOnTls
 *
 * Everything that the handshake depends on (versions, ciphers, protocols by ALPN, client certificates) is the host's own, not the address's.
 * Rules: https://httpd.apache.org/docs/2.4/mod/mod_ssl.html; RFC 6066 section 3.
 */
import type { Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ServerConfig, Site } from '../config/site.js'
import type { Ends } from '../http/proxy-protocol.js'
import { serverRecord } from '../log/error-log.js'
import type { Logs } from '../log/logs.js'
import { sslServer } from '../modules/ssl/settings.js'
import type { HostGroup } from '../request/vhost.js'
import { readGreeting } from './client-hello.js'
import { type HostTls, handshakeMs, hostTls } from './contexts.js'
import { Deadlines } from './deadlines.js'
import { handshakeDone, offerConnections, RawConnection, shakeHands } from './handles.js'
import { HandshakeHost } from './handshake-host.js'
import { hostLabel, serversOf, type TlsMaterial } from './material.js'
import { peerOf } from './peer.js'
import { chainDepth, TlsSession } from './session.js'
import { SocketConnection, type Unspoken } from './unspoken.js'

const SILENT = 'TLS handshake failed: no complete greeting was sent in time'
const NOTHING: Buffer = Buffer.alloc(0)

/** What becomes of connections. */
export interface TlsOutlet {
  /** No TLS at this address. */
  plain(socket: Socket): void
  /** The handshake is over. */
  secure(socket: TLSSocket, session: TlsSession): void
  /** HTTP without TLS where TLS is spoken. Nothing has been read from the socket. */
  plainOnTls(socket: Socket): void
  /** The server is going away: clients that have said nothing yet are not waited for. */
  readonly draining: boolean
}

export class TlsAcceptor {
  readonly #hosts = new Map<ServerConfig, HandshakeHost>()
  readonly #deadlines = new Deadlines(() => this.outlet.draining)

  constructor(
    site: Site,
    material: TlsMaterial,
    private readonly groupOf: (ends: Ends) => HostGroup,
    private readonly logs: Pick<Logs, 'errorLogFor'>,
    private readonly outlet: TlsOutlet,
  ) {
    for (const server of serversOf(site)) {
      const host = material.hosts[server.index]
      if (host !== undefined) this.#addHost(new HandshakeHost(hostTls(server, host, material)))
    }
  }

  /** Takes the connections of a server that does not listen yet before Node makes sockets of them; others are to be given to {@link accept}. */
  takeFrom(server: Server, taken: () => void): void {
    offerConnections(server, (connection) => {
      const group = this.groupOf(connection)
      const [first] = group.servers
      if (first === undefined || !this.#hosts.has(first)) return false
      taken()
      this.#greet(connection, group, first)
      return true
    })
  }

  /** Takes a connection that was just accepted. */
  accept(socket: Socket): void {
    const group = this.groupOf(socket)
    const [first] = group.servers
    if (first === undefined || !this.#hosts.has(first)) this.outlet.plain(socket)
    else this.#greet(new SocketConnection(socket), group, first)
  }

  /** Waits for the client's first words. */
  #greet(connection: Unspoken, group: HostGroup, first: ServerConfig): void {
    let received = NOTHING
    const waiting = this.#deadlines.add(handshakeMs(first), () => {
      this.#report(first, connection, 'AH02008', SILENT)
      connection.close()
    })
    waiting.leave = () => connection.close()
    connection.read((bytes) => {
      if (bytes === undefined) {
        waiting.over()
        connection.close()
        return
      }
      received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
      waiting.leave = undefined
      const greeting = readGreeting(received)
      if (greeting.kind === 'more') return
      waiting.over()
      if (greeting.kind === 'tls') this.#choose(connection, group, first, greeting.serverName, received)
      else if (greeting.kind === 'http') {
        const message = 'SSL handshake failed: HTTP spoken on HTTPS port; trying to send HTML error page'
        this.#report(first, connection, 'AH01996', message)
        this.outlet.plainOnTls(connection.plain(received))
      } else {
        this.#report(first, connection, 'AH02008', 'TLS handshake failed: neither TLS nor HTTP was spoken')
        connection.close()
      }
    })
  }

  /** Chooses the host that makes the handshake. */
  #choose(
    connection: Unspoken,
    group: HostGroup,
    first: ServerConfig,
    serverName: string | undefined,
    received: Buffer,
  ): void {
    const choice = serverName === undefined ? undefined : group.choose(serverName)
    const named = choice?.named === true ? choice.server : undefined
    if (serverName !== undefined && named === undefined && first.settings.get(sslServer).strictSni) {
      const message = `No matching SSL virtual host for servername ${serverName} found (using default/first virtual host)`
      this.#report(first, connection, 'AH02045', message)
      connection.close()
      return
    }
    const host = this.#hosts.get(named ?? first) ?? this.#hosts.get(first)
    if (host === undefined) throw new Error('an address with TLS whose first host has none')
    if (connection instanceof RawConnection && !host.tls.auth.ask)
      this.#shakeHands(connection, host, received)
    else {
      const socket = connection.plain(received)
      // until the handshake is over, a client that closes its side is gone
      socket.allowHalfOpen = false
      host.server.emit('connection', socket)
    }
  }

  /** The handshake on a connection without a socket, where no certificate is asked for: as Node's TLS server makes it with one. */
  #shakeHands(connection: RawConnection, host: HandshakeHost, received: Buffer): void {
    const socket = connection.secure(host.direct)
    if (socket === undefined) return
    let isOver = false
    const fail = (why: Error | string): void => {
      isOver = true
      waiting.over()
      this.#failed(host, why, socket)
    }
    const waiting = this.#deadlines.add(handshakeMs(host.tls.server), () => fail('TLS handshake timeout'))
    socket.on('error', (error) => (isOver ? socket.destroy() : fail(error)))
    socket.on('close', () => {
      if (!isOver) fail('socket hang up')
    })
    socket.once('secure', () => {
      if (isOver || socket.destroyed) return
      isOver = true
      waiting.over()
      handshakeDone(socket)
      this.#secured(host, socket)
    })
    shakeHands(socket, received)
  }

  #addHost(host: HandshakeHost): void {
    host.secured = (socket) => {
      socket.on('error', () => socket.destroy())
      this.#secured(host, socket)
    }
    host.failed = (error, socket) => this.#failed(host, error, socket)
    this.#hosts.set(host.tls.server, host)
  }

  #failed({ tls }: HandshakeHost, error: Error | string, socket: TLSSocket): void {
    const why = typeof error === 'string' ? error : reasonOf(error, socket)
    const message = `SSL library error in handshake: ${why}`
    this.#report(tls.server, socket, 'AH02008', message)
    socket.destroy()
  }

  #secured({ tls }: HandshakeHost, socket: TLSSocket): void {
    // Another handshake on the connection only costs us.
    socket.disableRenegotiation()
    socket.allowHalfOpen = true
    const serverName = typeof socket.servername === 'string' ? socket.servername.toLowerCase() : undefined
    const choice = serverName === undefined ? undefined : this.groupOf(socket).choose(serverName)
    const server = choice?.named === true ? choice.server : tls.server
    const session = new TlsSession(socket, tls, server, serverName)
    const why = refusal(tls, session)
    if (why === undefined) this.outlet.secure(socket, session)
    else {
      this.#report(tls.server, socket, 'AH02276', `Certificate Verification: ${why}`)
      socket.destroy()
    }
  }

  #report(server: ServerConfig, ends: Ends, code: string, message: string): void {
    serverRecord(this.logs.errorLogFor(server), {
      module: 'ssl',
      level: 'info',
      code,
      message: `${message} (server ${hostLabel(server)})`,
      // of a connection that has been closed nobody knows whose it was
      ...(ends.remoteAddress === undefined ? {} : { connection: peerOf(ends) }),
    })
  }
}

/** Why a client's certificate ends the connection; undefined: it does not. Places that ask for one look for themselves. */
function refusal({ auth }: HostTls, { verdict, socket }: TlsSession): string | undefined {
  if (auth.verify === 'none') return undefined
  if (verdict.kind === 'failed') return verdict.why
  if (verdict.kind === 'valid' && chainDepth(socket) > auth.depth)
    return `Certificate Chain too long (chain has ${chainDepth(socket)} certificates, but maximum allowed are only ${auth.depth})`
  return undefined
}

/** A certificate that Node has refused ends in nothing better than "socket hang up". */
function reasonOf(error: Error, socket: TLSSocket): string {
  if (socket.authorizationError) return `certificate verify failed: ${socket.authorizationError}`
  // OpenSSL's own form: number:error:code:library:function:reason:file:line
  return /:error:[^:]*:[^:]*:[^:]*:([^:]+):/.exec(error.message)?.[1] ?? error.message.trim()
}
