/**
 * From the options of `mount` to what the server's own parts are configured with: the lines of an httpd.conf, read as any other is, and the
 * plan of its one daemon process group.
 */
import { statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { generateModuleScript } from '../cli/start-server/scripts.js'
import { line, quote } from '../cli/start-server/text.js'
import { ConfigError } from '../config/errors.js'
import { realFiles } from '../config/files.js'
import { loadSite } from '../config/load.js'
import type { Site } from '../config/site.js'
import { vocabulary } from '../modules/registry.js'
import { findGroup, findUser } from '../modules/unixd.js'
import { type ScriptAlias, wsgiServer } from '../modules/wsgi/settings.js'
import { type FoundPython, findNamedPython, findPython, kindOf } from '../python/find.js'
import { accountOf } from '../server/accounts.js'
import { planAll } from '../server/configuration.js'
import type { DaemonPlan } from '../server/daemon-plan.js'
import { PACKAGE_ROOT } from '../system/package-root.js'
import { OptionError } from './errors.js'
import { readable } from './log.js'
import type { Chosen } from './options.js'
import { variableFault } from './variables.js'

/** What a mounted application runs by. */
export interface MountPlan {
  readonly site: Site
  readonly alias: ScriptAlias
  readonly daemons: DaemonPlan
  /** For messages: the script's path, or `module:callable`. */
  readonly application: string
}

/** Options that are written as `WSGIDaemonProcess` has them: `maximumRequests` is `maximum-requests=`. */
const OF_PROCESSES = [
  'threads',
  'locale',
  'switchInterval',
  'maximumRequests',
  'maximumRequestsJitter',
  'user',
  'group',
  'umask',
  'cpuPriority',
  'memoryLimit',
  'virtualMemoryLimit',
  'residentMemoryLimit',
  'stackSize',
  'queueTimeout',
  'requestTimeout',
  'interruptTimeout',
  'startupTimeout',
  'deadlockTimeout',
  'socketTimeout',
  'connectTimeout',
  'inactivityTimeout',
  'restartInterval',
  'cpuTimeLimit',
  'gracefulTimeout',
  'shutdownTimeout',
  'responseSocketTimeout',
  'listenBacklog',
  'responseBufferSize',
] as const satisfies readonly (keyof Chosen)[]

const CONFIGURATION = '/mount'
const RELOADER = path.join(PACKAGE_ROOT, 'share', 'reloader.py')

/**
 * @param runtimeDir where a script is written that stands for `module:callable`
 * @throws OptionError
 */
export function planMount(options: Chosen, runtimeDir: string): MountPlan {
  const { script, application } = scriptOf(options, runtimeDir)
  const python = pythonOf(options.python)
  checkAccounts(options)
  checkVariables(options.setEnv)
  const lines = configurationOf(options, script, application)
  const faults: string[] = []
  const loaded = loadSite(
    {
      program: 'mount',
      file: CONFIGURATION,
      serverRoot: '/',
      vocabulary,
      environment: {},
      anyDocumentRoot: true,
      files: {
        ...realFiles,
        read: () => Buffer.from(lines.map(({ text }) => text).join('\n')).toString('latin1'),
      },
    },
    (text) => void faults.push(text),
  )
  if (loaded === undefined) throw rejected(faults, lines)
  const { site } = loaded
  const environment = { ...process.env, ...options.env }
  // who is not root runs everything as who he is; root is who it is unless told otherwise
  const frontUser = options.user === undefined ? null : { uid: 0, gid: 0 }
  try {
    const [daemons] = planAll(site, frontUser, { findPython: () => python, environment })
    const [alias] = site.main.settings.get(wsgiServer).aliases
    return {
      site,
      alias: alias as ScriptAlias,
      daemons: expecting(daemons as DaemonPlan, options.callableObject),
      application,
    }
  } catch (error) {
    if (error instanceof ConfigError) throw rejected([error.message], lines)
    throw error
  }
}

/** A script without the application is told at the start, not to the first client. */
function expecting(daemons: DaemonPlan, callable: string): DaemonPlan {
  const imports = (daemons.settings.imports ?? []).map((one) =>
    one.script === RELOADER ? one : { ...one, callable },
  )
  return { ...daemons, settings: { ...daemons.settings, imports } }
}

/** What the rules of options let pass and the configuration does not, such as addresses that are none. */
function rejected(faults: readonly string[], lines: readonly Line[]): TypeError {
  const [, number, fault = ''] =
    /^AH00526: Syntax error on line (\d+) of \/mount:\n(.*)/s.exec(faults[0] ?? '') ?? []
  const option = number === undefined ? undefined : lines[Number(number) - 1]?.option
  return option === undefined
    ? new TypeError(`mount: the options cannot be carried out: ${readable(faults.join('\n'))}`)
    : new OptionError('mount', option, `is refused: ${readable(fault)}`)
}

function checkAccounts({ user, group }: Chosen): void {
  const uid = user === undefined ? undefined : findUser(user)?.id
  if (user !== undefined && (uid === undefined || accountOf(uid) === undefined))
    throw new OptionError('mount', 'user', `names no account: ${user}`)
  if (group !== undefined && findGroup(group) === undefined)
    throw new OptionError('mount', 'group', `names no group: ${group}`)
}

function checkVariables(variables: Chosen['setEnv'] = {}): void {
  if (typeof variables === 'function') return
  for (const [name, value] of Object.entries(variables)) {
    const fault = variableFault(name, value)
    if (fault !== undefined) throw new OptionError('mount', 'setEnv', `is refused: ${fault}`)
  }
}

function scriptOf(
  { application: written, callableObject, workingDirectory }: Chosen,
  runtimeDir: string,
): { script: string; application: string } {
  checkDirectory(workingDirectory)
  const module = /^(?<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?<callable>[^\W\d]\w*)$/u.exec(written)?.groups
  if (module !== undefined && kindOfFile(written) === undefined) {
    const { name = '', callable = '' } = module
    if (callableObject !== 'application')
      throw new OptionError('mount', 'callableObject', `is for scripts: ${written} names the object already`)
    const script = path.join(runtimeDir, `${name}.wsgi`)
    // written anew it would be a script that has changed
    if (kindOfFile(script) === undefined)
      writeFileSync(script, generateModuleScript(name, callable), { mode: 0o644 })
    return { script, application: written }
  }
  const script = path.resolve(written)
  const found = kindOfFile(script)
  if (found === 'file') return { script, application: script }
  const isModule = /^[^\W\d]\w*(\.[^\W\d]\w*)*$/u.test(written)
  throw new OptionError(
    'mount',
    'application',
    found === undefined
      ? `names a file that is not there: ${script}${isModule ? `; a module is written with its callable, as ${written}:application` : ''}`
      : `must be a file: ${script} is a ${found}`,
  )
}

function checkDirectory(directory: Chosen['workingDirectory']): void {
  if (directory === undefined || kindOfFile(path.resolve(directory)) === 'directory') return
  throw new OptionError('mount', 'workingDirectory', `names no directory: ${path.resolve(directory)}`)
}

function kindOfFile(file: string): 'file' | 'directory' | undefined {
  const found = statSync(file, { throwIfNoEntry: false })
  return found?.isDirectory() ? 'directory' : found?.isFile() ? 'file' : undefined
}

/** An executable, what `python-home` takes, or a name on PATH. @throws OptionError */
function pythonOf(python: string | undefined): Pick<FoundPython, 'executable' | 'kind'> {
  try {
    if (python === undefined) return findPython()
    const file = path.resolve(python)
    const found = kindOfFile(file)
    if (found === undefined && !python.includes('/')) return findNamedPython(python)
    return found === 'file' ? { executable: file, kind: kindOf(file) } : findPython(file)
  } catch (error) {
    const why = (error as Error).message.replace(
      ', or name one with WSGIPythonHome or python-home=',
      ', or name one',
    )
    throw new OptionError(
      'mount',
      'python',
      python === undefined ? `is missing, and ${why}` : `leads to no Python: ${why}`,
    )
  }
}

/** One line of the configuration; `option`: what it is there for, where that is one alone. */
interface Line {
  readonly text: string
  readonly option?: keyof Chosen
}

function configurationOf(options: Chosen, script: string, application: string): Line[] {
  const directory = path.resolve(options.workingDirectory ?? '.')
  const group = options.processGroup ?? path.basename(application).replace(/[^\w.:-]/g, '_')
  const processes: [name: string, value: unknown][] = [
    // `processes=1` would tell the application that there are several
    ['processes', options.processes === 1 ? undefined : options.processes],
    ...OF_PROCESSES.map((name): [string, unknown] => [kebab(name), options[name]]),
    ['lang', options.locale],
    ['home', directory],
    ['python-path', [directory, ...(options.pythonPath ?? []).map((one) => path.resolve(one))].join(':')],
    ['display-name', options.displayName],
  ]
  const words = processes.flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${quote(String(value))}`,
  )
  const groups = `process-group=${quote(group)} application-group=${quote(options.applicationGroup)}`
  const trust = (name: string, option: 'trustProxyHeader' | 'trustProxy'): Line[] => {
    const listed = options[option] ?? []
    return listed.length === 0 ? [] : [{ text: `${name} ${listed.map(quote).join(' ')}`, option }]
  }
  const lines = [
    'ServerName localhost',
    `DocumentRoot ${quote(directory)}`,
    'TraceEnable Off',
    'WSGIRestrictEmbedded On',
    line('Timeout', options.socketTimeout),
    line('LimitRequestBody', options.limitRequestBody),
    ...(options.pythonWarnings ?? []).map((one) => `WSGIPythonWarnings ${quote(one)}`),
    `WSGIDaemonProcess ${quote(group)} ${words.join(' ')}`,
    `WSGIScriptAlias / ${quote(script)} ${groups}`,
    options.callableObject === 'application'
      ? undefined
      : `WSGICallableObject ${quote(options.callableObject)}`,
    `WSGIPassAuthorization ${onOff(options.passAuthorization)}`,
    `WSGIScriptReloading ${onOff(options.scriptReloading)}`,
    `WSGIChunkedRequest ${onOff(options.chunkedRequest)}`,
    options.reloadOnChanges ? `WSGIImportScript ${quote(RELOADER)} ${groups}` : undefined,
  ].filter((one) => one !== undefined)
  return [
    ...lines.map((text) => ({ text })),
    ...trust('WSGITrustedProxyHeaders', 'trustProxyHeader'),
    ...trust('WSGITrustedProxies', 'trustProxy'),
  ]
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function onOff(on: boolean): string {
  return on ? 'On' : 'Off'
}
