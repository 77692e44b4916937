/** Of a generated httpd.conf: the server as a whole. */
import type { Plan } from '../plan.js'
import { line, type Part, quote, quoted, section } from '../text.js'

export function serverParts(plan: Plan): Part[] {
  return [server(plan), account(plan), logs(plan), telemetry(plan), limits(plan), closedByDefault()]
}

function server(plan: Plan): Part {
  const { given, port, tls } = plan
  return {
    about: 'The server: where it lives and listens.',
    lines: [
      `ServerRoot ${quote(plan.serverRoot)}`,
      `PidFile ${quote(plan.pidFile)}`,
      `ServerName ${given.text('server-name') ?? 'localhost'}`,
      `Listen ${listenAddress(plan, port)}`,
      tls && `Listen ${listenAddress(plan, tls.port)} https`,
      `ListenBacklog ${given.text('server-backlog') ?? 500}`,
      given.has('http2') ? 'Protocols h2 h2c http/1.1' : undefined,
      'ServerTokens ProductOnly',
      'ServerSignature Off',
    ],
  }
}

function listenAddress({ host }: Plan, port: number): string {
  if (host === undefined) return String(port)
  // Listen takes numbers only
  if (host === 'localhost') return `127.0.0.1:${port}`
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}

function account({ user, group }: Plan): Part {
  return {
    about: 'The account that everything but the supervisor runs as, when started as root.',
    lines: [quoted('User', user), quoted('Group', group)],
  }
}

function logs(plan: Plan): Part {
  const { given, errorLog, accessLog } = plan
  const format = given.text('access-log-format') ?? 'common'
  const nickname = format === 'common' || format === 'combined' ? format : 'access'
  return {
    about: 'Logs.',
    lines: [
      `ErrorLog ${destination(plan, errorLog)}`,
      `LogLevel ${given.text('log-level') ?? 'warn'}`,
      quoted('ErrorLogFormat', given.text('error-log-format')),
      ...(accessLog === undefined
        ? []
        : [
            `LogFormat ${quote(FORMATS[format] ?? format)} ${nickname}`,
            `CustomLog ${destination(plan, accessLog)} ${nickname}`,
          ]),
    ],
  }
}

function telemetry({ given }: Plan): Part {
  const target = given.text('telemetry-service')
  return {
    about: 'Metrics of the Python processes, for a receiver on this machine.',
    lines: [
      target && `WSGITelemetryService ${quote(target)} interval=${given.text('telemetry-interval') ?? 1}`,
      line('WSGISlowRequests', given.text('slow-requests')),
      ...given.list('telemetry-options').map((flags) => `WSGITelemetryOptions ${flags}`),
    ],
  }
}

/** Where a log goes: the file, or a program that begins new ones. */
export function destination({ rotate }: Plan, file: string): string {
  if (rotate === undefined) return quote(file)
  const name = file.replaceAll('%', '%%')
  return quote(`|${word(rotate.program)} ${word(`${name}.%Y-%m-%d-%H_%M_%S`)} ${rotate.megabytes}M`)
}

/** A word of a log program's command line. */
function word(text: string): string {
  return /^[\w./:%@+,-]+$/.test(text) ? text : `'${text.replace(/['\\]/g, '\\$&')}'`
}

const FORMATS: Readonly<Record<string, string>> = {
  common: '%h %l %u %t "%r" %>s %b',
  combined: '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"',
}

function limits({ given }: Plan): Part {
  const keepAlive = given.text('keep-alive-timeout') ?? '2'
  return {
    about: 'Connections and requests.',
    lines: [
      `Timeout ${given.text('socket-timeout') ?? 60}`,
      ...(Number(keepAlive) === 0 ? ['KeepAlive Off'] : ['KeepAlive On', `KeepAliveTimeout ${keepAlive}`]),
      `RequestReadTimeout ${stage(given, 'header', 15, 30)} ${stage(given, 'body', 15, 0)}`,
      `LimitRequestBody ${given.text('limit-request-body') ?? 10485760}`,
      line('MaxRequestWorkers', given.text('max-clients')),
    ],
  }
}

/** `header=15-30,MinRate=500`: what `RequestReadTimeout` says of one stage. */
function stage(
  given: Plan['given'],
  name: 'header' | 'body',
  byDefault: number,
  longestByDefault: number,
): string {
  const number = (option: string, other: number) => Number(given.text(`${name}-${option}`) ?? other)
  const seconds = number('timeout', byDefault)
  const longest = number('max-timeout', longestByDefault)
  const rate = number('min-rate', 500)
  if (seconds === 0 || rate === 0) return `${name}=${seconds}`
  return `${name}=${seconds}${longest > seconds ? `-${longest}` : ''},MinRate=${rate}`
}

function closedByDefault(): Part {
  return {
    about:
      'Nothing in the file system is served unless a section below opens it; .htaccess, .htpasswd and their kin never are.',
    lines: [
      ...section('Directory', '/', ['AllowOverride None', 'Require all denied']),
      ...section('Files', '".ht*"', ['Require all denied']),
    ],
  }
}
