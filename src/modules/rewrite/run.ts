/**
 * Runs a set of rules over a request: changes `filename` and `query`, sets variables, cookies, handler and type. What comes of the result is
 * decided by who runs it (translate.ts for servers, fixup.ts for directories).
 * Manual: https://httpd.apache.org/docs/2.4/rewrite/tech.html
 */
import { Waiting } from '../../expr/evaluation.js'
import { addToVary } from '../../expr/expression.js'
import type { Level } from '../../log/error-log.js'
import type { Request } from '../../request/request.js'
import { coreServer } from '../core/settings.js'
import { selfOrigin } from '../self-url.js'
import { setVariable, unsetVariable } from '../variables.js'
import type { Condition } from './condition.js'
import { cookieHeader } from './cookie.js'
import { endsRequest, type Rule } from './rule.js'
import type { RunState } from './run-state.js'
import { isAbsoluteUrl, splitQueryOff } from './url.js'

/** What came of a run. */
export type RunResult =
  /** No rule changed anything; some may have set variables or a handler. */
  | { readonly kind: 'unchanged' }
  /** `filename` and `query` are new. */
  | {
      readonly kind: 'changed'
      readonly noEscape: boolean
      /** Status for a redirection. */
      readonly status: number
      readonly passThrough: boolean
      /** The rule that made the result. */
      readonly rule: Rule
    }
  /** The request ends with this status. */
  | { readonly kind: 'status'; readonly status: number }

/** Notes that a later fixup reads. */
export const FORCED_HANDLER = 'rewrite-forced-handler'
export const FORCED_TYPE = 'rewrite-forced-mimetype'

/** Requests (the first of their chains) whose rules have ended once and for all. */
const ended = new WeakSet<Request>()

export function hasEnded(request: Request): boolean {
  return ended.has(request.original)
}

/** Runs the rules; a rule that has to wait for a value is tried again when that is there. */
export function runRules(
  request: Request,
  rules: readonly Rule[],
  directory: string | undefined,
): RunResult | Promise<RunResult> {
  return new Run(request, rules, directory).go()
}

/** Writes a line of the trace, with the directory in front, if anybody wants to see it. */
export function trace(
  request: Request,
  directory: string | undefined,
  level: 1 | 2 | 3 | 4 | 5,
  text: () => string,
): void {
  const name = `trace${level}` as Level
  if (!request.log.admits('rewrite', name, request)) return
  const kind =
    request.main !== undefined ? 'subreq' : request.prev !== undefined ? 'initial/redir' : 'initial'
  const place = directory === undefined ? '' : `[perdir ${directory}] `
  request.report('rewrite', name, `[rid#${request.id}/${kind}] ${place}${text()}`)
}

class Run {
  #at = 0
  #rounds = 0
  #result: RunResult = { kind: 'unchanged' }

  constructor(
    private readonly request: Request,
    private readonly rules: readonly Rule[],
    private readonly directory: string | undefined,
  ) {}

  go(): RunResult | Promise<RunResult> {
    try {
      while (this.#at < this.rules.length) if (this.#step()) break
      return this.#result
    } catch (error) {
      if (!(error instanceof Waiting)) throw error
      return error.until.then(() => this.go())
    }
  }

  /** One rule. True: the run is over. A rule that has to wait has changed nothing yet. */
  #step(): boolean {
    const rule = this.rules[this.#at] as Rule
    const { flags } = rule
    const { request } = this
    if (request.main !== undefined && (flags.noSubrequests || flags.redirect)) {
      this.#at++
      return false
    }
    const outcome = this.#apply(rule)
    if (outcome === 'no match') {
      this.#skipChain()
      return false
    }
    if (typeof outcome === 'number') return this.#end(outcome)
    if (request.filename.length > 2 * (request.server.settings.get(coreServer).limitRequestLine || 8190)) {
      request.report(
        'rewrite',
        'error',
        `RewriteRule '${rule.text}': the result has grown too long`,
        'AH10405',
      )
      return this.#end(500)
    }
    if (outcome === 'changed') {
      const { noEscape, status } = flags
      this.#result = { kind: 'changed', noEscape, status, passThrough: false, rule }
    }
    if (endsRequest(rule)) return this.#end(flags.status)
    if (flags.end) ended.add(request.original)
    if (flags.passThrough && this.directory === undefined) {
      this.#trace(
        2,
        () => `forcing '${request.filename}' to get passed through to next API URI-to-filename handler`,
      )
      const { noEscape, status } = flags
      this.#result = { kind: 'changed', noEscape, status, passThrough: true, rule }
      return true
    }
    if (flags.end || flags.last || flags.passThrough || (flags.proxy && outcome === 'changed')) return true
    if (flags.next > 0) {
      if (++this.#rounds >= flags.next) {
        request.report(
          'rewrite',
          'error',
          `RewriteRule '${rule.text}' and URI '${request.path}' exceeded maximum number of rounds (${flags.next}) via the [N] flag`,
          'AH00657',
        )
        return this.#end(500)
      }
      this.#at = 0
      return false
    }
    this.#at += 1 + flags.skip
    return false
  }

  #end(status: number): true {
    this.#result = { kind: 'status', status }
    return true
  }

  /** A rule that does not match takes those with it that are chained to it. */
  #skipChain(): void {
    while (this.rules[this.#at]?.flags.chain) this.#at++
    this.#at++
  }

  #apply(rule: Rule): 'no match' | 'unchanged' | 'changed' | number {
    const { request, directory } = this
    const { flags } = rule
    const uri = this.#subject()
    this.#trace(3, () => `applying pattern '${rule.text.split(' ', 1)[0]}' to uri '${uri}'`)
    const found = rule.pattern.exec(uri)
    if ((found !== null) === rule.negated) return 'no match'
    const state: RunState = {
      request,
      directory,
      groups: rule.negated ? [] : (found ?? []),
      conditionGroups: [],
      vary: [],
      env: new Map(),
    }
    const vary = this.#conditionsHold(rule.conditions, state)
    if (vary === undefined) return 'no match'
    state.vary = []
    // all that may have to wait, before anything is changed
    const target = rule.substitution?.(state, flags.escapeGroup)
    for (const { name, value } of flags.env) state.env.set(name(state), value?.(state))
    const cookies = flags.cookies.map((cookie) => cookie(state))
    const handler = flags.handler?.(state).toLowerCase()
    const type = flags.type?.(state).toLowerCase()

    for (const name of vary) addToVary(request, name)
    this.#setVariables(state.env)
    for (const cookie of cookies) this.#setCookie(cookie)
    if (target === undefined || endsRequest(rule)) {
      this.#force(handler, type)
      return 'unchanged'
    }
    this.#trace(2, () => `rewrite '${uri}' -> '${target}'`)
    return this.#substitute(rule, target, handler, type)
  }

  /** What patterns see: in directories the file name with what follows it, without the directory. */
  #subject(): string {
    const { request, directory } = this
    if (directory === undefined) return request.filename
    const whole = request.filename + request.pathInfo
    if (request.filename.startsWith('proxy:') || !whole.startsWith(directory)) return whole
    const rest = whole.slice(directory.length)
    this.#trace(3, () => `strip per-dir prefix: ${whole} -> ${rest}`)
    return rest
  }

  /** The header fields that conditions which held have looked at; undefined where the rule is not to apply. */
  #conditionsHold(conditions: readonly Condition[], state: RunState): readonly string[] | undefined {
    const vary: string[] = []
    for (let at = 0; at < conditions.length; at++) {
      const condition = conditions[at] as Condition
      state.vary = []
      const holds = condition.holds(state)
      this.#trace(4, () => `RewriteCond: ${condition.text} => ${holds ? 'matched' : 'not-matched'}`)
      if (holds) {
        if (!condition.noVary) vary.push(...state.vary)
        while (conditions[at]?.or) at++
      } else if (!condition.or) return undefined
    }
    return vary
  }

  #setVariables(env: ReadonlyMap<string, string | undefined>): void {
    for (const [name, value] of env) {
      this.#trace(5, () =>
        value === undefined
          ? `unsetting env variable '${name}'`
          : `setting env variable '${name}' to '${value}'`,
      )
      if (value === undefined) unsetVariable(this.request.env, name)
      else setVariable(this.request.env, name, value)
    }
  }

  #setCookie(text: string): void {
    const cookie = cookieHeader(text, Date.now())
    if (cookie === undefined) return
    // rules may run more than once for a request
    const table = this.request.errHeadersOut
    if (!table.all('Set-Cookie').includes(cookie)) table.add('Set-Cookie', cookie)
  }

  #force(handler: string | undefined, type: string | undefined): void {
    const { notes } = this.request
    if (handler) notes.set(FORCED_HANDLER, handler)
    if (type) notes.set(FORCED_TYPE, type)
  }

  #substitute(
    rule: Rule,
    target: string,
    handler: string | undefined,
    type: string | undefined,
  ): 'changed' | number {
    const { request, directory } = this
    const { flags } = rule
    if (
      !flags.allowEncodedQuestionMark &&
      !rule.hasQuery &&
      target.includes('?') &&
      /%3f/i.test(request.original.target)
    ) {
      request.report('rewrite', 'error', 'Unsafe URL with %3f URL rewritten without UnsafeAllow3F', 'AH10508')
      return 403
    }
    if (directory !== undefined && flags.discardPathInfo) request.pathInfo = ''
    const { filename, query } = splitQueryOff(target, request.query, flags)
    const local = directory !== undefined && !filename.startsWith('/') && !isAbsoluteUrl(filename)
    request.filename = local ? directory + filename : filename
    request.query = query
    if (flags.proxy) {
      request.filename = `proxy:${this.#qualified()}`
      this.#trace(2, () => `forcing proxy-throughput with ${request.filename}`)
      return 'changed'
    }
    if (flags.redirect && !endsRequest(rule)) {
      request.filename = this.#qualified()
      this.#trace(2, () => `explicitly forcing redirect with ${request.filename}`)
      return 'changed'
    }
    this.#force(handler, type)
    return 'changed'
  }

  /** With scheme, host and port. */
  #qualified(): string {
    const { filename } = this.request
    if (isAbsoluteUrl(filename)) return filename
    return `${selfOrigin(this.request)}${filename.startsWith('/') ? '' : '/'}${filename}`
  }

  #trace(level: 1 | 2 | 3 | 4 | 5, text: () => string): void {
    trace(this.request, this.directory, level, text)
  }
}
