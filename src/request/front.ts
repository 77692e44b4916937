/**
 * Requests of one listening address: takes what a protocol has read (src/http/), chooses the virtual host, refuses what may not be, hands the rest
 * to the phases, and sees to what follows a response. See http-server.ts for the server around it.
 * Rules: RFC 9112; httpd's ap_read_request and ap_check_request_header.
 */
import type { Socket } from 'node:net'
import type { Site } from '../config/site.js'
import { Http1Connection, type Http1Sink } from '../http/http1/connection.js'
import type { Http2Sink } from '../http/http2/connection.js'
import { whenPreface } from '../http/http2/preface.js'
import type { IncomingMessage, OutgoingMessage } from '../http/message.js'
import type { Ends } from '../http/proxy-protocol.js'
import { serverRecord } from '../log/error-log.js'
import type { Logs } from '../log/logs.js'
import { coreServer } from '../modules/core/settings.js'
import { type AsidePaths, asidePaths, isAside } from './aside.js'
import { ClientConnection, type Listening } from './connection.js'
import { REGISTERED_METHODS } from './core-methods.js'
import { type HeaderFacts, overlong, overlongTogether, readHeader } from './header-rules.js'
import { Http2Connections } from './http2-connections.js'
import { type PhaseTable, stackOf } from './phases.js'
import { fail, processRequest } from './process.js'
import { readRefusedLine } from './refused-line.js'
import { Request } from './request.js'
import type { RequestSlots } from './request-slots.js'
import { makeRoom } from './room.js'
import { reportSilence, reportSlowBody, TimeKeeper, Watched } from './timeouts.js'
import { type HostChoice, type HostGroup, parseAbsoluteTarget, VhostTable } from './vhost.js'

/** The address of a `Listen` line that the server is for. */
export interface ListenerAddress {
  readonly host: string
  readonly port: number
}

/** Most that is gathered for one header; the limits proper are per virtual host and checked afterwards. */
const HEADER_MAX_BYTES = 1024 * 1024
const HEADER_MIN_BYTES = 16 * 1024

/** How much of a line that is no request the error log shows; the access log has it whole. */
const SHOWN_LINE_CHARACTERS = 256

const CROWDED = 'MaxRequestWorkers are at work, and as many wait as may'

/** How often it is told that there are too many connections. */
const CROWDED_EVERY_MS = 60_000

/** Calls a module's function after the response: what it throws ends neither the connection nor the process. */
function guarded(request: Request, call: (request: Request) => void): void {
  try {
    call(request)
  } catch (error) {
    request.report('core', 'error', `Internal fault at the end of a request: ${stackOf(error)}`, 'WSGH0009')
  }
}

export class Front implements Listening, Http1Sink<ClientConnection>, Http2Sink<ClientConnection> {
  readonly host: string
  readonly port: number
  draining = false
  readonly #vhosts: VhostTable
  readonly #time = new TimeKeeper(() => this.#makeRoom())
  readonly #http2 = new Http2Connections(
    this,
    () => this.draining,
    () => this.#makeRoom(),
  )
  readonly #headerMaxBytes: number
  readonly #asidePaths: AsidePaths
  #crowdedAt = 0

  constructor(
    private readonly site: Site,
    private readonly phases: PhaseTable,
    private readonly logs: Pick<Logs, 'errorLogFor'>,
    listener: ListenerAddress,
    /** Where the number of requests in progress is limited; shared by all fronts of the worker. */
    private readonly slots?: RequestSlots,
  ) {
    this.host = listener.host
    this.port = listener.port
    this.#vhosts = new VhostTable(site)
    this.#headerMaxBytes = headerMaxBytes(site)
    this.#asidePaths = asidePaths(site)
  }

  /** A connection has been accepted: HTTP/1 on a socket of any kind. */
  accept(socket: Socket): void {
    // Reset by the client before it was accepted: its address is gone, and no access rule could be held against it.
    if (socket.remoteAddress === undefined && socket.localAddress !== undefined) {
      socket.destroy()
      return
    }
    const connection = new ClientConnection(socket, this, this.groupOf(socket))
    const [first] = connection.hosts.servers
    if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') this.#http2.accept(socket, connection)
    else if (first !== undefined && connection.tls === undefined && this.#http2.isDirect(first))
      whenPreface(
        socket,
        this.#http2.prefaceMs(first),
        () => this.#http2.accept(socket, connection),
        () => this.#speakHttp1(socket, connection),
      )
    else this.#speakHttp1(socket, connection)
  }

  #speakHttp1(socket: Socket, connection: ClientConnection): void {
    connection.http = new Http1Connection(socket, this, connection, this.#headerMaxBytes)
    this.#time.watch(connection)
  }

  #makeRoom(): void {
    const now = Date.now()
    makeRoom([...this.#time.idle(now), ...this.#http2.idle(now)])
    if (now - this.#crowdedAt < CROWDED_EVERY_MS) return
    this.#crowdedAt = now
    const message =
      'Too many connections for the descriptors that this process may have: idle ones are closed early. A higher limit helps (ulimit -n, LimitNOFILE= of systemd).'
    this.logs.errorLogFor(this.site.main).server('core', 'warn', message, 'WSGH0017')
  }

  /** See {@link Http2Sink}: what is set on it stays there, all else is the connection's. */
  forStream(connection: ClientConnection): ClientConnection {
    connection.keepAliveMs ??= connection.hosts.servers[0]?.settings.get(coreServer).keepAliveTimeout
    return Object.create(connection) as ClientConnection
  }

  seen(connection: ClientConnection, since: number): void {
    // the connection's own notes are on its prototype
    if (!Object.hasOwn(connection, 'watched') || connection.watched === undefined)
      connection.watched = new Watched()
    connection.watched.request = connection.latest
    connection.watched.since = since
  }

  left({ latest }: ClientConnection): void {
    const request = latest?.transaction?.last
    request?.told?.clientLeft()
  }

  bodyTimedOut({ latest }: ClientConnection): void {
    if (latest !== undefined) reportSlowBody(latest)
  }

  gaveUp(connection: ClientConnection): void {
    if (connection.latest !== undefined) reportSilence(connection.latest)
    connection.aborted = true
  }

  calmed(connection: ClientConnection, why: string): void {
    const [server] = connection.hosts.servers
    if (server === undefined) return
    const message = `HTTP/2 connection ended: ${why}`
    serverRecord(this.logs.errorLogFor(server), {
      module: 'http2',
      level: 'info',
      code: 'WSGH0011',
      message,
      connection,
    })
  }

  /** The virtual hosts of the address that a client has connected to. */
  groupOf(socket: Ends): HostGroup {
    return this.#vhosts.group(socket.localAddress ?? '', socket.localPort ?? this.port)
  }

  stop(): void {
    this.#time.stop()
    this.#http2.stop()
  }

  get connections(): Iterable<ClientConnection> {
    return [...this.#time.connections, ...this.#http2.connections]
  }

  cutConnections(): void {
    this.#time.cutAll()
    this.#http2.cutAll()
  }

  /** See {@link import('../http/message.js').MessageSink.serve}. */
  serve(connection: ClientConnection, incoming: IncomingMessage, outgoing: OutgoingMessage): void {
    const { slots } = this
    if (slots === undefined || slots.enter()) this.#serve(connection, incoming, outgoing, 0, true)
    else if (this.#isAside(connection, incoming, outgoing))
      this.#serve(connection, incoming, outgoing, 0, false)
    else {
      const start = () => this.#serve(connection, incoming, outgoing, 0, true)
      // who is refused takes no place, but gives none back either
      if (!slots.wait({ start, isGone: () => outgoing.isOver }))
        this.#serve(connection, incoming, outgoing, 503, false)
    }
  }

  /** Whether it need not wait for a place. Only asked when none is free. */
  #isAside(connection: ClientConnection, incoming: IncomingMessage, outgoing: OutgoingMessage): boolean {
    if (this.#asidePaths.size === 0) return false
    const [path = ''] = incoming.target.split('?', 1)
    const { host } = readHeader(incoming, outgoing.hasConnectionFields)
    const choice = host === undefined ? connection.hosts.chooseByPath(path) : connection.hosts.choose(host)
    return choice !== undefined && isAside(this.#asidePaths, choice.server, incoming.method, path)
  }

  /**
   * @param refused a status that the request gets whatever it is; 0: none
   * @param holdsSlot it has a place that others wait for
   */
  #serve(
    connection: ClientConnection,
    incoming: IncomingMessage,
    outgoing: OutgoingMessage,
    refused: number,
    holdsSlot: boolean,
  ): void {
    const head = readHeader(incoming, outgoing.hasConnectionFields)
    const { target } = incoming
    let { host, status } = head
    let path = target
    let named = false
    if (target.charCodeAt(0) !== 47) {
      const absolute = parseAbsoluteTarget(target)
      if (absolute !== undefined) {
        path = absolute.rest
        if (!absolute.isOurs && status === 0) status = 400
        // a target of the other scheme says nothing about this connection's hosts
        if (absolute.scheme === (connection.secure ? 'https' : 'http') && host !== undefined) {
          host = absolute.authority
          named = true
        }
      }
    }
    const choice = host === undefined ? connection.hosts.chooseByPath(path) : connection.hosts.choose(host)
    const chosen = choice ?? connection.hosts.chooseByPath('')
    if (choice === undefined && status === 0) status = 400

    const request = this.#begin(connection, chosen, incoming, outgoing, holdsSlot)
    request.method = incoming.method
    request.target = target
    request.protocol = incoming.version === '1.1' ? 'HTTP/1.1' : `HTTP/${incoming.version}`
    request.asksKeepAlive = head.asksKeepAlive
    if (named) request.headersIn.set('Host', host ?? '')
    setUrl(request, path)
    request.expectsContinue = head.expectation === 'continue'
    if (request.method === 'CONNECT') status = refuseTunnel(request)
    if (refused !== 0) status = refused
    let over: Excess | undefined
    if (status === 0) {
      over = overLimits(request, head)
      status = over === undefined ? this.#overRules(request, chosen) : over.status
    }
    if (status === 0 && head.expectation === 'unknown') status = 417
    if (status === 0) void processRequest(this.phases, request)
    else {
      const why = refused === 503 ? CROWDED : (over?.why ?? (head.why || `status ${status}`))
      request.report('core', 'info', `request refused: ${why}`, over?.code ?? 'WSGH0008')
      void fail(request, status)
    }
  }

  /** Answers what did not become a request, through the same error pages and logs as all others. */
  refuse(
    connection: ClientConnection,
    incoming: IncomingMessage,
    outgoing: OutgoingMessage,
    status: number,
    line: string,
    why: string,
  ): void {
    const request = this.#begin(connection, connection.hosts.chooseByPath(''), incoming, outgoing, false)
    const { method, target, protocol } = readRefusedLine(line)
    request.rawLine = line.slice(0, 8192) || '-'
    request.method = method
    request.target = target
    request.protocol = protocol
    setUrl(request, target)
    const shown = line === '' ? '' : `: ${line.slice(0, SHOWN_LINE_CHARACTERS)}`
    request.report('core', 'info', `request refused: ${why}${shown}`, 'WSGH0008')
    void fail(request, status)
  }

  /** The connection waits for another request. */
  rests(connection: ClientConnection): void {
    this.#time.rest(connection)
  }

  /** The connection is closed. */
  gone(connection: ClientConnection): void {
    this.#time.forget(connection)
  }

  /** Makes the request object and everything that follows its response. */
  #begin(
    connection: ClientConnection,
    choice: HostChoice,
    incoming: IncomingMessage,
    outgoing: OutgoingMessage,
    holdsSlot: boolean,
  ): Request {
    const request = new Request(
      connection,
      choice.server,
      incoming,
      outgoing,
      this.logs.errorLogFor(choice.server),
    )
    request.hostname = choice.hostname
    request.hostPort = choice.port
    request.transaction = { last: request, phases: this.phases }
    request.dispatch = this.phases.dispatch
    connection.latest = request
    outgoing.whenOver = () => this.#over(connection, request, outgoing, holdsSlot)
    return request
  }

  #overRules(request: Request, choice: HostChoice): number {
    const limits = request.server.settings.get(coreServer)
    if (request.target.includes('#')) return 400
    if (limits.protocol.registeredMethods && !REGISTERED_METHODS.has(request.method)) return 501
    return limits.strictHostCheck && !choice.named ? 400 : 0
  }

  /** The response is over, one way or the other: the access log. */
  #over(connection: ClientConnection, first: Request, outgoing: OutgoingMessage, holdsSlot: boolean): void {
    const request = first.transaction?.last ?? first
    request.headerBytesSent = outgoing.overheadBytes
    if (!outgoing.isComplete) {
      request.cut = true
      connection.aborted = true
      guarded(request, () => request.onAbort?.())
    }
    for (const log of this.phases.logTransaction) guarded(request, log)
    connection.latest = undefined
    connection.keepAliveMs = request.server.settings.get(coreServer).keepAliveTimeout
    if (holdsSlot) this.slots?.leave()
  }
}

function setUrl(request: Request, path: string): void {
  const mark = path.indexOf('?')
  if (mark < 0) request.path = path
  else {
    request.path = path.slice(0, mark)
    request.query = path.slice(mark + 1)
  }
}

/** What of a request is beyond a limit, in httpd's words. */
interface Excess {
  readonly status: number
  readonly why: string
  readonly code: string
}

function overLimits(request: Request, { count, longest, total }: Readonly<HeaderFacts>): Excess | undefined {
  const limits = request.server.settings.get(coreServer)
  const line = request.method.length + request.target.length + request.protocol.length + 2
  const lineMax = limits.limitRequestLine
  if (lineMax > 0 && line > lineMax) {
    const why = `client's request-line exceeds LimitRequestLine (longer than ${lineMax})`
    return { status: 414, why, code: 'AH00565' }
  }
  if (limits.limitRequestFields > 0 && count > limits.limitRequestFields)
    return { status: 431, why: 'Number of request headers exceeds LimitRequestFields', code: 'AH00563' }
  const fieldMax = limits.limitRequestFieldSize
  if (fieldMax === 0 || total <= fieldMax) return undefined
  const { rawHeaders } = request.incoming
  if (longest > fieldMax) {
    const name = overlong(rawHeaders, fieldMax)
    return { status: 431, why: `Request header exceeds LimitRequestFieldSize: ${name}`, code: 'AH00561' }
  }
  const name = overlongTogether(rawHeaders, fieldMax)
  if (name === undefined) return undefined
  return {
    status: 400,
    why: `Request header exceeds LimitRequestFieldSize after merging: ${name}`,
    code: 'AH00560',
  }
}

/** `CONNECT` is for forward proxies, which this server is none of. */
function refuseTunnel(request: Request): number {
  if (request.target.startsWith('/')) return 400
  request.headersOut.set('Allow', 'GET,POST,OPTIONS,HEAD,TRACE')
  return 405
}

function headerMaxBytes(site: Site): number {
  let most = HEADER_MIN_BYTES
  for (const { settings } of [site.main, ...site.virtualHosts]) {
    const { limitRequestLine, limitRequestFields, limitRequestFieldSize } = settings.get(coreServer)
    const all = limitRequestLine + (limitRequestFields || 1000) * limitRequestFieldSize
    most = Math.max(most, all || HEADER_MAX_BYTES)
  }
  return Math.min(most, HEADER_MAX_BYTES)
}
