/**
 * mod_setenvif: variables that depend on the request. What stands at server level runs right after the header was read, what stands in a
 * section once the request is mapped; both are in time for access control.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_setenvif.html
 */
import { type Command, directive, raw } from '../config/directive.js'
import { compileRegex } from '../config/regex.js'
import { settingsKey } from '../config/settings.js'
import { type Condition, holds } from '../expr/expression.js'
import type { Request } from '../request/request.js'
import { clientHost } from './client-host.js'
import { coreDir } from './core/settings.js'
import type { HttpdModule, Outcome } from './module.js'
import { conditionOf } from './string-template.js'
import { compileSubstitution, type Substitution } from './substitution.js'
import { setVariable, unsetVariable, variable } from './variables.js'

/** What is looked at: a property of the request, a header (or earlier variable) by name, or the headers whose names match. */
type Subject =
  | { readonly kind: 'property'; readonly of: (request: Request) => string | Promise<string> }
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'headers'; readonly pattern: RegExp }
  | { readonly kind: 'expression'; readonly condition: Condition }

interface Feature {
  readonly name: string
  /** Undefined: the variable is removed. */
  readonly value: Substitution | undefined
}

interface Rule {
  readonly subject: Subject
  readonly pattern: RegExp
  readonly features: readonly Feature[]
}

interface Rules {
  readonly rules: readonly Rule[]
}

/** `SetEnvIfExpr` has no pattern beside its expression. */
const ALWAYS = /^/

/** Outer rules run first; all of them run. */
const mergeRules = (base: Partial<Rules>, added: Partial<Rules>): Rules => ({
  rules: [...(base.rules ?? []), ...(added.rules ?? [])],
})
export const setEnvIfServer = settingsKey<Rules>('setenvif server', { rules: [] }, mergeRules)
export const setEnvIfDir = settingsKey<Rules>('setenvif directory', { rules: [] }, mergeRules)

const PROPERTIES: Readonly<Record<string, (request: Request) => string | Promise<string>>> = {
  remote_addr: ({ connection }) => connection.remoteAddress,
  // like httpd, asks no name server unless HostnameLookups says so; a name that does not lead back to the address does not count
  remote_host: ({ connection, dir }) =>
    dir.get(coreDir).hostnameLookups === 'Off'
      ? connection.remoteAddress
      : clientHost(connection).then((name) => name ?? connection.remoteAddress),
  server_addr: ({ connection }) => connection.localAddress,
  request_method: ({ method }) => method,
  request_protocol: ({ protocol }) => protocol,
  request_uri: ({ path }) => path,
}

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'FileInfo' } as const

const directives = [
  ...(['SetEnvIf', 'SetEnvIfNoCase'] as const).map((name) =>
    directive({
      name,
      syntax: 'attribute regex [!]env-variable[=value] [[!]env-variable[=value]] ...',
      ...EVERYWHERE,
      help: 'A header-name, regex and a list of variables.',
      ...raw((cmd, text) => {
        const [attribute = '', ...rest] = cmd.words(text)
        if (attribute === '') cmd.fail(`Missing header-field name for ${name}`)
        addRule(cmd, attribute, rest, name.endsWith('NoCase'))
      }),
    }),
  ),
  ...(['BrowserMatch', 'BrowserMatchNoCase'] as const).map((name) =>
    directive({
      name,
      syntax: 'regex [!]env-variable[=value] [[!]env-variable[=value]] ...',
      ...EVERYWHERE,
      help: 'A browser regex and a list of variables.',
      ...raw((cmd, text) => addRule(cmd, 'User-Agent', cmd.words(text), name.endsWith('NoCase'))),
    }),
  ),
  directive({
    name: 'SetEnvIfExpr',
    syntax: 'expr [!]env-variable[=value] [[!]env-variable[=value]] ...',
    ...EVERYWHERE,
    help: 'an expression and a list of variables.',
    ...raw((cmd, text) => {
      const [expression = '', ...features] = cmd.words(text)
      if (expression === '') cmd.fail('Missing expression for SetEnvIfExpr')
      if (features.length === 0) cmd.fail('Missing envariable expression for SetEnvIfExpr')
      push(cmd, {
        subject: {
          kind: 'expression',
          condition: conditionOf(cmd, expression, `Could not parse expression "${expression}": `),
        },
        pattern: ALWAYS,
        features: features.map(feature),
      })
    }),
  }),
]

function addRule(cmd: Command, attribute: string, words: readonly string[], ignoreCase: boolean): void {
  const [regex = '', ...features] = words
  if (regex === '') cmd.fail(`Missing regular expression for ${cmd.name}`)
  if (features.length === 0) cmd.fail(`Missing envariable expression for ${cmd.name}`)
  const rule: Rule = {
    subject: subject(cmd, attribute, ignoreCase),
    pattern: compile(cmd, regex, ignoreCase),
    features: features.map(feature),
  }
  push(cmd, rule)
}

function push(cmd: Command, rule: Rule): void {
  const atServer = cmd.context === 'server' || cmd.context === 'vhost'
  const draft = atServer ? cmd.server.draft(setEnvIfServer) : cmd.dir.draft(setEnvIfDir)
  draft.rules = [...(draft.rules ?? []), rule]
}

function subject(cmd: Command, attribute: string, ignoreCase: boolean): Subject {
  const property = PROPERTIES[attribute.toLowerCase()]
  if (property) return { kind: 'property', of: property }
  if (/^[\w-]+$/.test(attribute)) return { kind: 'named', name: attribute }
  return { kind: 'headers', pattern: compile(cmd, attribute, ignoreCase) }
}

function compile(cmd: Command, regex: string, ignoreCase: boolean): RegExp {
  try {
    return compileRegex(regex, { ignoreCase })
  } catch (error) {
    return cmd.fail(`${cmd.name} regex could not be compiled: ${(error as Error).message}`)
  }
}

/** `name`, `name=value` or `!name`. A value of `!` removes too, as in httpd. */
function feature(word: string): Feature {
  const equals = word.indexOf('=')
  if (equals >= 0 && equals < word.length - 1) {
    const value = word.slice(equals + 1)
    return {
      name: word.slice(0, equals),
      value: value.startsWith('!') ? undefined : compileSubstitution(value),
    }
  }
  const name = equals < 0 ? word : word.slice(0, equals)
  return name.startsWith('!')
    ? { name: name.slice(1), value: undefined }
    : { name, value: compileSubstitution('1') }
}

function postReadRequest(request: Request): Outcome | Promise<Outcome> {
  const { rules } = request.server.settings.get(setEnvIfServer)
  return rules.length === 0 ? undefined : run(request, groupsOf(rules), 0)
}

function headerParser(request: Request): Outcome | Promise<Outcome> {
  const { rules } = request.dir.get(setEnvIfDir)
  return rules.length === 0 ? undefined : run(request, groupsOf(rules), 0)
}

/** What rules do to one variable; without value it is removed. */
interface Effect {
  readonly name: string
  readonly value: string | undefined
}

/**
 * Neighbouring rules that look at the same thing. What they do depends on its value alone, and most clients send the same few values: so it is
 * remembered by value (stock configurations have more than a dozen patterns for `User-Agent`).
 */
interface Group {
  readonly subject: Subject
  readonly rules: readonly Rule[]
  readonly known: Map<string, readonly Effect[]>
}

const KNOWN_MAX = 128
/** Longer values (UTF-16 units) are not worth remembering. */
const KNOWN_VALUE_MAX = 512

const grouped = new WeakMap<readonly Rule[], readonly Group[]>()

function groupsOf(rules: readonly Rule[]): readonly Group[] {
  let groups = grouped.get(rules)
  if (groups === undefined) {
    groups = groupRules(rules)
    grouped.set(rules, groups)
  }
  return groups
}

function groupRules(rules: readonly Rule[]): Group[] {
  const groups: (Group & { readonly rules: Rule[] })[] = []
  for (const rule of rules) {
    const last = groups.at(-1)
    if (last !== undefined && sameSubject(last.subject, rule.subject)) last.rules.push(rule)
    else groups.push({ subject: rule.subject, rules: [rule], known: new Map() })
  }
  return groups
}

function sameSubject(a: Subject, b: Subject): boolean {
  if (a.kind === 'property' && b.kind === 'property') return a.of === b.of
  return a.kind === 'named' && b.kind === 'named' && a.name.toLowerCase() === b.name.toLowerCase()
}

/** Groups in order from one on; asynchronous only where a name of the client has to be found. */
function run(request: Request, groups: readonly Group[], from: number): Outcome | Promise<Outcome> {
  for (let at = from; at < groups.length; at++) {
    const group = groups[at] as Group
    if (group.subject.kind === 'expression') {
      applyExpression(request, group.subject.condition, group.rules)
      continue
    }
    const value = subjectValue(request, group.subject)
    if (typeof value !== 'string') {
      return value.then((late) => {
        apply(request, effectsOf(group, late))
        return run(request, groups, at + 1)
      })
    }
    apply(request, effectsOf(group, value))
  }
  return undefined
}

/** `$0` to `$9` of a value are what the expression's last pattern found. */
function applyExpression(request: Request, condition: Condition, rules: readonly Rule[]): void {
  const groups: (string | undefined)[] = []
  if (!holds(condition, request, groups)) return
  for (const { features } of rules)
    apply(
      request,
      features.map(({ name, value }) => ({ name, value: value?.(groups) })),
    )
}

function effectsOf(group: Group, value: string): readonly Effect[] {
  const { known } = group
  let effects = known.get(value)
  if (effects === undefined) {
    effects = group.rules.flatMap(({ pattern, features }) => {
      const found = pattern.exec(value)
      return found === null ? [] : features.map(({ name, value: fill }) => ({ name, value: fill?.(found) }))
    })
    if (known.size >= KNOWN_MAX) known.clear()
    if (value.length <= KNOWN_VALUE_MAX) known.set(value, effects)
  }
  return effects
}

function apply(request: Request, effects: readonly Effect[]): void {
  for (const { name, value } of effects) {
    if (value !== undefined) setVariable(request.env, name, value)
    else if (request.hasEnv) unsetVariable(request.env, name)
  }
}

/** What is missing is empty, so that `^$` matches. By a pattern of names the last header counts. */
function subjectValue(request: Request, subject: Subject): string | Promise<string> {
  switch (subject.kind) {
    case 'property':
      return subject.of(request)
    case 'named':
      return (
        request.headersIn.value(subject.name) ??
        (request.hasEnv ? variable(request.env, subject.name) : undefined) ??
        ''
      )
    case 'headers': {
      let last = ''
      request.headersIn.each((name, value) => {
        if (subject.pattern.test(name)) last = value
      })
      return last
    }
    case 'expression':
      return ''
    default:
      return subject satisfies never
  }
}

export const setenvif = {
  id: 'setenvif_module',
  source: 'mod_setenvif.c',
  directives,
  hooks: { postReadRequest, headerParser },
  needs: { postReadRequest: [setEnvIfServer], headerParser: [setEnvIfDir] },
} satisfies HttpdModule
