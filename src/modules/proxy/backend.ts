/**
 * A backend as this server worker knows it: its pool of connections, and whether it answered lately. It lives as
 * long as the configuration.
 */
import { Agent, type ClientRequest, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { BackendPlan } from './settings.js'
import { type BackendConnect, backendAgent, serverName } from './tls-agent.js'
import type { ProxyTls } from './tls-settings.js'

/** Connections that nobody uses are closed after this time; most servers close theirs later. */
const IDLE_MS = 4000

export class Backend {
  readonly #agent: Agent
  /** Milliseconds since the epoch until which it is not asked; 0: it is well. */
  #restsUntil = 0

  constructor(
    readonly plan: BackendPlan,
    tls: ProxyTls,
  ) {
    const options = {
      keepAlive: plan.reuse,
      maxSockets: plan.max,
      // the connection used last is the least likely to be closed by the other side meanwhile
      scheduling: 'lifo',
      timeout: IDLE_MS,
    } as const
    this.#agent = plan.tls ? backendAgent(options, tls) : new Agent(options)
  }

  /** It did not answer a moment ago, so nobody waits for it now. */
  get rests(): boolean {
    return this.#restsUntil > Date.now()
  }

  /** No connection could be made: it is left alone for a while. */
  failed(): void {
    if (this.plan.retry > 0) this.#restsUntil = Date.now() + this.plan.retry * 1000
  }

  answered(): void {
    this.#restsUntil = 0
  }

  /**
   * Begins a request.
   * @param fields names and values in turn, `Host` and `Connection` among them
   * @param handshakeMs milliseconds until a new connection must be there, TLS included
   */
  open(method: string, path: string, fields: string[], handshakeMs: number): ClientRequest {
    const { plan } = this
    const options: RequestOptions & BackendConnect = {
      handshakeMs,
      agent: this.#agent,
      method,
      path,
      headers: fields,
      setHost: false,
      ...(plan.socketPath === undefined
        ? { host: plan.host, port: plan.port }
        : { socketPath: plan.socketPath }),
    }
    if (!plan.tls) return requestHttp(options)
    return requestHttps({
      ...options,
      peerName: plan.host,
      servername: serverName(plan.host),
    } as RequestOptions)
  }
}

const backends = new WeakMap<BackendPlan, WeakMap<ProxyTls, Backend>>()

/**
 * The backend of a plan: each `ProxyPass` has one of its own, with its own parameters. Where settings of TLS differ (virtual hosts, `<Proxy>`
 * sections) there is one for each, so that no connection is used where its certificate would not do.
 */
export function backendOf(plan: BackendPlan, tls: ProxyTls): Backend {
  const key = plan.tls ? tls : PLAIN
  let ofPlan = backends.get(plan)
  if (ofPlan === undefined) {
    ofPlan = new WeakMap()
    backends.set(plan, ofPlan)
  }
  let backend = ofPlan.get(key)
  if (backend === undefined) {
    backend = new Backend(plan, tls)
    ofPlan.set(key, backend)
  }
  return backend
}

/** All settings of TLS are one to a backend that does not speak it. */
const PLAIN = {} as ProxyTls
