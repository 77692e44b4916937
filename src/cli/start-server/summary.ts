/**
 * What `start-server` prints before the server takes over the terminal.
 */
import type { Plan } from './plan.js'

export function summary(plan: Plan, configFile: string, setupOnly: boolean): string {
  const rows: [string, string | undefined][] = [
    ['Server URL', url(plan)],
    ['', plan.tls && url({ ...plan, port: plan.tls.port }, 'https')],
    [
      'Status',
      plan.given.has('server-status') ? `${url({ ...plan, mountPoint: '' })}/server-status` : undefined,
    ],
    ['Server root', plan.serverRoot],
    ['Configuration', configFile],
    ['Control script', setupOnly ? `${plan.serverRoot}/apachectl` : undefined],
    ['Error log', log(plan.errorLog)],
    ['Access log', plan.accessLog === undefined ? undefined : log(plan.accessLog)],
    ['Application', plan.kind === 'static' ? undefined : application(plan)],
    ['Startup log', plan.startupLog],
    ['Document root', plan.documentRoot],
    ['Mode', mode(plan)],
    ['Reloading', reloading(plan)],
  ]
  return rows
    .flatMap(([label, text]) => (text === undefined ? [] : [`${label.padEnd(15)}: ${text}\n`]))
    .join('')
}

/** An address that can be opened: the name that is answered, and one of this machine where the host stands for all of them. */
function url({ hostName, port, mountPoint, given }: Plan, scheme = 'http'): string {
  const name = given.text('server-name') ?? hostName
  const host = ['0.0.0.0', '::', '[::]', '*'].includes(name)
    ? 'localhost'
    : name.includes(':') && !name.startsWith('[')
      ? `[${name}]`
      : name
  const usual = scheme === 'http' ? 80 : 443
  return `${scheme}://${host}${port === usual ? '' : `:${port}`}${mountPoint}`
}

function log(file: string): string {
  return file.startsWith('/dev/') ? 'this terminal' : file
}

function application({ entry, moduleName, isWelcome }: Plan): string {
  if (isWelcome) return 'a welcome page, as no script is named'
  return moduleName ?? entry
}

function mode({ kind, processGroup, processes, threads }: Plan): string {
  if (kind === 'static') return 'static files'
  if (processGroup === undefined) return 'embedded'
  return `daemon, ${count(processes, 'process', 'processes')} with ${count(threads, 'thread', 'threads')}`
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}

function reloading({ kind, processGroup, given, reloader }: Plan): string | undefined {
  if (kind === 'static') return undefined
  if (given.has('disable-reloading') || processGroup === undefined) return 'off'
  return reloader === undefined ? 'when the script changes' : 'when any loaded module changes'
}
