/**
 * `status`: whether the server of a configuration runs.
 */
import { readConfiguration } from '../server/configuration.js'
import { readPidFile } from '../server/pid-file.js'
import { configurationSource } from './configuration.js'
import type { Invocation } from './flags.js'
import type { Terminal } from './terminal.js'

/** @returns 0 when it runs, 1 when it does not or the configuration has faults */
export function status(invocation: Invocation, terminal: Terminal): number {
  const configuration = readConfiguration(configurationSource(invocation, terminal), (text) =>
    terminal.err(`${text}\n`),
  )
  if (configuration === undefined) return 1
  const { pidFile, listen } = configuration
  const state = readPidFile(pidFile)
  if (state.kind === 'running') {
    const addresses = listen.addresses.map(({ host, port }) => `${host === '' ? '*' : host}:${port}`)
    terminal.out(
      `wsgi-httpd (pid ${state.pid}) is running; its configuration listens on ${addresses.join(', ')}\n`,
    )
    return 0
  }
  terminal.out(
    `wsgi-httpd is not running (${state.kind === 'none' ? 'no pid file' : 'stale pid file'} ${pidFile})\n`,
  )
  return 1
}
