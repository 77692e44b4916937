/**
 * mod_log_config and mod_logio: the access log. Runs in the last phase of a request. Formats and writers are in `src/log/`.
 * https://httpd.apache.org/docs/2.4/mod/mod_log_config.html, https://httpd.apache.org/docs/2.4/mod/mod_logio.html
 */
import { type Command, directive, flag, noEffect, take, take1, take12 } from '../config/directive.js'
import type { ConfigWarning } from '../config/errors.js'
import { settingsKey } from '../config/settings.js'
import type { Site } from '../config/site.js'
import { holds } from '../expr/expression.js'
import { compileLogFormat } from '../log/access-format.js'
import { accessLoggers } from '../log/access-log.js'
import { parseDestination } from '../log/destination.js'
import { namesOfRequest, namesOfSites } from '../log/names.js'
import { type AccessLogTarget, accessLogKey } from '../log/settings.js'
import type { Request } from '../request/request.js'
import { logNames } from './log-names.js'
import type { HttpdModule } from './module.js'
import { conditionOf } from './string-template.js'

export const logConfig = {
  id: 'log_config_module',
  source: 'mod_log_config.c',
  directives: [
    directive({
      name: 'LogFormat',
      syntax: 'format [nickname]',
      contexts: ['server', 'vhost'],
      default: '"%h %l %u %t \\"%r\\" %>s %b"',
      help: 'a log format string (see docs) and an optional format name',
      ...take12((cmd, format, nickname) => {
        checkFormat(cmd, format)
        const draft = cmd.server.draft(accessLogKey)
        if (nickname === undefined) draft.defaultFormat = format
        else draft.formats = new Map(draft.formats).set(nickname, format)
      }),
    }),
    directive({
      name: 'CustomLog',
      syntax: 'file|"|program" format|nickname [env=[!]variable|expr=expression]',
      contexts: ['server', 'vhost'],
      help: 'a file name, a custom log format string or format name, and an optional "env=" or "expr=" clause (see docs)',
      ...take([2, 3], (cmd, [text = '', format, clause]) =>
        addLog(cmd, { text, format, clause, global: false }),
      ),
    }),
    directive({
      name: 'GlobalLog',
      syntax: 'file|"|program" format|nickname [env=[!]variable|expr=expression]',
      contexts: ['server'],
      help: 'Same as CustomLog, but forces virtualhosts to inherit the log',
      ...take([2, 3], (cmd, [text = '', format, clause]) =>
        addLog(cmd, { text, format, clause, global: true }),
      ),
    }),
    directive({
      name: 'TransferLog',
      syntax: 'file|"|program"',
      contexts: ['server', 'vhost'],
      help: 'the filename of the access log',
      ...take1((cmd, text) => addLog(cmd, { text, format: undefined, clause: undefined, global: false })),
    }),
    directive({
      name: 'BufferedLogs',
      syntax: 'On|Off',
      contexts: ['server'],
      default: 'Off',
      help: 'Enable Buffered Logging (experimental)',
      accepted: 'lines are always gathered for one turn of the event loop and written together',
      ...noEffect({ kind: 'flag' }),
    }),
  ],
  hooks: { logTransaction },
  check: (site, warn) => {
    namesOfSites.set(site, logNames)
    warnOfUnknownFormats(site, warn)
  },
} satisfies HttpdModule

/** Directory scope, as in httpd. */
export const logioDir = settingsKey<{ readonly trackTimeToFirstByte: boolean }>('logio', {
  trackTimeToFirstByte: false,
})

export const logio = {
  id: 'logio_module',
  source: 'mod_logio.c',
  directives: [
    directive({
      name: 'LogIOTrackTTFB',
      syntax: 'ON|OFF',
      contexts: ['server', 'vhost', 'directory', 'htaccess'],
      override: 'All',
      default: 'OFF',
      help: 'Set to "ON" to enable tracking time to first byte',
      ...flag((cmd, on) => {
        cmd.dir.draft(logioDir).trackTimeToFirstByte = on
      }),
    }),
  ],
  hooks: { responseHeaders: noteFirstByte },
} satisfies HttpdModule

/** The header is about to be sent, and with it the first byte. */
function noteFirstByte(request: Request): void {
  if (!request.dir.get(logioDir).trackTimeToFirstByte) return
  request.firstByteMicros = Number((process.hrtime.bigint() - request.original.startedNs) / 1000n)
}

function logTransaction(request: Request): void {
  accessLoggers.get(request.server)?.(request)
}

interface WrittenLog {
  readonly text: string
  readonly format: string | undefined
  readonly clause: string | undefined
  readonly global: boolean
}

function addLog(cmd: Command, { text, format, clause, global }: WrittenLog): void {
  try {
    parseDestination(text, 'access', cmd.serverRoot)
  } catch (error) {
    cmd.fail((error as Error).message)
  }
  // A nickname is a valid format too (a line of that text), so it passes; which of the two it is, is known when all of the configuration is.
  if (format !== undefined) checkFormat(cmd, format)
  const target: AccessLogTarget = {
    destination: { text, at: cmd.at },
    format,
    condition: clause === undefined ? undefined : parseClause(cmd, clause),
    global,
  }
  const draft = cmd.server.draft(accessLogKey)
  draft.logs = [...(draft.logs ?? []), target]
}

/** A word that is no nickname is a format of its own, and every line consists of it: httpd takes it, and nobody means it. */
function warnOfUnknownFormats(site: Site, warn: (warning: ConfigWarning) => void): void {
  const told = new Set<AccessLogTarget>()
  for (const { settings } of [site.main, ...site.virtualHosts]) {
    const { logs, formats } = settings.get(accessLogKey)
    for (const target of logs) {
      const { format, destination } = target
      if (format === undefined || formats.has(format) || !/^[\w-]+$/.test(format) || told.has(target))
        continue
      told.add(target)
      const message = `There is no LogFormat with the nickname ${format}: each line of this log will be that word.`
      warn({ at: destination.at, message })
    }
  }
}

function checkFormat(cmd: Command, format: string): void {
  try {
    compileLogFormat(format, namesOfRequest)
  } catch (error) {
    cmd.fail((error as Error).message)
  }
}

/** A log line depends on everything; `Vary` was sent long before. */
function conditionForLog(cmd: Command, text: string): (request: Request) => boolean {
  const condition = conditionOf(cmd, text, 'error in condition clause: ', { vary: false })
  return (request) => holds(condition, request)
}

function parseClause(cmd: Command, clause: string): (request: Request) => boolean {
  const [, kind = '', negation, name = ''] = /^(env|expr)=(!?)(.*)$/is.exec(clause) ?? []
  switch (kind.toLowerCase()) {
    case 'env':
      if (name === '') cmd.fail('missing environment variable name')
      return negation
        ? (request) => !(request.hasEnv && request.env.has(name))
        : (request) => request.hasEnv && request.env.has(name)
    case 'expr':
      if (name === '') cmd.fail('missing condition')
      return conditionForLog(cmd, clause.slice(clause.indexOf('=') + 1))
    default:
      return cmd.fail('error in condition clause')
  }
}
