/**
 * The program's entry: tells commands from flags, runs them, and turns what a person typed wrong into a message.
 */
import { offerSpareWorker } from '../server/hand-over.js'
import { PidFileError } from '../server/pid-file.js'
import type { SpareWorker } from '../server/spare-worker.js'
import { APACHECTL_WORDS } from './commands.js'
import { PROGRAM } from './configuration.js'
import { explain } from './explain/command.js'
import { parseFlags } from './flags.js'
import { HINT, helpPage } from './help.js'
import { carryOut } from './httpd.js'
import { startServer } from './start-server/command.js'
import { status } from './status.js'
import { processTerminal, type Terminal } from './terminal.js'
import { UsageError } from './usage-error.js'

/**
 * Runs the program with the words after its name, and leaves the exit status for when the process ends.
 * @param spare a process for the first server worker, if one was started before this file was loaded
 */
export async function run(words: readonly string[], spare?: SpareWorker): Promise<void> {
  offerSpareWorker(spare)
  // A reader that closes the pipe (`wsgi-httpd -L | head`) is no reason for a stack.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  process.exitCode = await main(words, processTerminal())
}

/** @returns the exit status: 0 or 1 */
export async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(words, terminal)
  } catch (error) {
    if (error instanceof PidFileError) {
      terminal.err(`${error.message}\n`)
      return 1
    }
    if (!(error instanceof UsageError)) throw error
    const hint =
      error.command === undefined ? HINT : `Run "wsgi-httpd ${error.command} --help" for the options.`
    terminal.err(`${PROGRAM}: ${error.message}\n${hint}\n`)
    return 1
  }
}

async function dispatch(words: readonly string[], terminal: Terminal): Promise<number> {
  const [first, ...rest] = words
  if (first === 'help') {
    terminal.out(helpPage())
    return 0
  }
  if (first === 'start-server' || first === 'setup-server') return await startServer(first, rest, terminal)
  if (first === 'explain') return await explain(rest, terminal)
  if (first === 'status' || first === 'fullstatus') return status(parseFlags(rest), terminal)
  const flags =
    first !== undefined && Object.hasOwn(APACHECTL_WORDS, first) ? APACHECTL_WORDS[first] : undefined
  if (flags !== undefined) return await carryOut(parseFlags([...rest, ...flags]), terminal)
  if (first !== undefined && !first.startsWith('-')) throw new UsageError(unknownCommand(first))
  return await carryOut(parseFlags(words), terminal)
}

function unknownCommand(word: string): string {
  const file = /\.(wsgi|py)$/.test(word) ? `; to serve this application: wsgi-httpd start-server ${word}` : ''
  return `there is no command '${word}'${file}`
}
