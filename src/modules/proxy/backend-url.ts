/**
 * URLs of backends as `ProxyPass` and `RewriteRule … [P]` write them, and the parameters that may follow. Pure.
 */
import type { BackendPlan, BackendUrl } from './settings.js'

/** Seconds; httpd's default of `retry`. */
const RETRY_SECONDS = 60
const PORTS = { http: 80, https: 443 } as const

/** What the parameters of `ProxyPass` say about the backend. */
export type BackendOptions = Pick<
  BackendPlan,
  'timeout' | 'connectTimeout' | 'retry' | 'max' | 'acquire' | 'reuse' | 'upgrade'
>

export const DEFAULT_OPTIONS: BackendOptions = {
  timeout: undefined,
  connectTimeout: undefined,
  retry: RETRY_SECONDS,
  max: Number.POSITIVE_INFINITY,
  acquire: undefined,
  reuse: true,
  upgrade: undefined,
}

/** Splits `http://host:port/path`, or `unix:/socket|http://host/path`. @throws Error that says what is wrong with it */
export function parseBackendUrl(text: string, options: BackendOptions = DEFAULT_OPTIONS): BackendUrl {
  const unix = /^unix:([^|]+)\|(.*)$/is.exec(text)
  const url = unix === null ? text : (unix[2] as string)
  const found = /^([a-z][a-z0-9+.-]*):\/\/([^/?#$]*)(.*)$/is.exec(url)
  if (found === null) throw new Error(`'${text}' is no URL of a backend`)
  const [, written = '', authority = '', path = ''] = found
  const { scheme, upgrade } = schemeOf(written.toLowerCase(), text)
  const named = /^(\[[0-9a-f:.]+\]|[^[\]:@\s]+)(?::(\d{1,5}))?$/i.exec(authority)
  if (named === null) throw new Error(`'${text}' does not name a host`)
  const host = (named[1] as string).toLowerCase()
  const port = named[2] === undefined ? PORTS[scheme] : Number(named[2])
  if (port < 1 || port > 65535) throw new Error(`'${text}': ${port} is not a port`)
  const socketPath = unix?.[1]
  const shown = port === PORTS[scheme] ? host : `${host}:${port}`
  return {
    backend: {
      ...options,
      upgrade: options.upgrade ?? upgrade,
      key: `${socketPath === undefined ? '' : `unix:${socketPath}|`}${scheme}://${host}:${port}`,
      tls: scheme === 'https',
      host: host.replace(/^\[|\]$/g, ''),
      port,
      authority: shown,
      socketPath,
    },
    path,
  }
}

/** `ws` is HTTP whose clients change to WebSocket. */
function schemeOf(scheme: string, text: string): { scheme: 'http' | 'https'; upgrade: string | undefined } {
  switch (scheme) {
    case 'http':
    case 'https':
      return { scheme, upgrade: undefined }
    case 'ws':
      return { scheme: 'http', upgrade: 'websocket' }
    case 'wss':
      return { scheme: 'https', upgrade: 'websocket' }
    case 'balancer':
      throw new Error(`'${text}': there is no load balancing here: ${NO_BALANCER}`)
    default:
      throw new Error(
        `'${text}': only HTTP is spoken to backends (http, https, ws, wss), not ${scheme}. ` +
          'Give the service an HTTP port, or a socket file with unix:/path|http://name/',
      )
  }
}

/** Parameters that concern what we do not have: pools per process, load balancing, buffers. They are read and do nothing. */
const NO_EFFECT = new Set([
  'flushpackets',
  'flushwait',
  'iobuffersize',
  'keepalive',
  'min',
  'ping',
  'receivebuffersize',
  'responsefieldsize',
  'smax',
  'status',
  'ttl',
])

/** Parameters of members of a balancer, and of balancers. */
const BALANCING = new Set([
  'failonstatus',
  'failontimeout',
  'forcerecovery',
  'growth',
  'lbmethod',
  'lbset',
  'loadfactor',
  'maxattempts',
  'nofailover',
  'nonce',
  'redirect',
  'route',
  'scolonpathdelim',
  'stickysession',
  'stickysessionsep',
])
const NO_BALANCER = 'name one backend, or let a load balancer of its own stand before several'

const TIME_UNITS: Readonly<Record<string, number>> = { '': 1, s: 1, ms: 0.001, mi: 60, min: 60, h: 3600 }

/** Reads `key=value` words. @throws Error with httpd's text for what it does not take */
export function parseBackendOptions(words: readonly string[]): BackendOptions {
  const options = { ...DEFAULT_OPTIONS }
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 1) throw new Error(`ProxyPass Invalid 'key=value' pair: ${word}`)
    const key = word.slice(0, at).toLowerCase()
    const value = word.slice(at + 1)
    switch (key) {
      case 'timeout':
        options.timeout = seconds(value, 'Timeout')
        break
      case 'connectiontimeout':
        options.connectTimeout = seconds(value, 'Connectiontimeout')
        break
      case 'retry':
        options.retry = seconds(value, 'Retry', true)
        break
      case 'max':
        if (!/^[1-9]\d*$/.test(value)) throw new Error('Max must be a positive number')
        options.max = Number(value)
        break
      case 'acquire': {
        // a number without a unit is one of milliseconds
        const milliseconds = /^\d+$/.test(value) ? Number(value) : seconds(value, 'Acquire') * 1000
        if (milliseconds <= 0) throw new Error('Acquire timeout has wrong format')
        options.acquire = milliseconds
        break
      }
      case 'disablereuse':
        options.reuse = !isOn(value, 'DisableReuse')
        break
      case 'enablereuse':
        options.reuse = isOn(value, 'EnableReuse')
        break
      case 'upgrade':
        options.upgrade = value.toLowerCase() === 'none' ? undefined : value.toLowerCase()
        break
      default:
        if (BALANCING.has(key))
          throw new Error(
            `ProxyPass: '${key}' is about several backends, and there is no load balancing here: ${NO_BALANCER}`,
          )
        if (!NO_EFFECT.has(key)) throw new Error(`ProxyPass unknown Worker parameter '${key}'`)
    }
  }
  return options
}

function seconds(value: string, name: string, zero = false): number {
  const found = /^(\d+)([a-z]*)$/i.exec(value)
  const unit = TIME_UNITS[(found?.[2] ?? '?').toLowerCase()]
  const amount = Number(found?.[1]) * (unit ?? Number.NaN)
  if (!(amount > 0 || (zero && amount === 0)))
    throw new Error(`${name} must be at least one second: ${value}`)
  return amount
}

function isOn(value: string, name: string): boolean {
  if (!/^(?:on|off)$/i.test(value)) throw new Error(`${name} must be On|Off`)
  return value.toLowerCase() === 'on'
}
