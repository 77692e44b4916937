/**
 * What it means that an exchange with a backend has failed before there was a response: what the client gets, what the log says, and whether the
 * backend is left alone for a while. As httpd has it: 503 where no connection can be made, 502 for no or a broken answer, 504 where it takes too long.
 */
import type { BackendPlan } from './settings.js'
import { HandshakeFault } from './tls-agent.js'

export interface ExchangeFault {
  readonly status: number
  /** No connection could be made: nobody asks this backend again for some time. */
  readonly isDown: boolean
  readonly lines: readonly (readonly [module: 'proxy' | 'proxy_http', code: string, message: string])[]
}

/** How far it had come. */
export interface Exchange {
  readonly plan: Pick<BackendPlan, 'host' | 'port' | 'socketPath'>
  /** The URL path that was asked for. */
  readonly path: string
  /** There was a connection. */
  readonly connected: boolean
  /** It was given up, as it took too long. */
  readonly late: boolean
}

/** Faults of making a connection; others are of what came over it. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EACCES',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ENOTSOCK',
])
const UNKNOWN_NAME = new Set(['ENOTFOUND', 'EAI_AGAIN'])

export function faultOf(error: NodeJS.ErrnoException, exchange: Exchange): ExchangeFault {
  const { host, port, socketPath } = exchange.plan
  const where = socketPath ?? `${host}:${port}`
  const code = error.code ?? ''
  const what = error.code ?? error.message
  if (error instanceof HandshakeFault)
    return {
      status: 500,
      isDown: false,
      lines: [
        ['proxy', 'AH01997', `TLS with ${where} (${host}) failed: ${error.message}`],
        ['proxy', 'AH00898', `Error during SSL Handshake with remote server returned by ${exchange.path}`],
      ],
    }
  if (exchange.connected)
    return {
      status: exchange.late ? 504 : 502,
      isDown: false,
      lines: [
        [
          'proxy_http',
          'AH01102',
          `${exchange.late ? 'The timeout specified has expired' : what}: error reading status line from remote server ${where}`,
        ],
      ],
    }
  if (UNKNOWN_NAME.has(code))
    return {
      status: 502,
      isDown: true,
      lines: [['proxy', 'AH00898', `DNS lookup failure for: ${host}`]],
    }
  const late = exchange.late || code === 'ETIMEDOUT'
  return {
    status: late || UNREACHABLE.has(code) ? 503 : 502,
    isDown: true,
    lines: [
      [
        'proxy',
        'AH00957',
        `${late ? '(110)Connection timed out' : what}: HTTP: attempt to connect to ${where} (${host}) failed`,
      ],
      ['proxy_http', 'AH01114', `HTTP: failed to make connection to backend: ${host}`],
    ],
  }
}
