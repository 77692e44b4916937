/**
 * `start-server` and `setup-server`: options → plan → files under the server root → the server, in the foreground.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
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
import { claimServerRoot, type GeneratedFile, writeGenerated } from './server-root.js'
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
  claimServerRoot(plan.serverRoot, {
    uid,
    // Started as root, the account of the application must find the files in here, but not list them.
    mode: uid === 0 ? 0o711 : 0o700,
    isNamed: plan.given.has('server-root'),
    isEntered: uid === 0 && (plan.moduleName !== undefined || plan.handlers.length > 0),
  })
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
