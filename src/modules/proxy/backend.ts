/**
 * A backend as this server worker knows it: its pool of connections, and whether it answered lately. It lives as
 * long as the configuration.
 */
import { Agent, type ClientRequest, type RequestOptions, request as requestHttp } from 'node:http'
import { request as requestHttps, Agent as TlsAgent } from 'node:https'
import type { BackendPlan } from './settings.js'

/** Connections that nobody uses are closed after this time; most servers close theirs later. */
const IDLE_MS = 4000

export class Backend {
  readonly #agent: Agent
  /** Milliseconds since the epoch until which it is not asked; 0: it is well. */
  #restsUntil = 0

  constructor(readonly plan: BackendPlan) {
    const options = {
      keepAlive: plan.reuse,
      maxSockets: plan.max,
      // the connection used last is the least likely to be closed by the other side meanwhile
      scheduling: 'lifo',
      timeout: IDLE_MS,
    } as const
    // httpd asks for a certificate only where SSLProxyVerify says so; we always do
    this.#agent = plan.tls ? new TlsAgent(options) : new Agent(options)
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

  /** Begins a request. @param fields names and values in turn, `Host` and `Connection` among them */
  open(method: string, path: string, fields: string[]): ClientRequest {
    const { plan } = this
    const options: RequestOptions = {
      agent: this.#agent,
      method,
      path,
      headers: fields,
      setHost: false,
      ...(plan.socketPath === undefined
        ? { host: plan.host, port: plan.port }
        : { socketPath: plan.socketPath }),
    }
    return plan.tls ? requestHttps({ ...options, servername: plan.host }) : requestHttp(options)
  }
}

const backends = new WeakMap<BackendPlan, Backend>()

/** The backend of a plan: each `ProxyPass` has one of its own, with its own parameters. */
export function backendOf(plan: BackendPlan): Backend {
  let backend = backends.get(plan)
  if (backend === undefined) {
    backend = new Backend(plan)
    backends.set(plan, backend)
  }
  return backend
}
