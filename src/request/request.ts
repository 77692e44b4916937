/**
 * One request on its way through the phases: httpd's `request_rec`. Subrequests and internal redirects are requests of their own on the same
 * connection. Redirects have one table of header fields with the request they came from, subrequests a copy of it.
 */
import type { Stats } from 'node:fs'
import type { Settings } from '../config/settings.js'
import type { ServerConfig } from '../config/site.js'
import type { IncomingMessage, OutgoingMessage } from '../http/message.js'
import type { ErrorLog, Level, SystemError } from '../log/error-log.js'
import type { Outcome } from '../modules/module.js'
import { variable } from '../modules/variables.js'
import type { GroupCounts } from '../status/counts.js'
import type { TlsSession } from '../tls/session.js'
import { HeaderTable } from './headers.js'
import type { PhaseTable } from './phases.js'
import type { Anchor } from './walk/anchor.js'

/** What is known about a client connection; one object for all its requests. */
export interface Connection {
  /** Unique in this server worker's life, for `%{c}L`. */
  readonly id: string
  /** The client's. */
  readonly remoteAddress: string
  /** Whom the socket is connected to, where that is a proxy and not the client. */
  readonly peerAddress?: string
  /** The client's host name, once somebody has looked it up. */
  remoteHost?: string | undefined
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  readonly secure: boolean
  /** What TLS tells of it; undefined where it is plain. */
  readonly tls?: TlsSession | undefined
  /** Plain HTTP where TLS is spoken. */
  readonly plainOnTls?: boolean
  /** The address and port of the `Listen` line (host may be empty). */
  readonly listenerHost: string
  readonly listenerPort: number
  /** Requests already answered on this connection. */
  keepalives: number
  /** The client closed or reset the connection. */
  aborted: boolean
  /** No request after the one at hand: the server is going away. */
  readonly closing?: boolean
  /** What the time-keeper has seen last: the request at hand, the first of its chain, and since when nothing has moved between it and the client. */
  readonly watched?: { readonly request: Request | undefined; readonly since: number } | undefined
  /** What the WSGI gateway keeps of the environ for the next request (wsgi/environ.ts). */
  environ?: unknown
}

/** What all requests of one chain of internal redirects share: there is one response, and one line in the access log. */
export interface Transaction {
  /** The request whose response is sent; the last of the chain. */
  last: Request
  readonly phases: PhaseTable
}

/** What drives requests through the phases offers this to modules (mod_dir, mod_negotiation, mod_autoindex). */
export interface Dispatch {
  /**
   * Takes another URL through translation, access control and type checking, up to fixups, on behalf of `request`; nothing is sent.
   * @param url relative to the URL of `request` or absolute, escaped as in a link, with a query or without.
   * @returns a request whose `main` is `request` and whose `status` is 200, or what ended the look-up.
   */
  lookUp(request: Request, url: string): Request | Promise<Request>
  /**
   * Asks whether the client may have a file, as {@link lookUp} does for a URL but without translation.
   * @param filename absolute
   */
  lookUpFile(request: Request, filename: string): Request | Promise<Request>
  /**
   * Goes on with another URL of this server in place of the request's own (an internal redirect). For handlers.
   * @param url a path, escaped, with a query or without
   */
  redirect(request: Request, url: string): Outcome | Promise<Outcome>
  /** Sends a response whose body is there as a whole; strings are latin-1. A handler answers `'done'` afterwards. */
  send(request: Request, body: Uint8Array | string): void
}

const NO_FILTERS: readonly string[] = []

/** Whoever has an application answer a request. */
export interface Told {
  /** The variables that the application is given. */
  variables(): ReadonlyMap<string, string>
  /** The client has closed its side of the connection, and may still read. */
  clientLeft(): void
  /** Where the request is counted. */
  readonly counts?: GroupCounts
}

export class Request {
  // what came in
  method = 'GET'
  /** `HTTP/1.1`. */
  protocol = 'HTTP/1.1'
  /** The request target exactly as sent: REQUEST_URI. */
  target = ''
  /** The request line as sent, for `%r`. */
  get requestLine(): string {
    return this.rawLine ?? `${this.method} ${this.target} ${this.protocol}`
  }
  /** The request line of what could not be parsed. */
  rawLine: string | undefined = undefined
  /** The decoded, normalised URL path; as sent until the request's URL has been looked at. */
  path = '/'
  /** Without `?`; undefined where the target has none. */
  query: string | undefined = undefined
  /** The host name asked for: lower case, without port; empty where none was given. */
  hostname = ''
  /** The port written in `Host`, 0 where there is none. */
  hostPort = 0
  /** Milliseconds since the epoch at which the request's header was complete. */
  readonly startedAt: number = Date.now()
  /** The same moment on `process.hrtime`'s clock, in nanoseconds. */
  readonly startedNs: bigint = process.hrtime.bigint()

  // where it goes
  server: ServerConfig
  /** Per-directory settings as merged so far; the server's defaults until the walks are done. */
  dir: Settings
  /** The file the URL maps to, or `proxy:…`-like text of a module's own. */
  filename = ''
  /** URL prefix and directory of the `Alias` that mapped this request, as written: CONTEXT_PREFIX and CONTEXT_DOCUMENT_ROOT. */
  contextPrefix: string | undefined = undefined
  contextDocumentRoot: string | undefined = undefined
  /** What `filename` is; undefined: nothing there. */
  finfo: Stats | undefined = undefined
  /** Where that file has to lie when it is opened, by the rules on symbolic links. */
  anchor: Anchor | undefined = undefined
  /** What follows the file in the URL path. */
  pathInfo = ''
  /** `path` and `pathInfo` have the slashes that the client sent, and applications get them like that. */
  keepsSlashes = false
  /** What the module that translated the URL keeps for its own handler (the `WSGIScriptAlias` that matched). */
  translation: unknown = undefined
  /** Name of the handler that makes the response. */
  handler: string | undefined = undefined
  contentType: string | undefined = undefined
  contentEncoding: string[] = []
  contentLanguages: string[] = []
  charset: string | undefined = undefined
  /** Filters that the file's extensions ask for (`AddOutputFilter`), upper case. */
  extensionFilters: readonly string[] = NO_FILTERS
  user: string | undefined = undefined
  authType: string | undefined = undefined

  #env: Map<string, string> | undefined
  #notes: Map<string, string> | undefined

  // what goes out
  status = 200
  /** Reason phrase; empty for the standard one. */
  reason = ''
  /** `Server` of a response that another server has made; undefined: this one's. */
  originServer: string | undefined = undefined
  /** Sent with the handler's own response. */
  headersOut = new HeaderTable()
  /** Sent with every response, error pages included. */
  errHeadersOut = new HeaderTable()
  /** True once the header has been handed to the connection. */
  headersSent = false
  /** Body bytes handed to the connection. */
  bytesSent = 0
  // for logs only; undefined where whoever could know does not tell
  /** Bytes received for this request, header included: `%I`. */
  bytesReceived: number | undefined = undefined
  /** Bytes of the response that are not in `bytesSent` (header, chunk marks): `%O`. */
  headerBytesSent: number | undefined = undefined
  /** Microseconds from `startedAt` until the first byte of the response was handed over: `%^FB`. */
  firstByteMicros: number | undefined = undefined
  /** Sent after the body: `%{name}^to`. */
  trailersOut: HeaderTable | undefined = undefined
  /** Values of TLS variables such as `SSL_PROTOCOL`: `%{name}x`. */
  tlsVariable: ((name: string) => string | undefined) | undefined = undefined
  /** The response was cut short (client gone, or the application failed after its headers were sent). */
  cut = false

  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue = false
  /** Asks the client for the body; to be called when the body is first read, harmless when nobody waits. */
  sendContinue(): void {
    if (!this.expectsContinue) return
    this.expectsContinue = false
    this.outgoing.writeContinue()
  }
  /** Called when the connection ends before the response is complete. For the handler. */
  onAbort: (() => void) | undefined = undefined
  /** The client asked for `Connection: keep-alive` by name. */
  asksKeepAlive = false

  /** The response is a built-in page: what is set for successful responses alone does not concern it. */
  isBuiltInPage = false

  /** Set by whoever drives this request; shared by a chain of internal redirects. */
  transaction: Transaction | undefined = undefined
  /** Set by whoever drives this request, before the first phase. */
  dispatch: Dispatch | undefined = undefined
  /** The request that was internally redirected to this one. */
  prev: Request | undefined = undefined
  /** The request that this one is a subrequest of (a look-up only, nothing is sent). */
  main: Request | undefined = undefined

  #id: string | undefined

  constructor(
    /** mod_remoteip puts one in its place that names another client. */
    public connection: Connection,
    server: ServerConfig,
    /** The protocol's side of it, shared by the whole chain of internal redirects. */
    readonly incoming: IncomingMessage,
    readonly outgoing: OutgoingMessage,
    readonly log: ErrorLog,
    /** Request header fields as they came, and as modules have changed them since; shared by a chain of internal redirects. */
    readonly headersIn = HeaderTable.from(incoming.rawHeaders),
  ) {
    this.server = server
    this.dir = server.dir
  }

  /** Variables: `SetEnv`, `SetEnvIf`, `PassEnv`, `REDIRECT_…`. */
  get env(): Map<string, string> {
    this.#env ??= new Map()
    return this.#env
  }

  /** Whether any variable is set; spares {@link env} where there is none. */
  get hasEnv(): boolean {
    return this.#env !== undefined && this.#env.size > 0
  }

  /** What the handler tells an application of this request. */
  told: Told | undefined = undefined

  /**
   * The value of a variable for logs and headers: httpd has what a handler tells an application (ap_add_cgi_vars) in the same table as the variables of
   * `SetEnv` and its kin. Names that differ in case only are the same.
   */
  variable(name: string): string | undefined {
    const told = this.told && variable(this.told.variables(), name)
    return told ?? (this.hasEnv ? variable(this.env, name) : undefined)
  }

  /** Messages between modules. */
  get notes(): Map<string, string> {
    this.#notes ??= new Map()
    return this.#notes
  }

  /** Unique id for `%L`, made when first asked for. */
  get id(): string {
    this.#id ??= this.prev?.id ?? this.main?.id ?? newRequestId()
    return this.#id
  }

  /** The id, if anybody has asked for it yet. */
  get idIfAny(): string | undefined {
    return this.#id ?? this.prev?.idIfAny ?? this.main?.idIfAny
  }

  /** The first request of a chain of internal redirects. */
  get original(): Request {
    let request: Request = this
    while (request.prev !== undefined) request = request.prev
    return request
  }

  /**
   * Goes on as what a look-up of its own found (httpd's fast internal redirect): file, handler, type and settings are taken over, the
   * request target stays. Variables, notes and response headers of the other are laid over those of this one.
   */
  adopt(found: Request): void {
    this.path = found.path
    this.query = found.query
    this.dir = found.dir
    this.filename = found.filename
    this.contextPrefix = found.contextPrefix
    this.contextDocumentRoot = found.contextDocumentRoot
    this.finfo = found.finfo
    this.anchor = found.anchor
    this.pathInfo = found.pathInfo
    this.translation = found.translation
    this.handler = found.handler
    this.contentType = found.contentType
    this.contentEncoding = found.contentEncoding
    this.contentLanguages = found.contentLanguages
    this.charset = found.charset
    this.extensionFilters = found.extensionFilters
    this.user = found.user
    this.authType = found.authType
    for (const [name, value] of found.env) this.env.set(name, value)
    for (const [name, value] of found.notes) this.notes.set(name, value)
    found.headersOut.each((name, value) => {
      this.headersOut.set(name, value)
    })
    found.errHeadersOut.each((name, value) => {
      this.errHeadersOut.set(name, value)
    })
  }

  /**
   * Writes to this virtual host's error log with the request's decoration, if `module` logs at this level here.
   * @param cause what failed underneath, which is told in front of the message
   */
  report(module: string, level: Level, message: string, code = '', cause?: SystemError): void {
    this.log.request(this, module, level, message, code, cause)
  }
}

let counter = 0
/** Tells this process from others, and from earlier ones with its number. */
const PROCESS = `${process.pid.toString(36)}.${Date.now().toString(36)}.`

function newRequestId(): string {
  return PROCESS + (++counter).toString(36)
}
