/**
 * What `start-server` is going to do: the options given, with every default and every path filled in. Pure but for looking at files
 * through the functions it is handed.
 */
import path from 'node:path'
import type { Given } from './parse.js'
import {
  existing,
  type FileHandler,
  type HookScripts,
  type Logs,
  planHandlers,
  planHooks,
  planLogs,
  planServices,
  planTls,
  type Service,
  type Tls,
} from './plan-parts.js'
import { fail, type Surroundings } from './surroundings.js'
import { includePattern } from './text.js'
import { contradiction } from './together.js'

export interface Mount {
  readonly url: string
  readonly path: string
  readonly kind: 'file' | 'directory'
}

export interface Plan extends Logs {
  readonly kind: 'script' | 'module' | 'static'
  /** Script file, or directory of a static site. For a module: the file to be written that imports it. */
  readonly entry: string
  /** Import name, for kind `module`. */
  readonly moduleName: string | undefined
  readonly isWelcome: boolean
  readonly host: string | undefined
  readonly port: number
  /** `localhost` where no host is given; names the group and the server root. */
  readonly hostName: string
  readonly serverRoot: string
  readonly pidFile: string
  /** Where files are served from: all of a static site, and what goes before an application. */
  readonly documentRoot: string | undefined
  readonly tls: Tls | undefined
  readonly hooks: HookScripts
  readonly services: readonly Service[]
  /** Scripts for files of the document root; where there are any, the script to be written that chooses between them. */
  readonly handlers: readonly FileHandler[]
  readonly handlerScript: string
  /** A shell script that sets variables. */
  readonly environmentScript: string | undefined
  readonly mimeTypes: string | undefined
  readonly mountPoint: string
  /** Longest URL first, as the first that matches is taken. */
  readonly aliases: readonly Mount[]
  /** Undefined: embedded mode, or no application at all. */
  readonly processGroup: string | undefined
  readonly applicationGroup: string
  readonly processTitle: string
  readonly processes: number
  readonly threads: number
  readonly workingDirectory: string
  readonly pythonHome: string | undefined
  readonly pythonPath: readonly string[]
  readonly pythonEggs: string | undefined
  readonly locale: string | undefined
  readonly user: string | undefined
  readonly group: string | undefined
  /** Path of the script that watches the loaded modules. */
  readonly reloader: string | undefined
  /** Files of further configuration, as patterns. */
  readonly included: readonly string[]
  readonly given: Given
}

const DEFAULT_PORT = 8000
const DEFAULT_THREADS = 5

/** @throws UsageError where options contradict each other or name what is not there. */
export function makePlan(given: Given, around: Surroundings): Plan {
  const port = Number(given.text('port') ?? DEFAULT_PORT)
  const host = given.text('host')
  const hostName = host ?? 'localhost'
  const name = `${hostName}:${port}`
  const here = (file: string) => path.resolve(around.cwd, file)
  const serverRoot = here(
    given.text('server-root') ?? path.join(around.temporary, `wsgi-httpd-${name}:${around.uid}`),
  )
  const entry = findEntry(given, around, serverRoot)
  const embedded = given.has('embedded-mode')
  const workingDirectory = here(given.text('working-directory') ?? '.')
  if (around.kindOf(workingDirectory) !== 'directory')
    fail(`--working-directory: there is no directory ${workingDirectory}`)
  const wrong = contradiction(given, around.uid, entry.kind)
  if (wrong !== undefined) fail(wrong)
  const pythonPath = [workingDirectory, ...given.list('python-path').map(here)]
  const split = pythonPath.find((directory) => directory.includes(':'))
  if (split !== undefined && entry.kind !== 'static')
    fail(
      `${split} cannot be on the module path, whose directories a colon separates; rename it or link to it`,
    )
  const file = (option: string) => optional(given.text(option), (word) => existing(around, option, word))
  return {
    ...entry,
    host,
    port,
    hostName,
    serverRoot,
    pidFile: planPidFile(given, around, serverRoot),
    ...planLogs(given, around, serverRoot),
    documentRoot: entry.kind === 'static' ? entry.entry : findDocumentRoot(given, around),
    tls: planTls(given, around),
    hooks: planHooks(given, around),
    services: planServices(given, around, serverRoot),
    handlers: planHandlers(given, around),
    handlerScript: path.join(serverRoot, 'resource.wsgi'),
    environmentScript: file('envvars-script'),
    mimeTypes: file('mime-types'),
    // WSGIScriptAlias would want a slash after the script, too
    mountPoint: given.text('mount-point')?.replace(/\/+$/, '') || '/',
    aliases: findAliases(given, around),
    processGroup: embedded || entry.kind === 'static' ? undefined : (given.text('process-group') ?? name),
    applicationGroup: given.text('application-group') ?? '%{GLOBAL}',
    processTitle: given.text('process-name') ?? `(wsgi:${name}:${around.uid})`,
    processes: Number(given.text('processes') ?? 1),
    threads: Number(given.text('threads') ?? DEFAULT_THREADS),
    workingDirectory,
    pythonHome: optional(given.text('python-home'), here),
    pythonPath,
    pythonEggs: optional(given.text('python-eggs'), here),
    locale: planLocale(given, around),
    ...account(given, around),
    reloader: given.has('reload-on-changes') ? path.join(around.share, 'reloader.py') : undefined,
    included: given.list('include-file').map((word) => planInclude(word, around)),
    given,
  }
}

function planPidFile(given: Given, around: Surroundings, serverRoot: string): string {
  const file = path.resolve(serverRoot, given.text('pid-file') ?? 'httpd.pid')
  const folder = path.dirname(file)
  if (folder !== serverRoot && around.kindOf(folder) !== 'directory')
    fail(`--pid-file: there is no directory ${folder}`)
  if (around.kindOf(file) === 'directory') fail(`--pid-file: ${file} is a directory`)
  return file
}

/** Python would go on with another one and a line in the error log. */
function planLocale(given: Given, around: Surroundings): string | undefined {
  const name = given.text('locale')
  if (name === undefined) return isAscii(around.locale) ? 'C.UTF-8' : around.locale
  if (name === '' || !around.hasLocale(name))
    fail(`--locale: there is no locale '${name}' on this machine; "locale -a" lists those that there are`)
  return name
}

/** The word may have wildcards, as `Include` has them, but not where it names a file as it stands, nor does the directory that it is relative to. */
function planInclude(word: string, around: Surroundings): string {
  const file = path.resolve(around.cwd, word)
  return around.kindOf(file) === undefined
    ? path.resolve(includePattern(around.cwd), word)
    : includePattern(file)
}

/** httpd wants a group beside the user. */
function account(given: Given, around: Surroundings): Pick<Plan, 'user' | 'group'> {
  const user = given.text('user')
  return { user, group: given.text('group') ?? (user === undefined ? undefined : around.groupOf(user)) }
}

type Entry = Pick<Plan, 'kind' | 'entry' | 'moduleName' | 'isWelcome'>

function findEntry(given: Given, around: Surroundings, serverRoot: string): Entry {
  const kind = (given.text('application-type') ?? 'script') as Plan['kind']
  if (given.entry === undefined) {
    if (kind !== 'script') fail(`--application-type ${kind} needs an entry point`)
    return { kind, entry: path.join(around.share, 'welcome.wsgi'), moduleName: undefined, isWelcome: true }
  }
  if (kind === 'module') {
    if (!given.entry.split('.').every((name) => NAME.test(name)))
      fail(`'${given.entry}' is no name of a Python module${callableHint(given.entry)}`)
    return { kind, entry: path.join(serverRoot, 'handler.wsgi'), moduleName: given.entry, isWelcome: false }
  }
  const entry = path.resolve(around.cwd, given.entry)
  const wanted = kind === 'static' ? 'directory' : 'file'
  const found = around.kindOf(entry)
  if (found === undefined)
    fail(`there is no ${wanted} ${entry}${kind === 'script' ? moduleHint(given.entry, around) : ''}`)
  if (found !== wanted) fail(`${entry} is a ${found}; --application-type ${kind} needs a ${wanted}`)
  return { kind, entry, moduleName: undefined, isWelcome: false }
}

/** Python's names are not of ASCII alone. */
const NAME = /^[\p{ID_Start}_]\p{ID_Continue}*$/u

/** Other servers take `module:object`. */
const MODULE_AND_OBJECT = /^([\p{ID_Continue}.]+):(\p{ID_Continue}+)$/u

function callableHint(entry: string): string {
  const [, module, callable] = MODULE_AND_OBJECT.exec(entry) ?? []
  return module === undefined ? '' : `; for an object in it: ${module} --callable-object ${callable}`
}

/** Where a script was to be named: how to name a module. */
function moduleHint(entry: string, around: Surroundings): string {
  const [, module = entry, callable] = MODULE_AND_OBJECT.exec(entry) ?? []
  const file = path.resolve(around.cwd, module.replaceAll('.', '/'))
  if (callable === undefined && around.kindOf(`${file}.py`) === undefined) return ''
  const object = callable === undefined ? '' : ` --callable-object ${callable}`
  return `; for a module: --application-type module ${module}${object}`
}

function findAliases(given: Given, around: Surroundings): Mount[] {
  return given
    .pairs('url-alias')
    .map(([url, file]): Mount => {
      const target = path.resolve(around.cwd, file)
      const kind = around.kindOf(target)
      if (kind === undefined) fail(`--url-alias ${url}: there is no file or directory ${target}`)
      return { url, path: target, kind }
    })
    .sort((a, b) => b.url.length - a.url.length)
}

function findDocumentRoot(given: Given, around: Surroundings): string | undefined {
  const written = given.text('document-root')
  if (written === undefined) return undefined
  const directory = path.resolve(around.cwd, written)
  if (around.kindOf(directory) !== 'directory') fail(`--document-root: there is no directory ${directory}`)
  return directory
}

/** Under the locales `C` and `POSIX` Python may not open files with other names than ASCII ones. */
function isAscii(locale: string | undefined): boolean {
  return locale === undefined || locale === '' || locale === 'C' || locale === 'POSIX'
}

function optional(word: string | undefined, resolve: (word: string) => string): string | undefined {
  return word === undefined ? undefined : resolve(word)
}
