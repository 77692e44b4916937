/**
 * The HTTP/2 connections of one listening address: which clients get one, with which limits, and a look at all of them twice a second.
 * Rules: RFC 9113; https://httpd.apache.org/docs/2.4/mod/mod_http2.html
 */
import { createServer, type Http2Server } from 'node:http2'
import type { Socket } from 'node:net'
import type { ServerConfig } from '../config/site.js'
import { Http2Connection, type Http2Sink, type Http2Times } from '../http/http2/connection.js'
import { coreServer } from '../modules/core/settings.js'
import { http2Settings } from '../modules/http2/settings.js'
import { deadline, requestReadTimeout } from '../modules/reqtimeout.js'
import type { ClientConnection } from './connection.js'
import { enter, FRESH_MS, type Idle, leave } from './room.js'

const LOOK_EVERY_MS = 500
/** Compression lets a client name much with few bytes: all fields of a request together are bounded closer than in HTTP/1. */
const HEADER_MIN_BYTES = 64 * 1024
/** Where LimitRequestFields sets no bound. */
const FIELDS_MAX = 1000
/** Frames and streams that break the protocol, after which the client is cut off. */
const FAULTS_MAX = 100
const SETTINGS_MAX = 32
/** TLS 1.2 with these, or TLS 1.3: what is not on the black list of RFC 9113, appendix A. */
const MODERN_CIPHER = /^(?:TLS_|(?:ECDHE|DHE)-.*(?:GCM|CHACHA20|CCM))/

export class Http2Connections {
  readonly #servers = new Map<ServerConfig, Http2Server>()
  readonly #connections = new Set<Http2Connection<ClientConnection>>()
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly sink: Http2Sink<ClientConnection>,
    private readonly isDraining: () => boolean,
    /** Called where a connection is more than there is room for. */
    private readonly crowded: () => void,
  ) {}

  /** Whether plain connections to that host may begin with HTTP/2. */
  isDirect(server: ServerConfig): boolean {
    return (
      server.settings.get(coreServer).protocols.includes('h2c') &&
      server.settings.get(http2Settings).direct !== false
    )
  }

  /** How long to wait for the first bytes of a plain connection, in milliseconds. */
  prefaceMs(server: ServerConfig): number {
    return timesOf(server).first
  }

  /** A connection whose client speaks HTTP/2. */
  accept(socket: Socket, connection: ClientConnection): void {
    const host = connection.tls?.host.server ?? (connection.hosts.servers[0] as ServerConfig)
    if (host.settings.get(http2Settings).modernTlsOnly && isOldFashioned(connection)) {
      this.sink.calmed(connection, 'HTTP/2 needs TLS 1.2 with modern ciphers, or better (H2ModernTLSOnly)')
      socket.destroy()
      return
    }
    const http2 = new Http2Connection(
      this.#serverOf(host),
      socket,
      this.sink,
      connection,
      timesOf(host),
      Date.now(),
    )
    this.#connections.add(http2)
    if (enter()) this.crowded()
    socket.once('close', () => {
      this.#connections.delete(http2)
      leave()
    })
    this.#timer ??= setInterval(() => this.#look(), LOOK_EVERY_MS).unref()
  }

  /** Those of the requests that run, and those that have none. */
  get connections(): ClientConnection[] {
    return [...this.#connections].flatMap(({ connections }) => [...connections])
  }

  idle(now: number): Idle[] {
    return [...this.#connections].flatMap((connection) => {
      const since = connection.idleSince
      const isIdle = since !== undefined && (connection.hasServed || now - since > FRESH_MS)
      return isIdle ? [{ since, close: () => connection.leave() }] : []
    })
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  cutAll(): void {
    for (const connection of this.#connections) connection.cut()
  }

  #look(): void {
    const now = Date.now()
    const draining = this.isDraining()
    for (const connection of this.#connections) {
      if (draining) connection.leave()
      connection.look(now)
    }
  }

  /** Node takes the limits of a connection from the server that it is made by; none of these servers listens. */
  #serverOf(host: ServerConfig): Http2Server {
    let server = this.#servers.get(host)
    if (server === undefined) {
      const { limitRequestLine, limitRequestFields, limitRequestFieldSize } = host.settings.get(coreServer)
      const { maxSessionStreams, windowSize } = host.settings.get(http2Settings)
      server = createServer({
        settings: {
          enablePush: false,
          maxConcurrentStreams: maxSessionStreams,
          initialWindowSize: windowSize,
          maxHeaderListSize: HEADER_MIN_BYTES + limitRequestLine + limitRequestFieldSize,
        },
        // beyond LimitRequestFields there is a page that says so; this is the end of patience
        maxHeaderListPairs: 2 * (limitRequestFields || FIELDS_MAX) + 8,
        maxSessionInvalidFrames: FAULTS_MAX,
        maxSessionRejectedStreams: FAULTS_MAX,
        maxSettings: SETTINGS_MAX,
      })
      // Faults of a session are told to the session, too.
      server.on('sessionError', () => {})
      this.#servers.set(host, server)
    }
    return server
  }
}

function isOldFashioned({ tls }: ClientConnection): boolean {
  return tls !== undefined && !MODERN_CIPHER.test(tls.cipher)
}

function timesOf({ settings }: ServerConfig): Http2Times {
  const { timeout, keepAliveTimeout } = settings.get(coreServer)
  const { header, body } = settings.get(requestReadTimeout)
  return {
    first: (header.timeout || timeout) * 1000,
    idle: keepAliveTimeout,
    body: (bytes) => deadline(body, 0, bytes),
    stream: (settings.get(http2Settings).streamTimeout || timeout) * 1000,
  }
}
