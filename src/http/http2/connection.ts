/**
 * One client connection that speaks HTTP/2: Node's session and the streams on it, each handed to the sink as a request. It ends connections that
 * are idle, streams that do not move, and clients that make us work for nothing.
 * Rules: RFC 9113; https://httpd.apache.org/docs/2.4/mod/mod_http2.html
 */
import { constants, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { IncomingMessage, MessageSink, OutgoingMessage } from '../message.js'
import { Budget } from './budget.js'
import { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, requestHead } from './fields.js'
import { Http2Incoming, Http2Outgoing, reset } from './stream.js'

/** Requests that a client may take back at once, and for each second: browsers do when a page is left. */
const RESETS = { burst: 200, perSecond: 20 }
/** PING and SETTINGS frames, which must be answered. */
const CONTROLS = { burst: 100, perSecond: 10 }
/** What is neither header nor body may be this much, and beyond it an eighth of everything (as nginx has it). */
const OVERHEAD_FREE_BYTES = 1024 * 1024
const OVERHEAD_SHARE = 8
/** A client that was told to go has this long to end its streams' transport. */
const GOODBYE_MS = 2000

/** What the connection tells beside the requests themselves. */
export interface Http2Sink<Conn> extends MessageSink<Conn> {
  /** What came is no request: answer with that status. */
  refuse(
    connection: Conn,
    incoming: IncomingMessage,
    outgoing: OutgoingMessage,
    status: 400,
    line: string,
    why: string,
  ): void
  /** A connection for one stream's request: what is known of the client, and nothing of its other requests. */
  forStream(connection: Conn): Conn
  /** A stream was looked at: nothing has moved on it since then (milliseconds), although its client is waited for. */
  seen(connection: Conn, since: number): void
  /** The body of a stream comes too slowly: who reads it is about to be told. */
  bodyTimedOut(connection: Conn): void
  /** A stream is about to be cut: its client neither reads nor sends. */
  gaveUp(connection: Conn): void
  /** The client was cut off for what it did. */
  calmed(connection: Conn, why: string): void
}

/** How long things may take, in milliseconds. */
export interface Http2Times {
  /** Until the first request. */
  readonly first: number
  /** Without any request. */
  readonly idle: number
  /** For a stream that waits for the client and does not move. */
  readonly stream: number
  /** For a body of which that many bytes have come, while somebody waits for it. */
  body(bytes: number): number
}

/** A stream that is not over, and what was seen of it last. */
interface Running<Conn> {
  readonly connection: Conn
  readonly stream: ServerHttp2Stream
  readonly incoming: Http2Incoming
  readonly outgoing: Http2Outgoing
  moved: number
  since: number
  /** When its header was there, in milliseconds. */
  readonly begun: number
  /** For how long somebody has waited for the body. */
  bodyMs: number
}

export class Http2Connection<Conn> {
  readonly #session: ServerHttp2Session
  readonly #running = new Map<number, Running<Conn>>()
  readonly #resets: Budget
  readonly #controls: Budget
  #idleSince: number
  /** There has been a request. */
  hasServed = false
  #isLeaving = false
  /** When the session was first seen to be over, with the socket still open. */
  #overSince = 0
  #lookedAt: number
  /** Header and body bytes in both directions, of streams that are over. */
  #payload = 0

  constructor(
    server: Http2Server,
    readonly socket: Socket,
    private readonly sink: Http2Sink<Conn>,
    private readonly owner: Conn,
    private readonly times: Http2Times,
    now: number,
  ) {
    this.#idleSince = now
    this.#lookedAt = now
    this.#resets = new Budget(RESETS.burst, RESETS.perSecond, now)
    this.#controls = new Budget(CONTROLS.burst, CONTROLS.perSecond, now)
    // HTTP/2 has its own way to end one side; who closes it is gone
    socket.allowHalfOpen = false
    this.#session = sessionOf(server, socket)
    this.#session.on(
      'stream',
      (stream: ServerHttp2Stream, _headers: object, flags: number, raw: readonly string[]) =>
        this.#serve(stream, flags, raw),
    )
    this.#session.on('ping', () => this.#control())
    this.#session.on('remoteSettings', () => this.#control())
    // the socket is closed by Node, and the streams' own events tell of each
    this.#session.on('error', () => {})
    this.#session.on('frameError', () => {})
    socket.on('error', () => {})
    socket.on('end', () => this.cut())
  }

  #serve(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    const hasBody = (flags & constants.NGHTTP2_FLAG_END_STREAM) === 0
    const head = requestHead(raw, hasBody)
    const incoming = new Http2Incoming(stream, head, hasBody)
    const outgoing = new Http2Outgoing(stream, incoming)
    const id = stream.id as number
    this.hasServed = true
    const connection = this.sink.forStream(this.owner)
    const now = Date.now()
    this.#running.set(id, {
      connection,
      stream,
      incoming,
      outgoing,
      moved: 0,
      since: now,
      begun: now,
      bodyMs: 0,
    })
    outgoing.onOver(() => this.#ended(id, incoming, outgoing, stream))
    if (head.fault === undefined) this.sink.serve(connection, incoming, outgoing)
    else
      this.sink.refuse(
        connection,
        incoming,
        outgoing,
        400,
        `${head.method} ${head.target} HTTP/2.0`,
        head.fault,
      )
  }

  #ended(id: number, incoming: Http2Incoming, outgoing: Http2Outgoing, stream: ServerHttp2Stream): void {
    this.#running.delete(id)
    if (this.#running.size === 0) this.#idleSince = Date.now()
    this.#payload += incoming.bytesReceived + outgoing.bodyBytes + outgoing.overheadBytes
    const wasReset =
      !outgoing.isComplete && stream.rstCode !== NGHTTP2_NO_ERROR && stream.rstCode !== NGHTTP2_INTERNAL_ERROR
    if (wasReset && !this.#isLeaving && !this.#resets.take(Date.now()))
      this.#calm('it takes back one request after the other')
  }

  #control(): void {
    if (!this.#isLeaving && !this.#controls.take(Date.now())) this.#calm('too many PING and SETTINGS frames')
  }

  /** Ends the connection of a client that costs too much. */
  #calm(why: string): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    this.sink.calmed(this.owner, why)
    this.#session.destroy(undefined, NGHTTP2_ENHANCE_YOUR_CALM)
  }

  /** The connections of the requests that run; that of the client where there are none. */
  get connections(): Iterable<Conn> {
    if (this.#running.size === 0) return [this.owner]
    return [...this.#running.values()].map(({ connection }) => connection)
  }

  /** Since when its client waits for nothing, in milliseconds; undefined where it does, or is about to be gone. */
  get idleSince(): number | undefined {
    return this.#running.size > 0 || this.#isLeaving || this.#session.destroyed ? undefined : this.#idleSince
  }

  /** Says goodbye: streams that are there are finished, no new ones are taken. */
  leave(): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    this.#idleSince = Date.now()
    if (!this.#session.destroyed) this.#session.close()
  }

  cut(): void {
    this.#session.destroy()
    this.socket.destroy()
  }

  /** To be called now and then. */
  look(now: number): void {
    if (this.#session.destroyed) {
      // Node waits for the client to close its side as well
      if (this.#overSince === 0) this.#overSince = now
      else if (now - this.#overSince >= GOODBYE_MS) this.socket.destroy()
      return
    }
    for (const running of this.#running.values()) this.#lookAtStream(running, now)
    this.#lookedAt = now
    if (this.#running.size === 0) {
      const limit = this.#isLeaving ? GOODBYE_MS : this.hasServed ? this.times.idle : this.times.first
      if (now - this.#idleSince >= limit) {
        if (this.#isLeaving) this.cut()
        else this.leave()
        return
      }
    }
    const { bytesRead, bytesWritten } = this.socket
    let payload = this.#payload
    for (const { incoming, outgoing } of this.#running.values())
      payload += incoming.bytesReceived + outgoing.bodyBytes
    if ((bytesRead + bytesWritten) / OVERHEAD_SHARE > payload + OVERHEAD_FREE_BYTES)
      this.#calm('it sends frames that carry nothing')
  }

  /** A stream that waits for the client and sees nothing of it for too long is cut. */
  #lookAtStream(running: Running<Conn>, now: number): void {
    const { incoming, outgoing, stream } = running
    const readsBody = !incoming.body.complete && incoming.body.flowing
    if (readsBody) {
      running.bodyMs += now - Math.max(this.#lookedAt, running.begun)
      if (running.bodyMs >= this.times.body(incoming.bytesReceived)) {
        this.sink.bodyTimedOut(running.connection)
        incoming.timeOut()
        return
      }
    }
    const waits = readsBody || stream.writableLength > 0
    const moved = incoming.bytesReceived + outgoing.bodyBytes - stream.writableLength
    if (moved !== running.moved || !waits) {
      running.moved = moved
      running.since = now
    }
    this.sink.seen(running.connection, running.since)
    if (now - running.since >= this.times.stream) {
      this.sink.gaveUp(running.connection)
      reset(stream, constants.NGHTTP2_CANCEL)
    }
  }
}

/** Node makes the session when the server hears of a connection. */
function sessionOf(server: Http2Server, socket: Socket): ServerHttp2Session {
  let made: ServerHttp2Session | undefined
  server.once('session', (session) => {
    made = session
  })
  server.emit('connection', socket)
  if (made === undefined) throw new Error('Node made no HTTP/2 session')
  return made
}
