/**
 * The core's logging directives: where errors go, which of them, and how their lines look. The logs themselves are in `src/log/`.
 * https://httpd.apache.org/docs/2.4/mod/core.html#errorlog
 */
import { type Command, type Directive, directive, iterate, take1, take12 } from '../../config/directive.js'
import { parseDestination } from '../../log/destination.js'
import { compileErrorFormat } from '../../log/error-format.js'
import { levelNumber, shortModuleName } from '../../log/levels.js'
import { directoryLevelsKey, errorLogKey, serverLevelsKey, type Written } from '../../log/settings.js'

export { directoryLevelsKey, errorLogKey, serverLevelsKey }

export const loggingDirectives: readonly Directive[] = [
  directive({
    name: 'ErrorLog',
    syntax: 'file-path|"|program"|syslog[:[facility][:tag]]',
    contexts: ['server', 'vhost'],
    default: 'logs/error_log',
    help: 'The filename of the error log',
    ...take1((cmd, text) => {
      tryOut(cmd, () => parseDestination(text, 'error', cmd.serverRoot))
      cmd.server.draft(errorLogKey).errorLog = { text, at: cmd.at }
    }),
  }),
  directive({
    name: 'LogLevel',
    syntax: '[module:]level [module:level] ...',
    contexts: ['server', 'vhost', 'directory'],
    default: 'warn',
    help: 'Level of verbosity in error logging',
    ...iterate((cmd, words) => {
      for (const word of words) setLevel(cmd, word)
    }),
  }),
  directive({
    name: 'ErrorLogFormat',
    syntax: '[connection|request] format',
    contexts: ['server', 'vhost'],
    help: 'Format string for the ErrorLog',
    ...take12(setErrorLogFormat),
  }),
]

/** A level without module is for all modules, and takes back what was said for single ones before it. */
function setLevel(cmd: Command, word: string): void {
  // At server level cmd.dir is the server's default for places; levels there belong to the server, which has records without a request too.
  const inSection = cmd.context === 'directory' || cmd.context === 'htaccess'
  const draft = inSection ? cmd.dir.draft(directoryLevelsKey) : cmd.server.draft(serverLevelsKey)
  const colon = word.lastIndexOf(':')
  const levelWord = word.slice(colon + 1)
  const module = word.slice(0, Math.max(colon, 0))
  if (colon >= 0 && levelWord === '')
    cmd.fail(`Module specifier '${module}' must be followed by a log level keyword`)
  if (colon >= 0 && !cmd.knowsModule(`${shortModuleName(module)}_module`))
    cmd.fail(`Cannot find module ${module}`)
  const level = levelNumber(levelWord)
  if (level === undefined) {
    const text =
      'Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8'
    cmd.fail(colon < 0 ? text : `${module}:${levelWord}: ${text}`)
  } else if (colon < 0) {
    draft.level = level
    draft.modules = new Map()
  } else draft.modules = new Map(draft.modules).set(shortModuleName(module), level)
}

function setErrorLogFormat(cmd: Command, first: string, second?: string): void {
  const draft = cmd.server.draft(errorLogKey)
  const written = (text: string): Written => ({ text, at: cmd.at })
  if (second === undefined) {
    tryOut(cmd, () => compileErrorFormat(first, 'main'))
    draft.format = written(first)
    return
  }
  const kind = first.toLowerCase()
  if (kind !== 'connection' && kind !== 'request')
    cmd.fail('ErrorLogFormat type must be one of request, connection')
  tryOut(cmd, () => compileErrorFormat(second, 'once'))
  const list = `${kind as 'connection' | 'request'}Formats` as const
  // An empty format takes back what the outer scope has.
  draft[list] = second === '' ? [] : [...(draft[list] ?? []), written(second)]
}

/** What would fail when logs are opened is an error at the directive. */
function tryOut(cmd: Command, work: () => void): void {
  try {
    work()
  } catch (error) {
    cmd.fail((error as Error).message)
  }
}
