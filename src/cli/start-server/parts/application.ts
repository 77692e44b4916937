/** Of a generated httpd.conf: Python, the processes that run it, and the application. */
import type { Plan } from '../plan.js'
import type { Service } from '../plan-parts.js'
import { directory, line, type Part, quote, quoted, section } from '../text.js'
import { grantFile } from './files.js'
import { destination } from './server.js'

export function applicationParts(plan: Plan): Part[] {
  const parts = [python(plan), ...plan.services.map((service) => serviceProcess(plan, service))]
  return plan.kind === 'static'
    ? [...parts, fileHandlers(plan)]
    : [...parts, daemon(plan), application(plan), fileHandlers(plan), reloader(plan)]
}

/** Python of the server processes, which run embedded applications and hook scripts; a daemon group says the same in its own options. */
function python(plan: Plan): Part {
  const { given, processGroup, hooks, kind } = plan
  const hasHooks = Object.values(hooks).some((script) => script !== undefined)
  const isEmbedded = kind !== 'static' && processGroup === undefined
  const inServer = isEmbedded || hasHooks || (kind === 'static' && plan.handlers.length > 0)
  return {
    about: 'Python.',
    lines: [
      inServer ? quoted('WSGIPythonHome', plan.pythonHome) : undefined,
      inServer ? `WSGIPythonPath ${quote(plan.pythonPath.join(':'))}` : undefined,
      isEmbedded || kind === 'static' ? undefined : 'WSGIRestrictEmbedded On',
      inServer ? quoted('WSGIPythonEggs', plan.pythonEggs) : undefined,
      inServer ? line('WSGISwitchInterval', given.text('switch-interval')) : undefined,
      ...given.list('python-warnings').map((spec) => `WSGIPythonWarnings ${quote(spec)}`),
      given.has('orphan-interpreter') ? 'WSGIDestroyInterpreter Off' : undefined,
      given.has('free-threading') ? 'WSGIFreeThreading On' : undefined,
    ],
  }
}

type Options = readonly (readonly [name: string, value: string | number | undefined])[]

function daemon(plan: Plan): Part {
  const { given, processGroup } = plan
  const about = 'The processes that run the application.'
  if (processGroup === undefined) return { about, lines: [] }
  const text = (name: string, byDefault?: string) => [name, given.text(name) ?? byDefault] as const
  return {
    about,
    lines: [
      daemonProcess(processGroup, [
        // `processes=1` would tell the application that there are several processes, as in mod_wsgi; left out it says there is one.
        ['processes', plan.processes === 1 ? undefined : plan.processes],
        ['threads', plan.threads],
        ['display-name', plan.processTitle],
        ...surroundings(plan),
        text('maximum-requests'),
        text('startup-timeout', '15'),
        text('request-timeout', '60'),
        text('interrupt-timeout'),
        text('queue-timeout', '45'),
        text('deadlock-timeout', '60'),
        text('inactivity-timeout'),
        text('restart-interval'),
        text('cpu-time-limit'),
        text('shutdown-timeout'),
        text('graceful-timeout'),
        text('eviction-timeout'),
        text('connect-timeout'),
        text('socket-timeout', '60'),
        ['listen-backlog', given.text('daemon-backlog')],
        text('response-socket-timeout'),
        text('response-flush-delay'),
        text('send-buffer-size'),
        text('receive-buffer-size'),
        text('header-buffer-size'),
        text('response-buffer-size'),
        ['server-metrics', given.has('server-metrics') ? 'On' : undefined],
      ]),
    ],
  }
}

/** Options that all daemon processes share. */
function surroundings(plan: Plan): Options {
  return [
    ['home', plan.workingDirectory],
    ['python-home', plan.pythonHome],
    ['python-path', plan.pythonPath.join(':')],
    ['python-eggs', plan.pythonEggs],
    ['locale', plan.locale],
    ['lang', plan.locale],
    ['switch-interval', plan.given.text('switch-interval')],
  ]
}

/** A service runs on the main thread of a process that takes no requests. */
function serviceProcess(plan: Plan, { name, script, user, group, log }: Service): Part {
  const processGroup = `service:${name}`
  const lines = [
    daemonProcess(processGroup, [
      ['user', user],
      ['group', group],
      ['threads', 0],
      ['display-name', `(wsgi:${processGroup}:${plan.hostName}:${plan.port})`],
      ...surroundings(plan),
      ['server-metrics', plan.given.has('server-metrics') ? 'On' : undefined],
    ]),
    `WSGIImportScript ${quote(script)} \\\n    process-group=${quote(processGroup)} application-group="%{GLOBAL}"`,
  ]
  return {
    about:
      log === undefined
        ? `The service ${name}.`
        : `The service ${name}, in a virtual host that no request reaches: its error log is that of the service.`,
    lines:
      log === undefined
        ? lines
        : section('VirtualHost', '127.0.0.1:1', [`ErrorLog ${destination(plan, log)}`, ...lines]),
  }
}

function daemonProcess(group: string, options: Options): string {
  const words = options.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value === '' ? '""' : wordFor(value)}`],
  )
  return `WSGIDaemonProcess ${quote(group)} \\\n    ${words.join(' \\\n    ')}`
}

function wordFor(value: string | number): string {
  return typeof value === 'number' || /^\d+$/.test(value) ? String(value) : quote(value)
}

function application(plan: Plan): Part {
  const { given, mountPoint, entry, processGroup, applicationGroup } = plan
  const callable = given.text('callable-object')
  const groups = `process-group=${quote(processGroup ?? '%{GLOBAL}')} application-group=${quote(applicationGroup)}`
  const headToGet = given.text('map-head-to-get')
  return {
    about: plan.isWelcome ? 'No script was named: a page that says how to go on.' : 'The application.',
    lines: [
      `WSGIScriptAlias ${quote(mountPoint)} ${quote(entry)} \\\n    ${groups}`,
      callable === undefined || plan.kind === 'module' ? undefined : `WSGICallableObject ${quote(callable)}`,
      'WSGIPassAuthorization On',
      given.has('disable-reloading') || processGroup === undefined ? 'WSGIScriptReloading Off' : undefined,
      given.has('chunked-request') ? 'WSGIChunkedRequest On' : undefined,
      given.has('enable-sendfile') ? 'WSGIEnableSendfile On' : undefined,
      headToGet && `WSGIMapHEADToGET ${headToGet[0]?.toUpperCase()}${headToGet.slice(1).toLowerCase()}`,
      ...trust(plan),
      ...given.pairs('setenv').map(([name, value]) => `SetEnv ${quote(name)} ${quote(value)}`),
      ...given.list('passenv').map((name) => `PassEnv ${quote(name)}`),
      ...grantFile(entry),
    ],
  }
}

/** `--add-handler`: one script chooses by the extension. */
function fileHandlers({ handlers, handlerScript, documentRoot, processGroup, applicationGroup }: Plan): Part {
  const about = 'Files of the document root that scripts handle.'
  if (handlers.length === 0 || documentRoot === undefined) return { about, lines: [] }
  return {
    about,
    lines: [
      `WSGIHandlerScript wsgi-resource ${quote(handlerScript)} \\\n    process-group=${quote(processGroup ?? '%{GLOBAL}')} application-group=${quote(applicationGroup)}`,
      ...directory(
        documentRoot,
        handlers.map(({ extension }) => `AddHandler wsgi-resource ${extension}`),
      ),
    ],
  }
}

function trust({ given }: Plan): string[] {
  return [
    ['WSGITrustedProxyHeaders', given.list('trust-proxy-header')] as const,
    ['WSGITrustedProxies', given.list('trust-proxy')] as const,
  ].flatMap(([name, words]) => (words.length > 0 ? [`${name} ${words.map(quote).join(' ')}`] : []))
}

function reloader(plan: Plan): Part {
  if (plan.reloader === undefined) return { about: '', lines: [] }
  return {
    about: 'For development: restarts the process when the file of a loaded module changes.',
    lines: [
      `WSGIImportScript ${quote(plan.reloader)} \\\n    process-group=${quote(plan.processGroup as string)} application-group=${quote(plan.applicationGroup)}`,
    ],
  }
}
