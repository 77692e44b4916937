/**
 * mod_headers: `Header` and `RequestHeader`. Request headers change in fixups (with `early` as soon as they are read), response headers just
 * before they are sent, first those that go with every response, then those of successful ones.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_headers.html
 */
import { type Command, directive, raw } from '../config/directive.js'
import { compileRegex } from '../config/regex.js'
import { settingsKey } from '../config/settings.js'
import { fill } from '../expr/expression.js'
import type { Request } from '../request/request.js'
import { type Action, type HeaderRule, runRules } from './headers/rule.js'
import { compileValue, oneLine } from './headers/value.js'
import type { HttpdModule, Outcome } from './module.js'
import { conditionOf, templateOf } from './string-template.js'

interface HeadersDir {
  readonly request: readonly HeaderRule[]
  /** `Header onsuccess`, the default. */
  readonly onSuccess: readonly HeaderRule[]
  /** `Header always`. */
  readonly always: readonly HeaderRule[]
}
type Table = keyof HeadersDir

/** Outer lines run first, all of them run. */
export const headersDir = settingsKey<HeadersDir>(
  'headers',
  { request: [], onSuccess: [], always: [] },
  (base, added) => ({
    request: [...(base.request ?? []), ...(added.request ?? [])],
    onSuccess: [...(base.onSuccess ?? []), ...(added.onSuccess ?? [])],
    always: [...(base.always ?? []), ...(added.always ?? [])],
  }),
)

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'FileInfo' } as const

const directives = [
  directive({
    name: 'Header',
    syntax: '[always|onsuccess] action header [value [replacement]] [early|env=[!]variable|expr=expression]',
    ...EVERYWHERE,
    help: 'an optional condition, an action, header and value followed by optional env clause',
    ...raw((cmd, text) => {
      const [first = '', ...rest] = cmd.words(text)
      const table = first.toLowerCase()
      if (table === 'always') addRule(cmd, 'always', rest)
      else addRule(cmd, 'onSuccess', table === 'onsuccess' ? rest : [first, ...rest])
    }),
  }),
  directive({
    name: 'RequestHeader',
    syntax: 'action header [value [replacement]] [early|env=[!]variable|expr=expression]',
    ...EVERYWHERE,
    help: 'an action, header and value followed by optional env clause',
    ...raw((cmd, text) => addRule(cmd, 'request', cmd.words(text))),
  }),
]

const ACTIONS: readonly Action[] = [
  'set',
  'setifempty',
  'add',
  'append',
  'merge',
  'unset',
  'echo',
  'note',
  'edit',
  'edit*',
]

function addRule(cmd: Command, table: Table, words: readonly string[]): void {
  const draft = cmd.dir.draft(headersDir)
  draft[table] = [...(draft[table] ?? []), parseRule(cmd, table, words)]
}

/** How many words follow the header's name before the condition. */
function valueCount(action: Action): number {
  if (action === 'unset' || action === 'echo') return 0
  return action === 'edit' || action === 'edit*' ? 2 : 1
}

function parseRule(cmd: Command, table: Table, words: readonly string[]): HeaderRule {
  const action = ACTIONS.find((one) => one === words[0]?.toLowerCase())
  if (action === undefined) {
    return cmd.fail(
      "first argument must be 'add', 'set', 'setifempty', 'append', 'merge', 'unset', 'echo', 'note', 'edit', or 'edit*'.",
    )
  }
  if (action === 'echo' && table === 'request') cmd.fail('Header echo only valid on Header directives')
  const name = words[1]?.split(':', 1)[0]
  if (!name) cmd.fail(`${cmd.name} ${action} requires the name of a header`)
  const count = valueCount(action)
  const values = words.slice(2, 2 + count)
  if (values.length < count) {
    cmd.fail(
      count === 2 ? 'Header edit requires a match and a substitution' : 'Header requires three arguments',
    )
  }
  if (words.length > 3 + count) cmd.fail('Too many arguments to directive')
  const when = parseCondition(cmd, words[2 + count])
  const edits = count === 2
  return {
    action,
    name,
    pattern:
      edits || action === 'echo' ? compilePattern(cmd, edits ? (values[0] as string) : name) : undefined,
    value: count === 0 ? '' : parseValue(cmd, values[count - 1] as string),
    ...when,
  }
}

function compilePattern(cmd: Command, regex: string): RegExp {
  try {
    return compileRegex(regex)
  } catch (error) {
    return cmd.fail(`${cmd.name} regex could not be compiled: ${(error as Error).message}`)
  }
}

function parseValue(cmd: Command, text: string): HeaderRule['value'] {
  if (text.startsWith('expr=')) {
    const template = templateOf(cmd, text.slice(5), "Can't parse value expression : ")
    return typeof template === 'string' ? oneLine(template) : (request) => oneLine(fill(template, request))
  }
  try {
    return compileValue(text)
  } catch (error) {
    return cmd.fail((error as Error).message)
  }
}

function parseCondition(cmd: Command, word: string | undefined): Pick<HeaderRule, 'early' | 'condition'> {
  if (word === undefined) return { early: false, condition: undefined }
  if (word.toLowerCase() === 'early') {
    if (cmd.context === 'directory' || cmd.context === 'htaccess') {
      cmd.warn(
        `${cmd.name} with early has no effect here: places are not known yet when the request has just been read.`,
      )
    }
    return { early: true, condition: undefined }
  }
  if (/^expr=/i.test(word)) {
    const expression = conditionOf(cmd, word.slice(5), "Can't parse envclause/expression: ")
    return { early: false, condition: { expression } }
  }
  const env = /^env=(!?)(.*)$/is.exec(word)
  if (env === null) return cmd.fail(`Unknown parameter: ${word}`)
  if (env[2] === '') {
    cmd.fail('error: missing environment variable name. envclause should be in the form env=envar ')
  }
  return { early: false, condition: { variable: env[2] as string, set: env[1] === '' } }
}

function postReadRequest(request: Request): Outcome {
  const rules = request.dir.get(headersDir)
  if (rules === headersDir.defaults) return undefined
  if (rules.request.length > 0) request.headersIn.unify()
  runRules(rules.request, true, request, request.headersIn)
  runRules(rules.always, true, request, request.errHeadersOut)
  runRules(rules.onSuccess, true, request, request.headersOut)
  return undefined
}

function fixups(request: Request): Outcome {
  const { request: rules } = request.dir.get(headersDir)
  if (rules.length === 0) return undefined
  request.headersIn.unify()
  runRules(rules, false, request, request.headersIn)
  return undefined
}

function responseHeaders(request: Request): void {
  const { always, onSuccess } = request.dir.get(headersDir)
  if (always.length > 0) runRules(always, false, request, request.errHeadersOut)
  if (onSuccess.length > 0 && !request.isBuiltInPage) runRules(onSuccess, false, request, request.headersOut)
}

export const headers = {
  id: 'headers_module',
  source: 'mod_headers.c',
  directives,
  hooks: { fixups, responseHeaders },
  needs: { fixups: [headersDir] },
} satisfies HttpdModule

/** The part of mod_headers that must run before SetEnvIf looks at headers, while the rest runs after SetEnv and mod_dir. */
export const earlyHeaders = {
  id: 'headers_module, early',
  source: 'mod_headers.c, early',
  directives: [],
  hooks: { postReadRequest },
  needs: { postReadRequest: [headersDir] },
} satisfies HttpdModule
