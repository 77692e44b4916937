/**
 * Carries out what the flags ask for, with httpd's texts and exit statuses.
 */
import { loadSite } from '../config/load.js'
import { vocabulary } from '../modules/registry.js'
import { readConfiguration } from '../server/configuration.js'
import { Supervisor } from '../server/supervisor.js'
import { configurationSource } from './configuration.js'
import type { Invocation } from './flags.js'
import { helpPage } from './help.js'
import type { Terminal } from './terminal.js'
import { settingsText, versionText } from './version.js'

/**
 * @returns the exit status
 * @throws UsageError where no configuration file is named or found
 */
export async function carryOut(invocation: Invocation, terminal: Terminal): Promise<number> {
  switch (invocation.action.kind) {
    case 'help':
      terminal.out(helpPage())
      return 0
    case 'version':
      terminal.out(versionText())
      return 0
    case 'settings':
      terminal.out(settingsText())
      return 0
    case 'check':
      return check(invocation, terminal)
    case 'modules':
    case 'directives':
    case 'dump':
    case 'control':
      return await new Supervisor({
        source: configurationSource(invocation, terminal),
        commandLine: 'x',
        oneWorker: false,
        ignoreWindowChange: false,
      }).run(() => {})
  }
}

function check(invocation: Invocation, terminal: Terminal): number {
  const source = configurationSource(invocation, terminal)
  const configuration = readConfiguration(source, (text) => terminal.err(`${text}\n`))
  if (configuration === undefined) return 1
  // httpd writes this to stderr as well.
  terminal.err('Syntax OK\n')
  return 0
}
