/**
 * The help page (`-h`, `--help`, `help`), made from the tables of flags and commands.
 */
import { COMMANDS } from './commands.js'
import { FLAGS } from './flags.js'

/** Column at which explanations begin, and the width of the page. */
const INDENT = 26
const WIDTH = 100

export function helpPage(): string {
  const flags = FLAGS.map((flag) =>
    entry(flag.argument ? `-${flag.letter} ${flag.argument}` : `-${flag.letter}`, flag.help),
  )
  const commands = COMMANDS.map((command) => entry(command.words, command.help))
  return `Usage: wsgi-httpd [flags]                        serves a configuration of Apache httpd and mod_wsgi
       wsgi-httpd COMMAND [flags]                the same in the words of apachectl, see below
       wsgi-httpd start-server SCRIPT [options]  serves one WSGI application

Flags:
${flags.join('\n')}

Commands:
${commands.join('\n')}

Examples:
  wsgi-httpd -f /etc/httpd/conf/httpd.conf -t     is this configuration understood?
  wsgi-httpd -d /etc/apache2 -DFOREGROUND         serves a Debian configuration in this terminal
  wsgi-httpd explain -d /etc/apache2 http://localhost/app/x
                                                  what would answer this request, and why?
  wsgi-httpd start-server app.wsgi --port 8000    serves app.wsgi on http://localhost:8000/
`
}

/** The few lines that follow an error of usage. */
export const HINT = 'Run "wsgi-httpd --help" for the flags and commands.'

/** `  left      explanation`, the explanation wrapped under itself; a long left side gets a line of its own. */
export function entry(left: string, help: string, indent = INDENT): string {
  const lines = wrap(help, WIDTH - indent)
  const margin = ' '.repeat(indent)
  const head = `  ${left}`
  if (head.length >= indent) return [head, ...lines.map((line) => margin + line)].join('\n')
  return [head.padEnd(indent) + (lines[0] ?? ''), ...lines.slice(1).map((line) => margin + line)].join('\n')
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return line === '' ? lines : [...lines, line]
}
