/**
 * `start-server` and `setup-server`: options → plan → files under the server root → the server, in the foreground.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readPidFile } from '../../server/pid-file.js'
import { isExecutable } from '../../system/executable.js'
import { errorText, native } from '../../system/libc.js'
import { PACKAGE_ROOT } from '../../system/package-root.js'
import { parseFlags } from '../flags.js'
import { carryOut, isConfigurationFine } from '../httpd.js'
import type { Terminal } from '../terminal.js'
import { generateConfiguration } from './generate.js'
import { startServerHelp } from './help.js'
import { parseOptions } from './parse.js'
import { makePlan, type Plan } from './plan.js'
import {
  generateControlScript,
  generateEnvironmentScript,
  generateHandlerScript,
  generateModuleScript,
} from './scripts.js'
import { claimServerRoot, type GeneratedFile, writeGenerated } from './server-root.js'
import { summary } from './summary.js'
import { fail, type Surroundings } from './surroundings.js'

const LAUNCHER = path.join(PACKAGE_ROOT, 'bin', 'wsgi-httpd.js')

/**
 * @returns the exit status
 * @throws UsageError for wrong options
 */
export async function startServer(
  command: 'start-server' | 'setup-server',
  words: readonly string[],
  terminal: Terminal,
): Promise<number> {
  if (words.includes('--help') || words.includes('-h')) {
    terminal.out(startServerHelp())
    return 0
  }
  const given = parseOptions(words, terminal.environment, command)
  const plan = makePlan(given, surroundings(terminal))
  const only = command === 'setup-server' || given.has('setup-only')
  const configFile = onDisk(() => {
    claimRoot(plan)
    if (!only) refuseSecond(plan)
    return writeFiles(plan, [command, ...words])
  })
  if (!isConfigurationFine(parseFlags(['-f', configFile]), terminal)) return 1
  terminal.out(summary(plan, configFile, only))
  const startupLog = plan.startupLog === undefined ? [] : ['-E', plan.startupLog]
  return only ? 0 : await carryOut(parseFlags(['-f', configFile, ...startupLog, '-DFOREGROUND']), terminal)
}

function surroundings({ cwd, environment }: Terminal): Surroundings {
  return {
    cwd,
    uid: process.getuid?.() ?? 0,
    temporary: tmpdir(),
    locale: environment.LC_ALL || environment.LC_CTYPE || environment.LANG,
    share: path.join(PACKAGE_ROOT, 'share'),
    groupOf: (user) => groupOf(user),
    kindOf,
    isExecutable,
    program: (name) => findProgram(name, environment.PATH ?? ''),
    hasLocale: (name) => newLocale(LOCALE_CATEGORIES, name, null) !== null,
  }
}

/** One that is made is never freed: it is asked for once, and the process goes on as another program or ends. */
const newLocale = native<[categories: number, name: string, base: null], unknown>(
  'void *newlocale(int, const char *, void *)',
)
/** The six of POSIX, whose bits are the same in all C libraries though not in the same order. */
const LOCALE_CATEGORIES = 0x3f

/** @throws UsageError where that cannot be told */
function kindOf(file: string): 'file' | 'directory' | undefined {
  try {
    const found = statSync(file)
    return found.isDirectory() ? 'directory' : found.isFile() ? 'file' : undefined
  } catch (error) {
    const { code = '', errno = 0 } = error as NodeJS.ErrnoException
    if (['ENOENT', 'ENOTDIR'].includes(code)) return undefined
    fail(`cannot look at ${file}: ${errorText(-errno)}`)
  }
}

function findProgram(name: string, searched: string): string | undefined {
  return searched
    .split(':')
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name))
    .find(isExecutable)
}

/** `#gid` of the account's own group; undefined where there is no such account, which the configuration's check reports. */
function groupOf(user: string): string | undefined {
  const { status, stdout } = spawnSync('id', ['-g', '--', user.replace(/^#/, '')], { encoding: 'utf8' })
  return status === 0 ? `#${stdout.trim()}` : undefined
}

/** What the system refuses is somebody's to mend, not a fault of the program. */
function onDisk<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { syscall, path: file, errno } = error as NodeJS.ErrnoException
    if (syscall === undefined || file === undefined || errno === undefined) throw error
    fail(
      `cannot write the files of the server: ${syscall} ${file}: ${errorText(-errno)}; --server-root and --log-directory name other directories`,
    )
  }
}

function claimRoot(plan: Plan): void {
  const uid = process.getuid?.() ?? 0
  claimServerRoot(plan.serverRoot, {
    uid,
    // Started as root, the account of the application must find the files in here, but not list them.
    mode: uid === 0 ? 0o711 : 0o700,
    isNamed: plan.given.has('server-root'),
    isEntered: uid === 0 && (plan.moduleName !== undefined || plan.handlers.length > 0),
  })
}

/** A server that runs would take over another configuration at its next restart, without being asked. */
function refuseSecond({ pidFile }: Plan): void {
  const state = readPidFile(pidFile)
  if (state.kind !== 'running' || state.pid === process.pid) return
  fail(
    `a server is running already (pid ${state.pid} in ${pidFile}); stop it with kill ${state.pid}, or use another --port or --server-root`,
  )
}

/** @returns the path of the configuration file */
function writeFiles(plan: Plan, command: readonly string[]): string {
  const configFile = path.join(plan.serverRoot, 'httpd.conf')
  writeGenerated(generatedFiles(plan, configFile, command))
  for (const file of [plan.errorLog, plan.accessLog, plan.startupLog, ...plan.services.map(({ log }) => log)])
    if (file !== undefined && !file.startsWith('/dev/')) mkdirSync(path.dirname(file), { recursive: true })
  return configFile
}

function generatedFiles(plan: Plan, configFile: string, command: readonly string[]): GeneratedFile[] {
  const { moduleName, environmentScript } = plan
  const files: GeneratedFile[] = [
    {
      path: path.join(plan.serverRoot, 'apachectl'),
      text: generateControlScript(process.execPath, LAUNCHER, configFile),
      mode: 0o700,
    },
    // Read before the configuration is, by whatever starts the server.
    {
      path: path.join(plan.serverRoot, 'envvars'),
      text: environmentScript === undefined ? undefined : generateEnvironmentScript(environmentScript),
      mode: 0o600,
    },
    { path: configFile, text: generateConfiguration(plan, command), mode: 0o600 },
  ]
  if (plan.handlers.length > 0)
    files.unshift({ path: plan.handlerScript, text: generateHandlerScript(plan.handlers), mode: 0o644 })
  if (moduleName !== undefined) {
    const callable = plan.given.text('callable-object') ?? 'application'
    files.unshift({ path: plan.entry, text: generateModuleScript(moduleName, callable), mode: 0o644 })
  }
  return files
}
