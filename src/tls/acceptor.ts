/**
 * Stands between a listening socket and HTTP where the configuration has TLS: looks at what a client sends first, chooses the virtual host by the
 * name in it, has Node make the handshake with that host's certificates, and passes the secured socket on.
 *
 * Each host has a TLS server of Node's that never listens: connections are given to it. So everything that the handshake depends on (versions,
 * ciphers, protocols by ALPN, client certificates) is the host's own, not the address's.
 * Rules: https://httpd.apache.org/docs/2.4/mod/mod_ssl.html; RFC 6066 section 3.
 */
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { ServerConfig, Site } from '../config/site.js'
import { type Level, serverRecord } from '../log/error-log.js'
import type { Logs } from '../log/logs.js'
import { sslServer } from '../modules/ssl/settings.js'
import type { HostGroup } from '../request/vhost.js'
import { readGreeting } from './client-hello.js'
import { type HostTls, handshakeMs, hostTls } from './contexts.js'
import { hostLabel, serversOf, type TlsMaterial } from './material.js'
import { peerOf } from './peer.js'
import { chainDepth, TlsSession } from './session.js'

/** How often a client that has not begun its handshake is looked at. */
const LOOK_EVERY_MS = 500
const SILENT = 'TLS handshake failed: no complete greeting was sent in time'

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
  readonly #hosts = new Map<ServerConfig, { readonly tls: HostTls; readonly server: Server }>()

  constructor(
    site: Site,
    material: TlsMaterial,
    private readonly groupOf: (socket: Socket) => HostGroup,
    private readonly logs: Pick<Logs, 'errorLogFor'>,
    private readonly outlet: TlsOutlet,
  ) {
    for (const server of serversOf(site)) {
      const host = material.hosts[server.index]
      if (host !== undefined) this.#addHost(hostTls(server, host, material))
    }
  }

  /** Takes a connection that was just accepted. */
  accept(socket: Socket): void {
    const group = this.groupOf(socket)
    const [first] = group.servers
    if (first === undefined || !this.#hosts.has(first)) this.outlet.plain(socket)
    else this.#greet(socket, group, first)
  }

  /** Waits for the client's first words. */
  #greet(socket: Socket, group: HostGroup, first: ServerConfig): void {
    let received: Buffer = Buffer.alloc(0)
    const onReadable = (): void => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      const greeting = readGreeting(received)
      if (greeting.kind === 'more') return
      leave()
      if (greeting.kind === 'unknown') {
        this.#report(
          first,
          socket,
          'info',
          'AH02008',
          'TLS handshake failed: neither TLS nor HTTP was spoken',
        )
        socket.destroy()
        return
      }
      socket.unshift(received)
      if (greeting.kind === 'tls') this.#shakeHands(socket, group, first, greeting.serverName)
      else {
        this.#report(
          first,
          socket,
          'info',
          'AH01996',
          'SSL handshake failed: HTTP spoken on HTTPS port; trying to send HTML error page',
        )
        this.outlet.plainOnTls(socket)
      }
    }
    const onGone = (): void => {
      leave()
      socket.destroy()
    }
    const until = Date.now() + handshakeMs(first)
    const timer = setInterval(() => {
      const isLate = Date.now() >= until
      if (!isLate && !(this.outlet.draining && received.length === 0)) return
      if (isLate) this.#report(first, socket, 'info', 'AH02008', SILENT)
      onGone()
    }, LOOK_EVERY_MS).unref()
    const leave = (): void => {
      clearInterval(timer)
      socket.off('readable', onReadable)
      for (const event of ['end', 'close', 'error'] as const) socket.off(event, onGone)
    }
    socket.on('readable', onReadable)
    for (const event of ['end', 'close', 'error'] as const) socket.on(event, onGone)
  }

  #shakeHands(socket: Socket, group: HostGroup, first: ServerConfig, serverName: string | undefined): void {
    const choice = serverName === undefined ? undefined : group.choose(serverName)
    const named = choice?.named === true ? choice.server : undefined
    if (serverName !== undefined && named === undefined && first.settings.get(sslServer).strictSni) {
      this.#report(
        first,
        socket,
        'info',
        'AH02045',
        `No matching SSL virtual host for servername ${serverName} found (using default/first virtual host)`,
      )
      socket.destroy()
      return
    }
    const host = this.#hosts.get(named ?? first) ?? this.#hosts.get(first)
    if (host === undefined) throw new Error('an address with TLS whose first host has none')
    // until the handshake is over, a client that closes its side is gone
    socket.allowHalfOpen = false
    host.server.emit('connection', socket)
  }

  #addHost(tls: HostTls): void {
    const server = createServer(tls.options)
    server.on('secureConnection', (socket) => this.#secured(tls, socket))
    server.on('tlsClientError', (error, socket) => {
      this.#report(
        tls.server,
        socket,
        'info',
        'AH02008',
        `SSL library error in handshake: ${reasonOf(error, socket)}`,
      )
      socket.destroy()
    })
    this.#hosts.set(tls.server, { tls, server })
  }

  #secured(tls: HostTls, socket: TLSSocket): void {
    // Another handshake on the connection only costs us.
    socket.disableRenegotiation()
    socket.on('error', () => socket.destroy())
    socket.allowHalfOpen = true
    const serverName = typeof socket.servername === 'string' ? socket.servername.toLowerCase() : undefined
    const choice = serverName === undefined ? undefined : this.groupOf(socket).choose(serverName)
    const session = new TlsSession(
      socket,
      tls,
      choice?.named === true ? choice.server : tls.server,
      serverName,
    )
    const why = refusal(tls, session)
    if (why === undefined) this.outlet.secure(socket, session)
    else {
      this.#report(tls.server, socket, 'info', 'AH02276', `Certificate Verification: ${why}`)
      socket.destroy()
    }
  }

  #report(server: ServerConfig, socket: Socket, level: Level, code: string, message: string): void {
    serverRecord(this.logs.errorLogFor(server), {
      module: 'ssl',
      level,
      code,
      message: `${message} (server ${hostLabel(server)})`,
      // of a connection that has been closed nobody knows whose it was
      ...(socket.remoteAddress === undefined ? {} : { connection: peerOf(socket) }),
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
