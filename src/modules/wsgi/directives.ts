/**
 * The other WSGI directives: how Python is started, where requests run, and what applications may do.
 */
import {
  type Command,
  type Context,
  type Directive,
  directive,
  iterate,
  type OverrideClass,
  take1,
} from '../../config/directive.js'
import { parseGroupName } from '../../wsgi/group-name.js'
import { overUnixSocket } from '../../wsgi/trusted-proxy.js'
import { parseSubnet, type Subnet, SubnetError } from '../subnet.js'
import { onOff } from './flags.js'
import { type WsgiDir, type WsgiMain, wsgiDir, wsgiMain } from './settings.js'
import { telemetryDirectives } from './telemetry.js'

type Draft<T> = { -readonly [K in keyof T]?: T[K] }

const SERVER: readonly Context[] = ['server']
const EVERYWHERE: readonly Context[] = ['server', 'vhost', 'directory']
const ALSO_HTACCESS: readonly Context[] = ['server', 'vhost', 'directory', 'htaccess']

/** A flag of the main server. */
function mainFlag(name: string, property: keyof WsgiMain, byDefault: boolean, help: string): Directive {
  return directive({
    name,
    syntax: 'On|Off',
    contexts: SERVER,
    default: byDefault ? 'On' : 'Off',
    help,
    ...onOff((cmd, on) => {
      ;(cmd.main.draft(wsgiMain) as Record<string, unknown>)[property] = on
    }),
  })
}

/** A flag that may differ from directory to directory. */
function dirFlag(
  name: string,
  property: keyof WsgiDir,
  byDefault: boolean,
  help: string,
  contexts = ALSO_HTACCESS,
): Directive {
  return directive({
    name,
    syntax: 'On|Off',
    contexts,
    ...(contexts === ALSO_HTACCESS ? { override: 'FileInfo' as OverrideClass } : {}),
    default: byDefault ? 'On' : 'Off',
    help,
    ...onOff((cmd, on) => {
      ;(cmd.dir.draft(wsgiDir) as Record<string, unknown>)[property] = on
    }),
  })
}

/** A flag that is read and checked, and does nothing more. */
function inertFlag(
  name: string,
  byDefault: boolean,
  help: string,
  accepted: string,
  contexts = SERVER,
  tells: 'note' | 'warn' = 'note',
): Directive {
  return directive({
    name,
    syntax: 'On|Off',
    contexts,
    default: byDefault ? 'On' : 'Off',
    help,
    accepted,
    ...onOff((cmd, on) => {
      if (on !== byDefault) cmd[tells](`${name}: ${accepted}`)
    }),
  })
}

function mainValue(
  name: string,
  syntax: string,
  help: string,
  set: (main: Draft<WsgiMain>, value: string, cmd: Command) => void,
): Directive {
  return directive({
    name,
    syntax,
    contexts: SERVER,
    help,
    ...take1((cmd, word) => set(cmd.main.draft(wsgiMain), word, cmd)),
  })
}

export const wsgiDirectives: readonly Directive[] = [
  mainValue(
    'WSGIPythonHome',
    'directory',
    'Python home (an installation or a virtual environment) of every process that has none of its own.',
    (main, value, cmd) => {
      main.pythonHome = cmd.resolve(value)
      main.pythonHomeAt = cmd.at
    },
  ),
  mainValue(
    'WSGIPythonEggs',
    'directory',
    'Python eggs cache directory of embedded processes.',
    (main, value) => {
      main.pythonEggs = value
    },
  ),
  mainValue('WSGIPythonOptimize', '0|1|2', 'Set level of Python compiler optimisations.', (main, value) => {
    const level = Number.parseInt(value, 10)
    main.pythonOptimize = Number.isNaN(level) ? 0 : Math.max(0, Math.min(2, level))
  }),
  mainValue(
    'WSGIPythonWarnings',
    'action[:message[:category[:module[:line]]]]',
    'Control strings for the Python warnings module; may be repeated.',
    (main, value) => {
      main.pythonWarnings = [...(main.pythonWarnings ?? []), value]
    },
  ),
  mainValue('WSGIPythonHashSeed', 'random|0..4294967295', 'Python hash seed.', (main, value, cmd) => {
    if (value !== 'random' && !(/^\d{1,10}$/.test(value) && Number(value) <= 0xffffffff)) {
      cmd.fail('WSGIPythonHashSeed must be "random" or an integer in range [0; 4294967295]')
    }
    main.pythonHashSeed = value
  }),
  mainFlag(
    'WSGIDontWriteBytecode',
    'dontWriteBytecode',
    false,
    'Do not write byte code files (as python -B).',
  ),
  directive({
    name: 'WSGIPy3kWarningFlag',
    syntax: 'On|Off',
    contexts: SERVER,
    default: 'Off',
    help: 'Python 2 only: warn of what Python 3 will not have (as python -3).',
    ...onOff((cmd, on) => {
      cmd.main.draft(wsgiMain).py3kWarningFlag = on
    }),
  }),
  mainValue(
    'WSGISocketPrefix',
    'file-path-prefix',
    'Path prefix of the sockets of daemon processes.',
    (main, value, cmd) => {
      main.socketPrefix = cmd.resolve(value)
    },
  ),
  mainFlag(
    'WSGIRestrictEmbedded',
    'restrictEmbedded',
    false,
    'Refuse to run applications in the server workers.',
  ),
  mainFlag(
    'WSGICaseSensitivity',
    'caseSensitivity',
    true,
    'Whether URLs that differ in case have interpreters of their own.',
  ),
  directive({
    name: 'WSGIAcceptMutex',
    syntax: 'default|flock|fcntl|sysvsem|posixsem|pthread',
    contexts: SERVER,
    default: 'default',
    help: 'Accept mutex of daemon processes.',
    accepted: 'Daemon processes do not compete for connections here: the server worker chooses the process.',
    ...take1((cmd: Command, word) => {
      if (!MUTEXES.includes(word.toLowerCase())) {
        cmd.fail(
          `Accept mutex lock mechanism '${word}' is invalid. Valid accept mutexes for this platform are: ${MUTEXES.join(', ')}.`,
        )
      }
    }),
  }),
  inertFlag(
    'WSGISocketRotation',
    true,
    'Whether socket names change with each restart.',
    'Each daemon process has a socket of its own, which lives as long as the process and is known to server workers of before and after a restart.',
  ),
  mainFlag(
    'WSGILazyInitialization',
    'lazyInitialization',
    true,
    'Initialise Python in each daemon process; Off: in one from which the others are forked.',
  ),
  inertFlag(
    'WSGIVerboseDebugging',
    false,
    'More records at debug level.',
    'Use LogLevel wsgi:debug or wsgi:trace1.',
  ),
  mainFlag(
    'WSGIServerMetrics',
    'serverMetrics',
    false,
    'Allow mod_wsgi.server_metrics() in embedded processes.',
  ),
  dirFlag('WSGIIgnoreActivity', 'ignoreActivity', false, 'Requests here do not reset the inactivity timer.'),
  inertFlag(
    'WSGIEnableSendfile',
    false,
    'Use sendfile for wsgi.file_wrapper.',
    'Files handed to wsgi.file_wrapper are always sent with the fastest means there is.',
    ALSO_HTACCESS,
  ),
  inertFlag(
    'WSGIPassApacheRequest',
    false,
    "Pass httpd's request record to the application.",
    'There is no httpd request record here: the key apache.request_rec is never set.',
    EVERYWHERE,
    'warn',
  ),
  inertFlag(
    'WSGIGroupAuthoritative',
    true,
    'Whether a failed group check is final.',
    'No effect, as in current mod_wsgi.',
    ['directory', 'htaccess'],
  ),

  directive({
    name: 'WSGIProcessGroup',
    syntax: 'name|%{GLOBAL}|%{ENV:variable}',
    contexts: EVERYWHERE,
    default: '%{GLOBAL}',
    help: 'Daemon process group that applications here run in.',
    ...take1((cmd: Command, word) => {
      cmd.dir.draft(wsgiDir).processGroup = parseGroupName(word)
    }),
  }),
  directive({
    name: 'WSGIApplicationGroup',
    syntax: 'name|%{GLOBAL}|%{RESOURCE}|%{SERVER}|%{HOST}|%{ENV:variable}',
    contexts: EVERYWHERE,
    default: '%{RESOURCE}',
    help: 'Application group (Python interpreter) that applications here run in.',
    ...take1((cmd: Command, word) => {
      cmd.dir.draft(wsgiDir).applicationGroup = parseGroupName(word)
    }),
  }),
  directive({
    name: 'WSGICallableObject',
    syntax: 'name|%{ENV:variable}',
    contexts: ALSO_HTACCESS,
    override: 'FileInfo',
    default: 'application',
    help: 'Name of the application object in the script file.',
    ...take1((cmd: Command, word) => {
      cmd.dir.draft(wsgiDir).callableObject = word
    }),
  }),
  directive({
    name: 'WSGIRestrictProcess',
    syntax: 'name|%{GLOBAL} ...',
    contexts: EVERYWHERE,
    help: 'Process groups that may be used here.',
    ...iterate((cmd, words) => {
      cmd.dir.draft(wsgiDir).restrictProcess = words.map((word) => (word === '%{GLOBAL}' ? '' : word))
    }),
  }),
  dirFlag(
    'WSGIPassAuthorization',
    'passAuthorization',
    false,
    'Pass the Authorization header to applications.',
  ),
  dirFlag(
    'WSGIScriptReloading',
    'scriptReloading',
    true,
    'Reload a script (embedded) or its process (daemon) when the script changes.',
  ),
  dirFlag(
    'WSGIErrorOverride',
    'errorOverride',
    false,
    "Use the server's error documents for errors of applications (daemon mode).",
  ),
  dirFlag('WSGIChunkedRequest', 'chunkedRequest', false, 'Allow chunked request bodies.'),
  directive({
    name: 'WSGIMapHEADToGET',
    syntax: 'On|Off|Auto',
    contexts: ALSO_HTACCESS,
    override: 'FileInfo',
    default: 'Auto',
    help: 'Whether HEAD requests are shown to applications as GET.',
    ...take1((cmd: Command, word) => {
      const mode = (['On', 'Off', 'Auto'] as const).find(
        (known) => known.toLowerCase() === word.toLowerCase(),
      )
      if (mode === undefined) cmd.fail(`${cmd.name} must be one of: Off | On | Auto`)
      cmd.dir.draft(wsgiDir).mapHeadToGet = mode
    }),
  }),

  ...telemetryDirectives,

  directive({
    name: 'WSGITrustedProxyHeaders',
    syntax: 'header ...',
    contexts: ALSO_HTACCESS,
    override: 'FileInfo',
    help: 'Proxy headers that may change what applications are told about the client and the request.',
    ...iterate((cmd, words) => {
      const dir = cmd.dir.draft(wsgiDir)
      dir.proxyHeaders = [...(dir.proxyHeaders ?? []), ...words.map((word) => word.toLowerCase())]
    }),
  }),
  directive({
    name: 'WSGITrustedProxies',
    syntax: 'ip-address[/prefix-length]|unix ...',
    contexts: ALSO_HTACCESS,
    override: 'FileInfo',
    help: 'Proxies whose WSGITrustedProxyHeaders are believed; without it, everybody is.',
    ...iterate((cmd, words) => {
      const dir = cmd.dir.draft(wsgiDir)
      dir.proxies = [...(dir.proxies ?? []), ...words.map((word) => readProxy(cmd, word))]
    }),
  }),
  directive({
    name: 'WSGIHttpdInterfaceVersion',
    syntax: '1.0|1.1',
    contexts: ALSO_HTACCESS,
    override: 'FileInfo',
    default: '1.1',
    help: 'What applications find in wsgi.version: (1, 1) as in mod_wsgi 3.0, or (1, 0) as PEP 3333 has it.',
    ...take1((cmd: Command, word) => {
      if (word !== '1.0' && word !== '1.1') cmd.fail(`${cmd.name} must be one of: 1.0 | 1.1`)
      cmd.dir.draft(wsgiDir).interfaceVersion = word
    }),
  }),
]

const MUTEXES = ['default', 'flock', 'fcntl', 'sysvsem', 'posixsem', 'pthread']

function readProxy(cmd: Command, word: string): Subnet {
  // what services have that mount an application
  if (word === 'unix') return overUnixSocket
  try {
    return parseSubnet(word)
  } catch (error) {
    if (!(error instanceof SubnetError)) throw error
    return cmd.fail(`Unable to parse trusted proxy IP address/subnet of "${word}".\n${error.message}`)
  }
}
