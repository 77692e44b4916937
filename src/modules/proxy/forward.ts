/** The handler `proxy-server`: sends the request to its backend and the response to the client, both as they arrive. */
import type { IncomingMessage as BackendResponse, ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import {
  brokenBodyStatus,
  declaredBodyLength,
  hasBody,
  readBody,
  refuseDeclaredBody,
} from '../../request/body.js'
import type { Request } from '../../request/request.js'
import { openBody } from '../../request/response.js'
import { productText } from '../../request/server-tokens.js'
import { coreServer } from '../core/settings.js'
import type { Outcome } from '../module.js'
import { selfNameOf, selfOrigin } from '../self-url.js'
import { type Backend, backendOf } from './backend.js'
import { faultOf } from './fault.js'
import { endToEnd, requestFields } from './fields.js'
import { PROXY_HANDLER, type ProxyTarget, targetOf } from './mapping.js'
import { reverseCookie, reverseUrl } from './reverse.js'
import { proxyDir, proxyServer } from './settings.js'
import { proxyTls } from './tls-settings.js'
import { tunnel } from './tunnel.js'

/** Methods that may be sent again on a fresh connection (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'])
/** Headers that hold URLs of the backend. */
const URL_FIELDS = new Set(['location', 'content-location', 'uri', 'destination'])

export function forward(request: Request): Outcome | Promise<Outcome> {
  if (request.handler !== PROXY_HANDLER) return undefined
  let target: ProxyTarget
  try {
    target = targetOf(request)
  } catch (error) {
    request.report('proxy', 'error', `${(error as Error).message}`)
    return 500
  }
  if (request.method === 'CONNECT' || request.method === 'TRACE') return 405
  if (hasBody(request) && refuseDeclaredBody(request) !== undefined) return 413
  const tls = request.dir.get(proxyTls)
  if (target.backend.tls && !tls.engine) {
    const { authority, host } = target.backend
    request.report(
      'proxy',
      'error',
      `https: failed to enable ssl support for ${authority} (${host}) [Hint: SSLProxyEngine]`,
      'AH00961',
    )
    return 500
  }
  const backend = backendOf(target.backend, tls)
  if (backend.rests) {
    request.report('proxy', 'error', `HTTP: disabled connection for (${target.backend.host})`, 'AH00940')
    return 503
  }
  return new Promise((resolve) => new Forwarding(request, backend, target, resolve).start())
}

class Forwarding {
  #connected = false
  #late = false
  #settled = false
  #again = true
  #timer: NodeJS.Timeout | undefined
  /** The connection to the backend, as long as it is ours. */
  #socket: Socket | undefined
  #response: BackendResponse | undefined
  readonly #upgrade: string | undefined
  readonly #hasBody: boolean

  constructor(
    private readonly request: Request,
    private readonly backend: Backend,
    private readonly target: ProxyTarget,
    private readonly resolve: (outcome: Outcome) => void,
  ) {
    const asked = request.headersIn.get('Upgrade')
    const allowed = backend.plan.upgrade
    this.#upgrade =
      asked !== undefined && (allowed === 'any' || asked.toLowerCase() === allowed) ? asked : undefined
    this.#hasBody = hasBody(request)
  }

  start(): void {
    const { request, backend, target } = this
    const connectMs = (backend.plan.connectTimeout ?? this.#silence()) * 1000
    const sent = backend.open(request.method, target.path, this.#fields(), connectMs)
    request.onAbort = () => {
      this.#settle('done')
      sent.destroy()
    }
    this.#watch(sent)
    sent.on('response', (response) => this.#respond(response))
    sent.on('upgrade', (response, socket, received) => {
      this.#finish()
      backend.answered()
      const to = response.headers.upgrade
      if (this.#upgrade === undefined || to?.toLowerCase() !== this.#upgrade.toLowerCase()) {
        const expected = this.#upgrade ?? 'n/a'
        request.report(
          'proxy',
          'error',
          `Unexpected Upgrade: ${to ?? 'n/a'} (expecting ${expected})`,
          'AH10239',
        )
        socket.destroy()
        return this.#settle(502)
      }
      this.#takeFields(response)
      request.reason = response.statusMessage ?? ''
      this.#settle(tunnel(request, this.#upgrade, { socket, received }, this.#silence()))
    })
    sent.on('error', (error: NodeJS.ErrnoException) => this.#failed(sent, error))
    if (this.#hasBody) this.#sendBody(sent)
    else sent.end()
  }

  #fields(): string[] {
    const { request, backend } = this
    const { plan } = backend
    const dir = request.dir.get(proxyDir)
    const { via } = request.server.settings.get(proxyServer)
    const self = selfNameOf(request)
    const host = request.headersIn.get('Host')
    const name = self.port === 80 ? self.host : `${self.host}:${self.port}`
    const version = request.protocol.slice('HTTP/'.length)
    return requestFields(request.headersIn.fields, {
      method: request.method,
      host: (dir.preserveHost ? host : undefined) ?? plan.authority,
      client: dir.addHeaders
        ? {
            address: request.connection.remoteAddress,
            host,
            server: request.server.settings.get(coreServer).serverName?.host ?? self.host,
          }
        : undefined,
      via:
        via === 'on'
          ? `${version} ${name}`
          : via === 'full'
            ? `${version} ${name} (${productText('Min')})`
            : undefined,
      dropVia: via === 'block',
      body: this.#hasBody ? (declaredBodyLength(request) ?? 'chunked') : undefined,
      upgrade: this.#upgrade,
      keepAlive: plan.reuse,
    })
  }

  /** Seconds that a backend may be silent. */
  #silence(): number {
    const server = this.request.server.settings
    return this.backend.plan.timeout ?? server.get(proxyServer).timeout ?? server.get(coreServer).timeout
  }

  /** Two watches: one for the connection, then one for silence on it. */
  #watch(sent: ClientRequest): void {
    const { plan } = this.backend
    const late = (): void => {
      this.#late = true
      sent.destroy(new Error('timeout'))
    }
    // all connections that the backend may have are in use
    if (plan.acquire !== undefined) this.#timer = setTimeout(() => this.#giveUpWaiting(sent), plan.acquire)
    sent.on('socket', (socket) => {
      clearTimeout(this.#timer)
      const ready = (): void => {
        clearTimeout(this.#timer)
        this.#connected = true
        this.#socket = socket
        this.#watchSilence()
        socket.once('timeout', late)
      }
      if (socket.connecting) {
        // with TLS it is given to us when it is ready
        socket.once('connect', ready)
        this.#timer = setTimeout(late, (plan.connectTimeout ?? this.#silence()) * 1000)
      } else ready()
      sent.once('close', () => {
        clearTimeout(this.#timer)
        socket.off('timeout', late)
        if (this.#socket === socket) this.#socket = undefined
      })
    })
  }

  /**
   * Counts the backend's silence from now on, or not while it is the client that is waited for, to send or to read: it has time limits of its own.
   * To be called whenever that changes.
   */
  #watchSilence(): void {
    const isClientsTurn = this.request.incoming.body.flowing || this.#response?.isPaused() === true
    this.#socket?.setTimeout(isClientsTurn ? 0 : this.#silence() * 1000)
  }

  #giveUpWaiting(sent: ClientRequest): void {
    const { request, backend } = this
    request.report('proxy', 'error', `all connections to ${backend.plan.key} are in use`, 'AH00955')
    this.#settle(503)
    sent.destroy()
  }

  #sendBody(sent: ClientRequest): void {
    // what has been sent of a body cannot be sent again
    this.#again = false
    const { body } = this.request.incoming
    readBody(this.request, {
      onData: (chunk) => {
        if (!sent.write(chunk) && !sent.destroyed) {
          body.pause()
          this.#watchSilence()
          sent.once('drain', () => {
            body.resume()
            this.#watchSilence()
          })
        }
      },
      onEnd: () => {
        sent.end()
        this.#watchSilence()
      },
      onFault: (fault) => {
        this.#settle(fault === 'limit' ? 413 : brokenBodyStatus(this.request))
        sent.destroy()
      },
    })
  }

  #respond(response: BackendResponse): void {
    const { request, backend } = this
    backend.answered()
    this.#finish()
    const status = response.statusCode ?? 502
    const override = request.dir.get(proxyDir).errorOverride
    this.#takeFields(response)
    if (override !== undefined && (override === 'all' ? status >= 400 : override.has(status))) {
      // what the client has to answer is the backend's question
      const question = request.headersOut.get('WWW-Authenticate')
      if (status === 401 && question !== undefined) request.errHeadersOut.set('WWW-Authenticate', question)
      response.resume()
      this.#settle(status)
      return
    }
    request.status = status
    request.reason = response.statusMessage ?? ''
    this.#response = response
    const writer = openBody(request)
    response.on('data', (chunk: Buffer) => {
      if (writer.write(chunk)) return
      response.pause()
      this.#watchSilence()
    })
    writer.onDrain(() => {
      response.resume()
      this.#watchSilence()
    })
    response.on('end', () => {
      if (!response.complete) return
      writer.end()
      this.#settle('done')
    })
    response.on('close', () => {
      // it broke off, and not because the client has left
      if (response.complete || this.#settled) return
      request.report(
        'proxy_http',
        'error',
        `Error reading from remote server returned by ${request.path}`,
        'AH00898',
      )
      writer.cut()
      this.#settle('done')
    })
    response.on('error', () => {})
  }

  /** The backend's fields as clients shall see them. */
  #takeFields(response: BackendResponse): void {
    const { request } = this
    const { reverse, cookiePaths, cookieDomains } = request.dir.get(proxyDir)
    const origin = selfOrigin(request)
    const out = request.headersOut
    const fields = endToEnd(response.rawHeaders)
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] as string
      const value = fields[at + 1] as string
      const lower = name.toLowerCase()
      if (lower === 'server') request.originServer = value
      else if (URL_FIELDS.has(lower)) out.add(name, reverseUrl(value, reverse, origin) ?? value)
      else if (lower === 'set-cookie') out.add(name, reverseCookie(value, cookiePaths, cookieDomains))
      else if (lower === 'content-type') {
        out.set(name, value)
        request.contentType = value
      } else out.add(name, value)
    }
  }

  #failed(sent: ClientRequest, error: NodeJS.ErrnoException): void {
    const { request, backend } = this
    if (this.#settled) return
    // The backend closed a kept connection at the moment we used it: it has not seen the request.
    if (this.#again && sent.reusedSocket && error.code === 'ECONNRESET' && IDEMPOTENT.has(request.method)) {
      this.#again = false
      this.start()
      return
    }
    this.#finish()
    const { plan } = backend
    const { path } = request
    const fault = faultOf(error, { plan, path, connected: this.#connected, late: this.#late })
    if (fault.isDown) backend.failed()
    for (const [module, code, message] of fault.lines) request.report(module, 'error', message, code)
    this.#settle(fault.status)
  }

  #finish(): void {
    clearTimeout(this.#timer)
  }

  /** Tells the phases what became of it, once. */
  #settle(outcome: Outcome): void {
    if (this.#settled) return
    this.#settled = true
    this.resolve(outcome)
  }
}
