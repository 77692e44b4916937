/**
 * Requests of one listening address: makes a request of what Node has parsed, chooses the virtual host, refuses what may not be, hands the rest
 * to the phases, and sees to what follows a response. See http-server.ts for the server around it.
 * Rules: RFC 9112; httpd's ap_read_request and ap_check_request_header.
 */
import { IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Site } from '../config/site.js'
import type { Logs } from '../log/logs.js'
import { coreServer } from '../modules/core/settings.js'
import { ClientConnection, type Listening } from './connection.js'
import { REGISTERED_METHODS } from './core-methods.js'
import { readHeader } from './header-rules.js'
import { type PhaseTable, stackOf } from './phases.js'
import { fail, processRequest } from './process.js'
import { Request } from './request.js'
import { TimeKeeper } from './timeouts.js'
import { type HostChoice, parseAbsoluteTarget, VhostTable } from './vhost.js'

/** The address of a `Listen` line that the server is for. */
export interface ListenerAddress {
  readonly host: string
  readonly port: number
}

/** A response that knows its request, and tells its front when it is over without the cost of listeners for each response. */
export class HttpResponse extends ServerResponse {
  request: Request | undefined = undefined
  front: Front | undefined = undefined

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (event === 'close' && this.front !== undefined) {
      const { front } = this
      this.front = undefined
      front.over(this)
    }
    // A response whose client is gone complains of each write; `close` tells all there is to know.
    else if (event === 'error' && this.listenerCount('error') === 0) return true
    return super.emit(event, ...values)
  }
}

const connections = new WeakMap<Socket, ClientConnection>()

/** Calls a module's function after the response: what it throws ends neither the connection nor the process. */
function guarded(request: Request, call: (request: Request) => void): void {
  try {
    call(request)
  } catch (error) {
    request.report('core', 'error', `Internal fault at the end of a request: ${stackOf(error)}`, 'WSGH0009')
  }
}

export class Front implements Listening {
  readonly host: string
  readonly port: number
  draining = false
  active = 0
  readonly #vhosts: VhostTable
  readonly #time = new TimeKeeper((connection, status) => this.#refuseUnparsed(connection, status, undefined))

  constructor(
    site: Site,
    private readonly phases: PhaseTable,
    private readonly logs: Pick<Logs, 'errorLogFor'>,
    listener: ListenerAddress,
    server: Server,
  ) {
    this.host = listener.host
    this.port = listener.port
    this.#vhosts = new VhostTable(site)
    server.on('connection', (socket) => this.#connect(socket))
    server.on('request', (incoming, outgoing) => this.#serve(incoming, outgoing as HttpResponse, 0))
    server.on('checkContinue', (incoming, outgoing) => this.#serve(incoming, outgoing as HttpResponse, 100))
    server.on('checkExpectation', (incoming, outgoing) =>
      this.#serve(incoming, outgoing as HttpResponse, 417),
    )
    server.on('connect', (incoming, socket) => this.#refuseTunnel(incoming, socket as Socket))
    server.on('clientError', (error, socket) => this.#parseFailed(error, socket as Socket))
    server.on('close', () => this.#time.stop())
  }

  #connect(socket: Socket): void {
    // Reset by the client before it was accepted: its address is gone, and no access rule could be held against it.
    if (socket.remoteAddress === undefined && socket.localAddress !== undefined) {
      socket.destroy()
      return
    }
    const connection = new ClientConnection(
      socket,
      this,
      this.#vhosts.group(socket.localAddress ?? '', socket.localPort ?? this.port),
    )
    connections.set(socket, connection)
    this.#time.watch(connection)
    socket.once('close', () => {
      connection.waiting = []
    })
  }

  /** @param expectation 0: none; 100: the client waits for `100 Continue`; 417: it expects something else. */
  #serve(incoming: IncomingMessage, outgoing: HttpResponse, expectation: 0 | 100 | 417): void {
    const connection = connections.get(incoming.socket) as ClientConnection
    if (connection.latest !== undefined) {
      // As httpd does: one after the other. Reading stops, or a client could have any number of requests here at once.
      connection.waiting.push(() => this.#serve(incoming, outgoing, expectation))
      incoming.socket.pause()
      return
    }
    const head = readHeader(incoming)
    const target = incoming.url ?? ''
    let { host, status } = head
    let path = target
    let named = false
    if (target.charCodeAt(0) !== 47) {
      const absolute = parseAbsoluteTarget(target)
      if (absolute !== undefined) {
        path = absolute.rest
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

    const request = this.#begin(connection, chosen, incoming, outgoing)
    request.method = incoming.method ?? ''
    request.target = target
    request.protocol = `HTTP/${incoming.httpVersion}`
    request.asksKeepAlive = head.asksKeepAlive
    if (named) request.headersIn.set('Host', host ?? '')
    const mark = path.indexOf('?')
    if (mark < 0) request.path = path
    else {
      request.path = path.slice(0, mark)
      request.query = path.slice(mark + 1)
    }
    request.expectsContinue = expectation === 100
    if (status === 0) status = this.#overLimits(request, chosen, head.count, head.longest)
    if (status === 0 && expectation === 417) status = 417
    if (status === 0) void processRequest(this.phases, request)
    else {
      request.report('core', 'info', `request refused: ${head.why || `status ${status}`}`, 'WSGH0008')
      void fail(request, status)
    }
  }

  /** Makes the request object and everything that follows its response. */
  #begin(
    connection: ClientConnection,
    choice: HostChoice,
    incoming: IncomingMessage,
    outgoing: HttpResponse,
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
    outgoing.request = request
    connection.latest = request
    this.active++
    outgoing.front = this
    return request
  }

  #overLimits(request: Request, choice: HostChoice, count: number, longest: number): number {
    const limits = request.server.settings.get(coreServer)
    const line = request.method.length + request.target.length + request.protocol.length + 2
    if (limits.limitRequestLine > 0 && line > limits.limitRequestLine) return 414
    if (limits.limitRequestFields > 0 && count > limits.limitRequestFields) return 431
    if (limits.limitRequestFieldSize > 0 && longest > limits.limitRequestFieldSize) return 431
    if (request.target.includes('#')) return 400
    if (limits.protocol.registeredMethods && !REGISTERED_METHODS.has(request.method)) return 501
    return limits.strictHostCheck && !choice.named ? 400 : 0
  }

  /** The response is over, one way or the other: the access log, and the connection's next request. */
  over(outgoing: HttpResponse): void {
    const first = outgoing.request as Request
    const request = first.transaction?.last ?? first
    const connection = request.connection as ClientConnection
    this.active--
    if (!outgoing.writableFinished) {
      request.cut = true
      connection.aborted = true
      guarded(request, () => request.onAbort?.())
    }
    for (const log of this.phases.logTransaction) guarded(request, log)
    connection.latest = undefined
    this.#goOn(connection, request)
  }

  /** What comes next on a connection whose response is over. */
  #goOn(connection: ClientConnection, request: Request): void {
    const { socket, waiting, afterwards } = connection
    if (socket.destroyed || socket.writableEnded) return
    const next = waiting.shift()
    if (next !== undefined) {
      next()
      if (waiting.length === 0) socket.resume()
    } else if (afterwards !== undefined) afterwards()
    else this.#time.rest(connection, request.server.settings.get(coreServer).keepAliveTimeout)
  }

  /** Node hands a `CONNECT` over as a bare socket. */
  #refuseTunnel(incoming: IncomingMessage, socket: Socket): void {
    const connection = connections.get(socket)
    if (connection === undefined || connection.latest !== undefined) {
      socket.destroy()
      return
    }
    const outgoing = new HttpResponse(incoming)
    const request = this.#begin(connection, connection.hosts.chooseByPath(''), incoming, outgoing)
    request.method = 'CONNECT'
    request.target = incoming.url ?? ''
    request.protocol = `HTTP/${incoming.httpVersion}`
    if (!request.target.startsWith('/')) request.headersOut.set('Allow', 'GET,POST,OPTIONS,HEAD,TRACE')
    this.#lastWords(outgoing, socket)
    void fail(request, request.target.startsWith('/') ? 400 : 405)
  }

  #parseFailed(error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Socket): void {
    const connection = connections.get(socket)
    if (connection === undefined || socket.destroyed || !socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    // the body of a running request is not what it should be: whoever reads it sees it end too early
    if (connection.latest !== undefined && !connection.latest.incoming.complete) {
      socket.destroy()
      return
    }
    const refuse = (): void => {
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
      this.#refuseUnparsed(connection, status, error.rawPacket, error.message)
    }
    if (connection.latest !== undefined) connection.afterwards = refuse
    else refuse()
  }

  /** Answers what did not become a request, through the same error pages and logs as all others. */
  #refuseUnparsed(connection: ClientConnection, status: number, packet: Buffer | undefined, why = ''): void {
    const { socket } = connection
    if (socket.destroyed || !socket.writable) return
    connection.afterwards = undefined
    const incoming = new IncomingMessage(socket)
    incoming.complete = true
    const outgoing = new HttpResponse(incoming)
    const request = this.#begin(connection, connection.hosts.chooseByPath(''), incoming, outgoing)
    request.rawLine = (packet?.toString('latin1').split(/\r?\n/, 1)[0] ?? '').slice(0, 8192) || '-'
    if (why !== '') request.report('core', 'info', `request refused: ${why}`, 'WSGH0008')
    this.#lastWords(outgoing, socket)
    void fail(request, status)
  }

  /** Sends a response on a connection whose parser is done with it, and closes the connection after it. */
  #lastWords(outgoing: HttpResponse, socket: Socket): void {
    outgoing.shouldKeepAlive = false
    outgoing.assignSocket(socket)
    outgoing.once('finish', () => {
      outgoing.detachSocket(socket)
      socket.destroySoon()
      outgoing.emit('close')
    })
  }
}
