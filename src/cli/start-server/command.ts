/**
 * `start-server` and `setup-server`: options → plan → files under the server root → the server, in the foreground.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
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
import { claimServerRoot, replaceFile } from './server-root.js'
import { summary } from './summary.js'
import type { Surroundings } from './surroundings.js'

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
  const configFile = writeFiles(plan, [command, ...words])
  const only = command === 'setup-server' || given.has('setup-only')
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
    kindOf(file) {
      const found = statSync(file, { throwIfNoEntry: false })
      return found?.isDirectory() ? 'directory' : found?.isFile() ? 'file' : undefined
    },
    program: (name) => findProgram(name, environment.PATH ?? ''),
  }
}

function findProgram(name: string, searched: string): string | undefined {
  return searched
    .split(':')
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
}

/** `#gid` of the account's own group; undefined where there is no such account, which the configuration's check reports. */
function groupOf(user: string): string | undefined {
  const { status, stdout } = spawnSync('id', ['-g', '--', user.replace(/^#/, '')], { encoding: 'utf8' })
  return status === 0 ? `#${stdout.trim()}` : undefined
}

/** @returns the path of the configuration file */
function writeFiles(plan: Plan, command: readonly string[]): string {
  const uid = process.getuid?.() ?? 0
  // Started as root, the account of the application must find the files in here, but not list them.
  claimServerRoot(plan.serverRoot, uid === 0 ? 0o711 : 0o700, uid)
  const configFile = path.join(plan.serverRoot, 'httpd.conf')
  for (const file of [plan.errorLog, plan.accessLog, plan.startupLog, ...plan.services.map(({ log }) => log)])
    if (file !== undefined && !file.startsWith('/dev/')) mkdirSync(path.dirname(file), { recursive: true })
  if (plan.moduleName !== undefined)
    replaceFile(
      plan.entry,
      generateModuleScript(plan.moduleName, plan.given.text('callable-object') ?? 'application'),
      0o644,
    )
  if (plan.handlers.length > 0) replaceFile(plan.handlerScript, generateHandlerScript(plan.handlers), 0o644)
  replaceFile(
    path.join(plan.serverRoot, 'apachectl'),
    generateControlScript(process.execPath, LAUNCHER, configFile),
    0o700,
  )
  // Read before the configuration is, by whatever starts the server.
  const envvars = path.join(plan.serverRoot, 'envvars')
  if (plan.environmentScript === undefined) rmSync(envvars, { force: true })
  else replaceFile(envvars, generateEnvironmentScript(plan.environmentScript), 0o600)
  replaceFile(configFile, generateConfiguration(plan, command), 0o600)
  return configFile
}
