/**
 * `-k start`, `stop`, `restart`, `graceful`, `graceful-stop` and, which httpd does not have, `reopen-logs`: starts a server, or signals one that runs. Texts are httpd's.
 * Manual: https://httpd.apache.org/docs/2.4/stopping.html
 */
import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Loaded } from '../config/load.js'
import { takeServiceVariables } from '../system/service-variables.js'
import { type ConfigurationSource, checkProcesses } from './configuration.js'
import { findGivenSockets, isGivenSockets } from './given-sockets.js'
import { closeAllOnExec } from './libc.js'
import { findParent, type SupervisorEvent } from './parent.js'
import { readPidFile } from './pid-file.js'
import { findServiceManager } from './service-manager.js'
import { type Sent, SIGNAL_OF } from './signals.js'
import { Supervisor, type SupervisorOptions } from './supervisor.js'

export { checkProcesses }

/** What a detached supervisor writes once it serves. */
export const STARTED = 'started\n'

/** What a server in the foreground has left to do when it has stopped. */
const LEAVE_MS = 100

const ENTRY = fileURLToPath(new URL('./supervisor-main.js', import.meta.url))

export interface StartOptions {
  readonly source: ConfigurationSource
  /** What was read of it. A server that goes into the background reads it again. */
  readonly loaded: Loaded
  /** Where the server that runs says so; see `pidFileOf`. */
  readonly pidFile: string
  /** The words that the server was started with, for its log. */
  readonly commandLine: string
  /** Stay in the foreground: `-X`, `-DFOREGROUND`, `-DNO_DETACH`. */
  readonly foreground: boolean
  /** `-X`: one server worker. */
  readonly oneWorker: boolean
}

export interface Terminal {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
}

const TERMINAL: Terminal = {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
}

/**
 * Starts a server. In the foreground it returns when the server has stopped; else when it serves, or could not be started. What is wrong goes
 * to standard error.
 *
 * @returns the exit code
 */
export async function startServer(options: StartOptions, terminal = TERMINAL): Promise<number> {
  const state = readPidFile(options.pidFile)
  if (state.kind === 'running' && state.pid !== process.pid) {
    terminal.out(`httpd (pid ${state.pid}) already running\n`)
    return 0
  }
  const supervisor: SupervisorOptions = {
    source: options.source,
    commandLine: options.commandLine,
    oneWorker: options.oneWorker,
    ignoreWindowChange:
      options.foreground && (process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY),
  }
  const variables = takeServiceVariables()
  if (!options.foreground) {
    if (isGivenSockets(variables))
      terminal.error(
        'Sockets from the service manager are not used: that takes a server in the foreground (-DFOREGROUND).\n',
      )
    return startDetached(supervisor)
  }
  process.chdir('/')
  const parent = findParent(() => process.kill(process.pid, SIGNAL_OF.stop))
  const manager = findServiceManager(variables)
  const sockets = findGivenSockets(variables, (text) => terminal.error(`${text}\n`))
  const tell = (event: SupervisorEvent) => {
    parent?.tell(event)
    manager?.(event)
  }
  try {
    return await new Supervisor(supervisor, options.loaded, tell, sockets).run(() => {})
  } finally {
    parent?.leave()
    // What applications have left running may hold pipes of this process open, and Node would wait for them.
    setTimeout(() => process.exit(), LEAVE_MS).unref()
  }
}

/**
 * Signals the server of a pid file, and returns at once, as httpd does: the log says when the order has been carried out. The caller checks the
 * configuration before `restart` and `graceful`.
 *
 * @param start starts the server where `restart` or `graceful` find none
 * @returns the exit code
 */
export async function controlServer(
  order: Sent,
  pidFile: string,
  start: () => Promise<number>,
  terminal = TERMINAL,
): Promise<number> {
  const state = readPidFile(pidFile)
  if (state.kind === 'running') {
    try {
      process.kill(state.pid, SIGNAL_OF[order])
      return 0
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      terminal.error(`httpd (pid ${state.pid}): could not be signalled (${code}); is it another user's?\n`)
      return 1
    }
  }
  if (order === 'restart' || order === 'graceful') {
    terminal.out('httpd not running, trying to start\n')
    return start()
  }
  const which = state.kind === 'none' || state.pid === undefined ? '(no pid file)' : `(pid ${state.pid}?)`
  terminal.out(`httpd ${which} not running\n`)
  return 0
}

/** A session of its own, without terminal; standard error stays until the error log takes its place. */
async function startDetached(options: SupervisorOptions): Promise<number> {
  // whoever waits for the end of this command waits for all that hold its descriptors
  closeAllOnExec(new Set([0, 1, 2]))
  const child = spawn(process.execPath, [ENTRY, JSON.stringify(options)], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  })
  const report = child.stdio[3] as Duplex
  let said = ''
  await new Promise<void>((resolve) => {
    report.setEncoding('utf8')
    report.on('data', (text: string) => {
      said += text
    })
    report.once('close', () => resolve())
    child.once('error', () => resolve())
  })
  child.unref()
  return said === STARTED ? 0 : 1
}
