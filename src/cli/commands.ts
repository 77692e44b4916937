/**
 * The words that may stand in place of flags: those of `apachectl`, those of `mod_wsgi-express`, and what they stand for.
 */

/** `apachectl` words that are another way to write flags. Further flags may follow. */
export const APACHECTL_WORDS: Readonly<Record<string, readonly string[]>> = {
  start: ['-k', 'start'],
  stop: ['-k', 'stop'],
  restart: ['-k', 'restart'],
  graceful: ['-k', 'graceful'],
  'graceful-stop': ['-k', 'graceful-stop'],
  'reopen-logs': ['-k', 'reopen-logs'],
  configtest: ['-t'],
}

export interface CommandHelp {
  readonly words: string
  readonly help: string
}

/** For the help page. */
export const COMMANDS: readonly CommandHelp[] = [
  { words: 'start-server SCRIPT [options]', help: 'serves one application; see start-server --help' },
  { words: 'setup-server SCRIPT [options]', help: 'only writes the configuration for that' },
  { words: 'start, stop, restart, graceful, graceful-stop, reopen-logs', help: 'as -k with that word' },
  { words: 'configtest', help: 'as -t' },
  { words: 'explain URL [options]', help: 'says what would answer a request, and why; see explain --help' },
  { words: 'status', help: 'says whether the server of this configuration runs' },
  { words: 'help', help: 'shows this page' },
]

/** Whether a word is one of them. */
export function isCommand(word: string): boolean {
  return /^[a-z-]+$/.test(word) && COMMANDS.some(({ words }) => words.split(/,? /).includes(word))
}
