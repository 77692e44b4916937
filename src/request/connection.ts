/**
 * A client connection of this server worker, and what is known about it beside its requests.
 */
import type { Socket } from 'node:net'
import type { Http1Connection } from '../http/http1/connection.js'
import { proxiedClient } from '../http/proxy-protocol.js'
import { canonicalAddress } from '../modules/core/listen.js'
import type { TlsSession } from '../tls/session.js'
import { isPlainOnTls, tlsSessionOf } from '../tls/sessions.js'
import type { Connection, Request } from './request.js'
import type { Watched } from './timeouts.js'
import type { HostGroup } from './vhost.js'

/** What connections need to know of the server they came through. */
export interface Listening {
  /** As `Listen` has it; host empty for all addresses. */
  readonly host: string
  readonly port: number
  readonly draining: boolean
}

let counter = 0
const prefix = `${process.pid.toString(36)}.${Date.now().toString(36)}.`

export class ClientConnection implements Connection {
  readonly id = prefix + (++counter).toString(36)
  readonly remoteAddress: string
  remoteHost: string | undefined = undefined
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  readonly secure: boolean
  readonly tls: TlsSession | undefined
  readonly plainOnTls: boolean
  keepalives = 0
  environ: unknown = undefined
  aborted = false
  /** The request at hand, until its response is over. */
  latest: Request | undefined
  /** Set at once after it is made, except where it speaks HTTP/2. */
  http!: Http1Connection<ClientConnection>
  /** `KeepAliveTimeout` of the virtual host of the last request, in milliseconds; undefined while there has been none. */
  keepAliveMs: number | undefined = undefined
  /** Milliseconds since the epoch: since when the connection waits for a request. */
  idleSince = Date.now()
  /** When the first byte of a request's header was noticed, 0 where none came yet. */
  headerSince = 0
  /** The time-keeper's notes. */
  watched: Watched | undefined = undefined

  constructor(
    readonly socket: Socket,
    private readonly listening: Listening,
    /** The virtual hosts of the local address. */
    readonly hosts: HostGroup,
  ) {
    const client = proxiedClient(socket)
    this.remoteAddress = canonicalAddress(client?.address ?? socket.remoteAddress ?? '')
    this.remotePort = client?.port ?? socket.remotePort ?? 0
    this.localAddress = canonicalAddress(socket.localAddress ?? '')
    this.localPort = socket.localPort ?? listening.port
    this.tls = tlsSessionOf(socket)
    this.plainOnTls = isPlainOnTls(socket)
    this.secure = this.tls !== undefined
  }

  get listenerHost(): string {
    return this.listening.host
  }

  get listenerPort(): number {
    return this.listening.port
  }

  get closing(): boolean {
    return this.listening.draining
  }
}
