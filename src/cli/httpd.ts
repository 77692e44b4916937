/**
 * Carries out what the flags ask for, with httpd's texts and exit statuses.
 * https://httpd.apache.org/docs/2.4/programs/httpd.html
 */
import { openSync } from 'node:fs'
import path from 'node:path'
import { ConfigError, type ConfigWarning } from '../config/errors.js'
import { reasonOf } from '../config/files.js'
import { describeError, describeWarning, type Loaded, loadSite } from '../config/load.js'
import { textOf } from '../config/text.js'
import { checkLogDirectories, logDestinations } from '../log/destination.js'
import { LEVELS } from '../log/error-log.js'
import { modules } from '../modules/index.js'
import { vocabulary } from '../modules/registry.js'
import { type ConfigurationSource, checkProcesses, checkTls, pidFileOf } from '../server/configuration.js'
import { controlServer, startServer } from '../server/control.js'
import { dup2 } from '../server/libc.js'
import { configurationSource, PROGRAM } from './configuration.js'
import { builtInText, directivesText, dumpText } from './dump.js'
import type { Control, Invocation } from './flags.js'
import { helpPage } from './help.js'
import { findPidFile } from './pid-file.js'
import type { Terminal } from './terminal.js'
import { settingsText, versionText } from './version.js'

/**
 * @returns the exit status
 * @throws UsageError where no configuration file is named or found
 */
export async function carryOut(invocation: Invocation, terminal: Terminal): Promise<number> {
  const { action } = invocation
  switch (action.kind) {
    case 'help':
      terminal.out(helpPage())
      return 0
    case 'version':
      terminal.out(versionText())
      return 0
    case 'settings':
      terminal.out(settingsText())
      return 0
    case 'modules':
      terminal.out(builtInText(modules))
      return 0
    case 'directives':
      terminal.out(directivesText(modules))
      return 0
    case 'dump':
      return dump(invocation, terminal)
    case 'check':
      return check(invocation, terminal)
    case 'control':
      return await control(action.control, invocation, terminal)
  }
}

/** `-t`. */
function check(invocation: Invocation, terminal: Terminal): number {
  redirectErrors(invocation, terminal)
  if (!isConfigurationFine(invocation, terminal)) return 1
  // httpd writes this to stderr, too.
  terminal.err('Syntax OK\n')
  return 0
}

/** Whether a server could be started with it; faults and warnings go to stderr. */
export function isConfigurationFine(invocation: Invocation, terminal: Terminal): boolean {
  const loaded = load(configurationSource(invocation, terminal), invocation, terminal)
  return (
    loaded !== undefined &&
    tlsIsFine(loaded, invocation, terminal) &&
    processesAreFine(loaded, invocation, terminal) &&
    logsAreFine(loaded, terminal)
  )
}

/** `-S`, `-M` and `-D DUMP_…`. */
function dump(invocation: Invocation, terminal: Terminal): number {
  const loaded = load(configurationSource(invocation, terminal), invocation, terminal)
  if (loaded === undefined) return 1
  terminal.out(textOf(dumpText(invocation.defines, loaded, modules)))
  return 0
}

/** Missing certificates, keys that do not belong to them, ciphers that nobody knows. */
function tlsIsFine({ site }: Loaded, invocation: Invocation, terminal: Terminal): boolean {
  try {
    checkTls(site, (warning) => tellOf(warning, invocation, terminal))
    return true
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    terminal.err(`${textOf(describeError(error))}\n`)
    return false
  }
}

/** Directories of log files that are not there; nothing is opened. */
function logsAreFine({ site }: Loaded, terminal: Terminal): boolean {
  const faults = checkLogDirectories(logDestinations(site))
  for (const fault of faults) terminal.err(`${textOf(fault)}\n`)
  if (faults.length > 0) terminal.err('AH00014: Configuration check failed\n')
  return faults.length === 0
}

/** What is wrong with users and Pythons of process groups. A missing `User` shows when the server is started, as with httpd. */
function processesAreFine({ site }: Loaded, invocation: Invocation, terminal: Terminal): boolean {
  try {
    checkProcesses(site, (warning) => tellOf(warning, invocation, terminal))
    return true
  } catch (error) {
    const isFault = error instanceof ConfigError
    terminal.err(
      isFault ? `${textOf(describeError(error))}\n` : `${PROGRAM}: warning: ${(error as Error).message}\n`,
    )
    return !isFault
  }
}

async function control(order: Control, invocation: Invocation, terminal: Terminal): Promise<number> {
  const source = configurationSource(invocation, terminal)
  const said = { out: terminal.out, error: terminal.err }
  if (order === 'stop' || order === 'graceful-stop' || order === 'reopen-logs') {
    return await controlServer(order, findPidFile(source, terminal.environment), async () => 1, said)
  }
  redirectErrors(invocation, terminal)
  // The supervisor tells of warnings.
  const loaded = load(source, invocation, terminal, 'faults')
  if (loaded === undefined) return 1
  const pidFile = pidFileOf(loaded.site)
  const start = () => {
    const foreground =
      invocation.debug || ['FOREGROUND', 'NO_DETACH'].some((name) => invocation.defines.includes(name))
    const commandLine = [PROGRAM, ...invocation.words].join(' ')
    return startServer(
      { source, loaded, pidFile, commandLine, foreground, oneWorker: invocation.debug },
      said,
    )
  }
  return order === 'start' ? await start() : await controlServer(order, pidFile, start, said)
}

/** Reads the configuration; faults, and where asked warnings, go to stderr. */
function load(
  source: ConfigurationSource,
  invocation: Invocation,
  terminal: Terminal,
  tell: 'faults' | 'all' = 'all',
): Loaded | undefined {
  const options = { ...source, vocabulary, environment: terminal.environment }
  const loaded = loadSite(options, (text) => terminal.err(`${textOf(text)}\n`))
  if (tell === 'faults') return loaded
  for (const warning of loaded?.site.warnings ?? []) tellOf(warning, invocation, terminal)
  return loaded
}

function tellOf(warning: ConfigWarning, { startupLevel }: Invocation, terminal: Terminal): void {
  const { isNote } = warning
  if (LEVELS.indexOf(startupLevel ?? 'warn') < LEVELS.indexOf(isNote ? 'info' : 'warn')) return
  terminal.err(`${PROGRAM}: ${isNote ? 'note' : 'warning'}: ${textOf(describeWarning(warning))}\n`)
}

/** `-E file`: what goes to stderr until the error log is open goes there instead; a file that cannot be opened is told there, and that is all. */
function redirectErrors({ startupLog }: Invocation, { cwd, err }: Terminal): void {
  if (startupLog === undefined) return
  try {
    dup2(openSync(path.resolve(cwd, startupLog), 'a'), 2)
  } catch (error) {
    err(`${reasonOf(error)}: AH00086: ${PROGRAM}: could not open error log file ${startupLog}.\n`)
  }
}
