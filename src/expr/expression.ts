/**
 * Expressions as directives use them: compiled once when the configuration is read, evaluated per request. `<If>`, `Require expr`, `expr=` and
 * their kin are conditions; values with `%{…}` in them are templates.
 * Manual: https://httpd.apache.org/docs/2.4/expr.html
 */
import type { Position } from '../config/position.js'
import { describePosition } from '../config/position.js'
import type { Request } from '../request/request.js'
import { compileTest, compileWord } from './compile.js'
import { Evaluation, EvaluationError, type Holds, type TextOf, Waiting } from './evaluation.js'
import { type Dialect, parseCondition, parseTemplate } from './parser.js'

/** What came of an evaluation that could not be finished. */
export class ExpressionFailure {
  constructor(readonly message: string) {}
}

export interface ExpressionOptions {
  /** Where it stands, for log lines. */
  readonly at: Position
  /** Functions that read files are refused. */
  readonly restricted?: boolean
  /** Whether request header fields that a condition reads are added to `Vary`; default true. Texts never add any. */
  readonly vary?: boolean
  /** How comparisons of a condition are read; default `plain`. */
  readonly dialect?: Dialect
}

type Groups = readonly (string | undefined)[]

/** A compiled condition. */
export interface Condition {
  readonly at: Position
  /** Upper-case names of the variables that it reads. */
  readonly reads: ReadonlySet<string>
  readonly vary: boolean
  readonly test: Holds
}

/** A compiled text; a plain string where it is the same for all requests. */
export interface Template {
  readonly at: Position
  readonly text: TextOf
}

/** @throws ExpressionSyntaxError */
export function compileCondition(text: string, options: ExpressionOptions): Condition {
  const { at, restricted = false, vary = true, dialect } = options
  const reads = new Set<string>()
  return { at, reads, vary, test: compileTest(parseCondition(text, dialect), { restricted, reads }) }
}

/** The text itself where nothing in it depends on a request. @throws ExpressionSyntaxError */
export function compileTemplate(text: string, options: ExpressionOptions): string | Template {
  if (!/%\{|\$\d|\\/.test(text)) return text
  const { at, restricted = false } = options
  const compiled = compileWord(parseTemplate(text), { restricted, reads: new Set() })
  return typeof compiled === 'string' ? compiled : { at, text: compiled }
}

/**
 * Whether a condition holds. What it matched is put into `groups`, where that is given.
 * @returns a failure where it cannot be told. It is logged.
 * @throws Waiting where it takes time
 */
export function evaluate(
  condition: Condition,
  request: Request,
  groups?: (string | undefined)[],
): boolean | ExpressionFailure {
  const evaluation = new Evaluation(request, condition.vary)
  try {
    const result = condition.test(evaluation)
    addVary(evaluation)
    if (groups !== undefined) groups.push(...evaluation.groups)
    if (request.log.admits('core', 'trace4', request))
      request.report(
        'core',
        'trace4',
        `Evaluation of expression from ${place(condition.at)} gave: ${result ? 1 : 0}`,
      )
    return result
  } catch (error) {
    return failed(error, condition.at, request)
  }
}

/** Whether a condition holds, for those who cannot wait: what fails or takes time counts as false, with a line in the log. */
export function holds(condition: Condition, request: Request, groups?: (string | undefined)[]): boolean {
  try {
    return evaluate(condition, request, groups) === true
  } catch (error) {
    if (!(error instanceof Waiting)) throw error
    error.until.catch(() => {})
    reportFailure(
      request,
      condition.at,
      'it needs a host name or a subrequest that takes time, which is not possible here',
    )
    return false
  }
}

/** The text for a request; empty where it cannot be told, which is logged. */
export function fill(template: string | Template, request: Request, groups: Groups = []): string {
  if (typeof template === 'string') return template
  const evaluation = new Evaluation(request, false, groups)
  try {
    return template.text(evaluation)
  } catch (error) {
    if (error instanceof Waiting) {
      error.until.catch(() => {})
      reportFailure(request, template.at, 'it needs a host name that is not known yet')
      return ''
    }
    failed(error, template.at, request)
    return ''
  }
}

/**
 * Runs something that evaluates expressions, again whenever one had to wait for a value.
 * @param run must be repeatable up to where it throws {@link Waiting}
 */
export function whenReady<T>(run: () => T): T | Promise<T> {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof Waiting)) throw error
    return error.until.then(() => whenReady(run))
  }
}

function failed(error: unknown, at: Position, request: Request): ExpressionFailure {
  if (!(error instanceof EvaluationError)) throw error
  reportFailure(request, at, error.message)
  return new ExpressionFailure(error.message)
}

function reportFailure(request: Request, at: Position, why: string): void {
  request.report('core', 'error', `Evaluation of expression from ${place(at)} failed: ${why}`, 'AH03298')
}

function place(at: Position): string {
  return at.macro === undefined ? `${at.file}:${at.line}` : describePosition(at)
}

function addVary({ vary, request }: Evaluation): void {
  if (vary === undefined || vary.length === 0) return
  // the host is part of what a response is stored under anyway
  for (const name of vary) if (name.toLowerCase() !== 'host') addToVary(request, name)
}

/** One more field name in `Vary`, unless it is there. */
export function addToVary(request: Request, name: string): void {
  const there = request.headersOut.get('Vary')
  const names = there?.split(',').map((one) => one.trim().toLowerCase()) ?? []
  if (!names.includes('*') && !names.includes(name.toLowerCase())) request.headersOut.append('Vary', name)
}
