/**
 * The page of `start-server --help`.
 */
import { entry } from '../help.js'
import type { Option } from './option.js'
import { OPTION_GROUPS } from './options.js'

const INDENT = 34

export function startServerHelp(): string {
  const groups = OPTION_GROUPS.map(({ title, options }) => `${title}:\n${options.map(line).join('\n')}\n`)
  return `Usage: wsgi-httpd start-server [SCRIPT] [options]
       wsgi-httpd setup-server [SCRIPT] [options]

Writes an httpd.conf that serves SCRIPT, a file with a WSGI application, and runs the server with it in this
terminal. setup-server only writes. Without SCRIPT a welcome page is served.

${groups.join('\n')}
Options marked * may be given several times.
`
}

function line(option: Option): string {
  const words = [`--${option.name}`, ...option.words].join(' ') + (option.many ? ' *' : '')
  return entry(
    words,
    option.default === undefined ? option.help : `${option.help} (default: ${option.default})`,
    INDENT,
  )
}
