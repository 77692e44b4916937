/**
 * What `start-server` is going to do: the options given, with every default and every path filled in. Pure but for looking at files
 * through the functions it is handed.
 */
import path from 'node:path'
import { UsageError } from '../usage-error.js'
import type { Given } from './parse.js'

/** What the plan needs to know of the machine. */
export interface Surroundings {
  readonly cwd: string
  readonly uid: number
  /** Directory for server roots: `$TMPDIR` or `/tmp`. */
  readonly temporary: string
  /** `LC_ALL`, `LC_CTYPE` or `LANG`, whichever is in force. */
  readonly locale: string | undefined
  /** The package's folder `share`. */
  readonly share: string
  /** `#gid` of the primary group of an account. */
  groupOf(user: string): string | undefined
  kindOf(file: string): 'file' | 'directory' | undefined
}

export interface Mount {
  readonly url: string
  readonly path: string
  readonly kind: 'file' | 'directory'
}

export interface Plan {
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
  readonly errorLog: string
  readonly accessLog: string | undefined
  /** Of a static site. */
  readonly documentRoot: string | undefined
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
  readonly locale: string | undefined
  readonly user: string | undefined
  readonly group: string | undefined
  /** Path of the script that watches the loaded modules. */
  readonly reloader: string | undefined
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
  checkTogether(given, around, entry.kind)
  return {
    ...entry,
    host,
    port,
    hostName,
    serverRoot,
    pidFile: path.resolve(serverRoot, given.text('pid-file') ?? 'httpd.pid'),
    errorLog: logFile(given, here, 'error-log-name', 'error_log', '/dev/stderr', serverRoot),
    accessLog: given.has('access-log')
      ? logFile(given, here, 'access-log-name', 'access_log', '/dev/stdout', serverRoot)
      : undefined,
    documentRoot: entry.kind === 'static' ? entry.entry : undefined,
    mountPoint: given.text('mount-point') ?? '/',
    aliases: findAliases(given, around),
    processGroup: embedded || entry.kind === 'static' ? undefined : (given.text('process-group') ?? name),
    applicationGroup: given.text('application-group') ?? '%{GLOBAL}',
    processTitle: given.text('process-name') ?? `(wsgi:${name}:${around.uid})`,
    processes: Number(given.text('processes') ?? 1),
    threads: Number(given.text('threads') ?? DEFAULT_THREADS),
    workingDirectory,
    pythonHome: optional(given.text('python-home'), here),
    pythonPath: [workingDirectory, ...given.list('python-path').map(here)],
    locale: given.text('locale') ?? (isAscii(around.locale) ? 'C.UTF-8' : around.locale),
    ...account(given, around),
    reloader: given.has('reload-on-changes') ? path.join(around.share, 'reloader.py') : undefined,
    given,
  }
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
    if (!/^[^\W\d]\w*(\.[^\W\d]\w*)*$/u.test(given.entry))
      fail(`'${given.entry}' is no name of a Python module`)
    return { kind, entry: path.join(serverRoot, 'handler.wsgi'), moduleName: given.entry, isWelcome: false }
  }
  const entry = path.resolve(around.cwd, given.entry)
  const wanted = kind === 'static' ? 'directory' : 'file'
  const found = around.kindOf(entry)
  if (found === undefined) fail(`there is no ${wanted} ${entry}`)
  if (found !== wanted) fail(`${entry} is a ${found}; --application-type ${kind} needs a ${wanted}`)
  return { kind, entry, moduleName: undefined, isWelcome: false }
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

function checkTogether(given: Given, around: Surroundings, kind: Plan['kind']): void {
  if (around.uid === 0 && !given.has('user'))
    fail('started as root, --user is needed: the account to run the application as')
  if (given.has('embedded-mode')) {
    for (const name of ['process-group', 'processes', 'reload-on-changes'])
      if (given.has(name))
        fail(`--embedded-mode has no daemon processes, so --${name} cannot be used with it`)
  }
  if (given.has('log-directory') && given.has('log-to-terminal'))
    fail('--log-directory and --log-to-terminal exclude each other')
  if (given.has('reload-on-changes') && given.has('disable-reloading'))
    fail('--reload-on-changes and --disable-reloading exclude each other')
  if (given.has('server-alias') && !given.has('server-name')) fail('--server-alias needs --server-name')
  if (kind === 'static' && given.has('mount-point'))
    fail('--mount-point is for applications, not for --application-type static')
  for (const name of ['directory-index', 'directory-listing', 'allow-override'])
    if (given.has(name) && kind !== 'static') fail(`--${name} is for --application-type static`)
}

function logFile(
  given: Given,
  here: (file: string) => string,
  option: string,
  byDefault: string,
  terminal: string,
  serverRoot: string,
): string {
  if (given.has('log-to-terminal')) return terminal
  const directory = given.text('log-directory')
  return path.resolve(directory === undefined ? serverRoot : here(directory), given.text(option) ?? byDefault)
}

/** Under the locales `C` and `POSIX` Python may not open files with other names than ASCII ones. */
function isAscii(locale: string | undefined): boolean {
  return locale === undefined || locale === '' || locale === 'C' || locale === 'POSIX'
}

function optional(word: string | undefined, resolve: (word: string) => string): string | undefined {
  return word === undefined ? undefined : resolve(word)
}

function fail(message: string): never {
  throw new UsageError(message, 'start-server')
}
