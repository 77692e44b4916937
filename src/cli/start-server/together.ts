/**
 * Options that need or exclude each other. Pure.
 */
import type { Given } from './parse.js'

/** Limits and guards that would silently do nothing without daemon processes. */
const OF_DAEMONS = [
  'process-group',
  'processes',
  'reload-on-changes',
  'maximum-requests',
  'startup-timeout',
  'deadlock-timeout',
  'request-timeout',
  'interrupt-timeout',
  'queue-timeout',
  'inactivity-timeout',
  'restart-interval',
  'cpu-time-limit',
  'eviction-timeout',
  'graceful-timeout',
  'shutdown-timeout',
  'connect-timeout',
  'daemon-backlog',
  'response-socket-timeout',
  'response-flush-delay',
  'send-buffer-size',
  'receive-buffer-size',
  'header-buffer-size',
  'response-buffer-size',
]

const OF_TLS = [
  'ssl-certificate',
  'ssl-certificate-file',
  'ssl-certificate-key-file',
  'ssl-certificate-chain-file',
  'ssl-ca-certificate-file',
  'ssl-environment',
  'https-only',
]

/** Each of the first needs one of the second. */
const NEEDS: readonly (readonly [names: readonly string[], needed: readonly string[]])[] = [
  [['server-alias'], ['server-name']],
  [OF_TLS, ['https-port']],
  [['https-port'], ['ssl-certificate', 'ssl-certificate-file']],
  [['ssl-certificate-file'], ['ssl-certificate-key-file']],
  [['ssl-verify-client'], ['ssl-ca-certificate-file']],
  [['https-only'], ['server-name']],
  [['hsts-policy'], ['https-only']],
  [['ignore-activity'], ['inactivity-timeout']],
  [['auth-type', 'auth-group-script'], ['auth-user-script']],
  [['auth-group'], ['auth-group-script']],
  [['proxy-timeout'], ['proxy-mount-point', 'proxy-virtual-host']],
  [['trust-proxy'], ['trust-proxy-header']],
  [['access-log-name', 'access-log-format'], ['access-log']],
  [['startup-log-name'], ['startup-log']],
  [['max-log-size', 'rotatelogs-executable'], ['rotate-logs']],
  [['service-user', 'service-group', 'service-log-file'], ['service-script']],
  [['telemetry-interval', 'telemetry-options', 'slow-requests'], ['telemetry-service']],
]

const EXCLUDES: readonly (readonly [one: string, other: string])[] = [
  ['log-directory', 'log-to-terminal'],
  ['rotate-logs', 'log-to-terminal'],
  ['reload-on-changes', 'disable-reloading'],
  ['ssl-certificate', 'ssl-certificate-file'],
]

/** @returns what is wrong; undefined: nothing */
export function contradiction(
  given: Given,
  uid: number,
  kind: 'script' | 'module' | 'static',
): string | undefined {
  if (uid === 0 && !given.has('user'))
    return 'started as root, --user is needed: the account to run the application as'
  const ofDaemons = OF_DAEMONS.find((name) => given.has(name))
  const alone =
    kind === 'static' ? '--application-type static' : given.has('embedded-mode') && '--embedded-mode'
  if (alone && ofDaemons !== undefined)
    return `${alone} has no daemon processes, so --${ofDaemons} cannot be used with it`
  for (const [one, other] of EXCLUDES)
    if (given.has(one) && given.has(other)) return `--${one} and --${other} exclude each other`
  for (const [names, needed] of NEEDS) {
    const name = names.find((candidate) => given.has(candidate))
    if (name !== undefined && !needed.some((other) => given.has(other)))
      return `--${name} needs ${needed.map((other) => `--${other}`).join(' or ')}`
  }
  return unfitting(given, kind) ?? samePort(given) ?? wrongService(given)
}

/** Options that another kind of site has. */
function unfitting(given: Given, kind: 'script' | 'module' | 'static'): string | undefined {
  const ofApplications = ['mount-point', 'document-root'].find((name) => given.has(name))
  if (kind === 'static')
    return ofApplications && `--${ofApplications} is for applications, not for --application-type static`
  if (given.has('directory-listing')) return '--directory-listing is for --application-type static'
  const ofFiles = ['directory-index', 'allow-override', 'add-handler'].find((name) => given.has(name))
  return ofFiles === undefined || given.has('document-root')
    ? undefined
    : `--${ofFiles} is for --application-type static, or needs --document-root`
}

function samePort(given: Given): string | undefined {
  const https = given.text('https-port')
  return https !== undefined && Number(https) === Number(given.text('port') ?? 8000)
    ? '--https-port must be another one than --port'
    : undefined
}

function wrongService(given: Given): string | undefined {
  const all = given.pairs('service-script').map(([name]) => name)
  const names = new Set(all)
  const twice = all.find((name, index) => all.indexOf(name) < index)
  if (twice !== undefined) return `--service-script ${twice} is there twice; each needs a name of its own`
  for (const option of ['service-user', 'service-group', 'service-log-file'])
    for (const [name] of given.pairs(option))
      if (!names.has(name)) return `--${option} ${name}: there is no --service-script ${name}`
  return undefined
}
