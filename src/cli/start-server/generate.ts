/**
 * Writes the httpd.conf of a {@link Plan}: every line could have been written by hand, and each part says what it is for, so that the
 * file can be the beginning of a production configuration. Pure.
 */
import path from 'node:path'
import type { Plan } from './plan.js'

/** One part of the file: a comment and the lines below it. Parts without lines are left out. */
interface Part {
  readonly about: string
  readonly lines: readonly (string | undefined)[]
}

/** @param command The words that asked for it, for the first comment. */
export function generateConfiguration(plan: Plan, command: readonly string[]): string {
  const parts: Part[] = [
    server(plan),
    account(plan),
    logs(plan),
    limits(plan),
    closedByDefault(),
    ...(plan.kind === 'static' ? [] : [python(plan), daemon(plan)]),
    documents(plan),
    aliases(plan),
    ...(plan.kind === 'static' ? [] : [application(plan), reloader(plan)]),
    errors(plan),
    hosts(plan),
    includes(plan),
  ]
  const text = parts.map(render).filter((part) => part !== '')
  return `# Written by: wsgi-httpd ${command.map(shellWord).join(' ')}
# It is written anew whenever that command is run; copy the file to keep changes.

${text.join('\n')}`
}

function render({ about, lines }: Part): string {
  const kept = lines.filter((line) => line !== undefined)
  return kept.length === 0 ? '' : `# ${about}\n${kept.join('\n')}\n`
}

function server(plan: Plan): Part {
  const { given } = plan
  return {
    about: 'The server: where it lives and listens.',
    lines: [
      `ServerRoot ${quote(plan.serverRoot)}`,
      `PidFile ${quote(plan.pidFile)}`,
      `ServerName ${given.text('server-name') ?? 'localhost'}`,
      `Listen ${listenAddress(plan)}`,
      `ListenBacklog ${given.text('server-backlog') ?? 500}`,
      'ServerTokens ProductOnly',
      'ServerSignature Off',
    ],
  }
}

function listenAddress({ host, port }: Plan): string {
  if (host === undefined) return String(port)
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`
}

function account({ user, group }: Plan): Part {
  return {
    about: 'The account that everything but the supervisor runs as, when started as root.',
    lines: [
      user === undefined ? undefined : `User ${quote(user)}`,
      group === undefined ? undefined : `Group ${quote(group)}`,
    ],
  }
}

function logs({ given, errorLog, accessLog }: Plan): Part {
  const format = given.text('access-log-format') ?? 'common'
  const nickname = format === 'common' || format === 'combined' ? format : 'access'
  return {
    about: 'Logs.',
    lines: [
      `ErrorLog ${quote(errorLog)}`,
      `LogLevel ${given.text('log-level') ?? 'warn'}`,
      given.has('error-log-format')
        ? `ErrorLogFormat ${quote(given.text('error-log-format') as string)}`
        : undefined,
      ...(accessLog === undefined
        ? []
        : [
            `LogFormat ${quote(FORMATS[format] ?? format)} ${nickname}`,
            `CustomLog ${quote(accessLog)} ${nickname}`,
          ]),
    ],
  }
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
    about: 'Nothing in the file system is served unless a section below opens it.',
    lines: ['<Directory />', '    AllowOverride None', '    Require all denied', '</Directory>'],
  }
}

/** Python of embedded mode; a daemon group says the same in its own options. */
function python(plan: Plan): Part {
  const { given, processGroup } = plan
  const embedded = processGroup === undefined
  return {
    about: 'Python.',
    lines: [
      embedded && plan.pythonHome !== undefined ? `WSGIPythonHome ${quote(plan.pythonHome)}` : undefined,
      embedded ? `WSGIPythonPath ${quote(plan.pythonPath.join(':'))}` : 'WSGIRestrictEmbedded On',
      embedded && given.has('python-eggs')
        ? `WSGIPythonEggs ${quote(given.text('python-eggs') as string)}`
        : undefined,
      embedded && given.has('switch-interval')
        ? `WSGISwitchInterval ${given.text('switch-interval')}`
        : undefined,
      ...given.list('python-warnings').map((spec) => `WSGIPythonWarnings ${quote(spec)}`),
    ],
  }
}

function daemon(plan: Plan): Part {
  const { given, processGroup } = plan
  const about = 'The processes that run the application.'
  if (processGroup === undefined) return { about, lines: [] }
  // `processes=1` would tell the application that there are several processes, as in mod_wsgi; left out it says there is one.
  const options: [string, string | number | undefined][] = [
    ['processes', plan.processes === 1 ? undefined : plan.processes],
    ['threads', plan.threads],
    ['display-name', plan.processTitle],
    ['home', plan.workingDirectory],
    ['python-home', plan.pythonHome],
    ['python-path', plan.pythonPath.join(':')],
    ['python-eggs', given.text('python-eggs')],
    ['locale', plan.locale],
    ['lang', plan.locale],
    ['maximum-requests', given.text('maximum-requests')],
    ['shutdown-timeout', given.text('shutdown-timeout')],
    ['graceful-timeout', given.text('graceful-timeout')],
    ['connect-timeout', given.text('connect-timeout')],
    ['socket-timeout', given.text('socket-timeout')],
    ['switch-interval', given.text('switch-interval')],
  ]
  const words = options.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value === '' ? '""' : wordFor(value)}`],
  )
  return { about, lines: [`WSGIDaemonProcess ${quote(processGroup)} \\\n    ${words.join(' \\\n    ')}`] }
}

function wordFor(value: string | number): string {
  return typeof value === 'number' || /^\d+$/.test(value) ? String(value) : quote(value)
}

function documents({ documentRoot, given }: Plan): Part {
  if (documentRoot === undefined) return { about: '', lines: [] }
  const overrides = given.list('allow-override')
  return {
    about: 'Files.',
    lines: [
      `DocumentRoot ${quote(documentRoot)}`,
      `<Directory ${quote(documentRoot)}>`,
      given.has('directory-listing') ? '    Options +Indexes' : undefined,
      `    DirectoryIndex ${quote(given.text('directory-index') ?? 'index.html')}`,
      overrides.length > 0 ? `    AllowOverride ${overrides.join(' ')}` : undefined,
      '    Require all granted',
      '</Directory>',
    ],
  }
}

function aliases(plan: Plan): Part {
  return {
    about:
      'Static files and directories; the longest URL comes first, since the first that matches is taken.',
    lines: plan.aliases.flatMap((alias) => {
      // httpd wants both sides to end in a slash, or neither.
      const slash = alias.kind === 'directory' && alias.url.endsWith('/') ? '/' : ''
      return [
        `Alias ${quote(alias.url)} ${quote(alias.path.replace(/(.)\/$/, '$1') + slash)}`,
        ...(alias.kind === 'directory'
          ? [`<Directory ${quote(alias.path)}>`, '    Require all granted', '</Directory>']
          : grantFile(alias.path)),
      ]
    }),
  }
}

function grantFile(file: string): string[] {
  return [
    `<Directory ${quote(path.dirname(file))}>`,
    `    <Files ${quote(path.basename(file))}>`,
    '        Require all granted',
    '    </Files>',
    '</Directory>',
  ]
}

function application(plan: Plan): Part {
  const { given, mountPoint, entry, processGroup, applicationGroup } = plan
  const callable = given.text('callable-object')
  const groups = `process-group=${quote(processGroup ?? '%{GLOBAL}')} application-group=${quote(applicationGroup)}`
  return {
    about: plan.isWelcome ? 'No script was named: a page that says how to go on.' : 'The application.',
    lines: [
      `WSGIScriptAlias ${quote(mountPoint)} ${quote(entry)} \\\n    ${groups}`,
      callable === undefined || plan.kind === 'module' ? undefined : `WSGICallableObject ${quote(callable)}`,
      'WSGIPassAuthorization On',
      given.has('disable-reloading') || processGroup === undefined ? 'WSGIScriptReloading Off' : undefined,
      given.has('chunked-request') ? 'WSGIChunkedRequest On' : undefined,
      given.has('enable-sendfile') ? 'WSGIEnableSendfile On' : undefined,
      given.has('map-head-to-get') ? `WSGIMapHEADToGET ${given.text('map-head-to-get')}` : undefined,
      ...given.pairs('setenv').map(([name, value]) => `SetEnv ${quote(name)} ${quote(value)}`),
      ...given.list('passenv').map((name) => `PassEnv ${quote(name)}`),
      ...grantFile(entry),
    ],
  }
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

function errors({ given }: Plan): Part {
  return {
    about: 'Error pages.',
    lines: [
      ...given.pairs('error-document').map(([status, url]) => `ErrorDocument ${status} ${quote(url)}`),
      given.has('error-override') ? 'WSGIErrorOverride On' : undefined,
    ],
  }
}

/** With `--server-name`: a first virtual host that takes, and refuses, all other names. */
function hosts({ given, port }: Plan): Part {
  const name = given.text('server-name')
  if (name === undefined) return { about: '', lines: [] }
  const others = [...given.list('server-alias'), ...(given.has('allow-localhost') ? ['localhost'] : [])]
  return {
    about: 'Requests for other host names go to the first virtual host, and are refused.',
    lines: [
      `<VirtualHost *:${port}>`,
      '    ServerName other-names.invalid',
      '    <Location />',
      '        Require all denied',
      '    </Location>',
      '</VirtualHost>',
      `<VirtualHost *:${port}>`,
      `    ServerName ${name}`,
      others.length > 0 ? `    ServerAlias ${others.join(' ')}` : undefined,
      '</VirtualHost>',
    ],
  }
}

function includes({ given }: Plan): Part {
  return {
    about: 'Further configuration.',
    lines: given.list('include-file').map((file) => `Include ${quote(path.resolve(file))}`),
  }
}

/** A word in double quotes, as httpd and mod_wsgi read them. */
export function quote(word: string): string {
  return `"${word.replace(/["\\]/g, '\\$&')}"`
}

function shellWord(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** The script that stands for `--application-type module`: imports the module and names its application. */
export function generateModuleScript(moduleName: string, callable: string): string {
  return `# Written by wsgi-httpd: serves an application that is imported by name.
import importlib

application = getattr(importlib.import_module(${JSON.stringify(moduleName)}), ${JSON.stringify(callable)})
`
}

/** `apachectl` of a generated server: start, stop, restart, graceful, graceful-stop, configtest, status. */
export function generateControlScript(node: string, launcher: string, configFile: string): string {
  const [program, script, file] = [node, launcher, configFile].map(shellWord)
  return `#!/bin/sh
# Controls the server of ${configFile.replaceAll('\n', ' ')}: start, stop, restart, graceful, graceful-stop, configtest, status.
if [ $# -eq 0 ]; then
    echo "Usage: $0 start|stop|restart|graceful|graceful-stop|configtest|status" >&2
    exit 1
fi
command=$1
shift
exec ${program} ${script} "$command" -f ${file} "$@"
`
}
