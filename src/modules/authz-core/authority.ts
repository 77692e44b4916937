/**
 * Who may: the tree that `Require` lines and their containers make, and its evaluation for one request. Knows nothing of directives.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_authz_core.html#logic
 */
import type { Request } from '../../request/request.js'
import type { Answer, AuthzTest } from '../authz-provider.js'
import { type LimitData, limitApplies } from '../core/sections.js'

/** The methods that a condition holds for, as `<Limit>` sections say; undefined: all. Any one that applies is enough. */
export type Limits = readonly LimitData[] | undefined

/** One `Require` line. */
export interface Condition {
  readonly kind: 'condition'
  /** As written after `Require`, `not` excepted. */
  readonly text: string
  readonly negate: boolean
  readonly limits: Limits
  /** Known when the configuration is read, or asked for each request. */
  readonly test: Answer | AuthzTest
}

export type Authority = Condition | Container

/** `<RequireAll>`, `<RequireAny>`, `<RequireNone>`, the unwritten `any` around a section's lines, or what `AuthMerging` joins. */
export class Container {
  readonly of: Authority[] = []
  #summary: { readonly limits: Limits; readonly constant: Answer | undefined } | undefined

  constructor(
    readonly kind: 'all' | 'any' | 'none',
    readonly merged = false,
  ) {}

  get negate(): boolean {
    return this.kind === 'none'
  }

  /** The methods that any member holds for. To be asked once the configuration is complete. */
  get limits(): Limits {
    return this.#summarise().limits
  }

  /** The answer for every request, where it does not depend on the request. To be asked once the configuration is complete. */
  get constant(): Answer | undefined {
    return this.#summarise().constant
  }

  #summarise() {
    if (this.#summary === undefined) {
      const limits = this.of.some((one) => one.limits === undefined)
        ? undefined
        : this.of.flatMap((one) => one.limits ?? [])
      this.#summary = { limits, constant: limits === undefined ? constantOf(this) : undefined }
    }
    return this.#summary
  }
}

/** As httpd shows it in messages. */
export function describe(authority: Authority): string {
  if (authority.kind === 'condition') return `Require ${authority.negate ? 'not ' : ''}${authority.text}`
  const name = { all: 'All', any: 'Any', none: 'None' }[authority.kind]
  return authority.merged ? `AuthMerging ${name}` : `<Require${name}>`
}

function constantOf(authority: Authority): Answer | undefined {
  if (authority.kind === 'condition') {
    if (authority.limits !== undefined) return undefined
    return typeof authority.test === 'string' ? negated(authority.test, authority.negate) : undefined
  }
  const decisive = authority.kind === 'all' ? 'denied' : 'granted'
  const answers = authority.of.map((one) => (one.kind === 'condition' ? constantOf(one) : one.constant))
  if (answers.includes(decisive)) return negated(decisive, authority.negate)
  if (answers.includes(undefined)) return undefined
  return negated(
    (answers as Answer[]).reduce((sum, answer) => combine(authority.kind, sum, answer), 'neutral'),
    authority.negate,
  )
}

/**
 * The answer for a request.
 * @param within what stands around: a condition that is limited to other methods counts as granted inside `all`, else as neutral.
 */
export function evaluate(
  authority: Authority,
  request: Request,
  within: Container['kind'] = 'all',
): Answer | Promise<Answer> {
  const { limits } = authority
  if (limits !== undefined && !limits.some((limit) => limitApplies(limit, request.method))) {
    return note(
      authority,
      request,
      within === 'all' ? 'granted' : 'neutral',
      ' (directive limited to other methods)',
    )
  }
  const plain =
    authority.kind === 'condition' ? ask(authority, request) : evaluateFrom(authority, request, 0, 'neutral')
  const finish = (answer: Answer) => note(authority, request, negated(answer, authority.negate), '')
  return typeof plain === 'string' ? finish(plain) : plain.then(finish)
}

function ask({ test }: Condition, request: Request): Answer | Promise<Answer> {
  return typeof test === 'string' ? test : test(request, request.dir)
}

/** The members from a place on, as far as they are needed; `sum` is what those before have come to. */
function evaluateFrom(
  container: Container,
  request: Request,
  from: number,
  sum: Answer,
): Answer | Promise<Answer> {
  const { of: members, kind } = container
  const decisive = kind === 'all' ? 'denied' : 'granted'
  let result = sum
  for (let at = from; at < members.length; at++) {
    const answer = evaluate(members[at] as Authority, request, kind)
    if (typeof answer !== 'string') {
      return answer.then((late) => {
        const next = late === 'error' ? late : combine(kind, result, late)
        return next === 'error' || next === decisive ? next : evaluateFrom(container, request, at + 1, next)
      })
    }
    if (answer === 'error') return answer
    result = combine(kind, result, answer)
    if (result === decisive) return result
  }
  return result
}

/** One more member's answer. `deniedNoUser` is kept where knowing the user may still change the outcome. */
function combine(kind: Container['kind'], sum: Answer, answer: Answer): Answer {
  if (answer === 'neutral') return sum
  if (kind === 'all') {
    if (answer === 'denied') return answer
    return (answer === 'deniedNoUser' && sum !== 'denied') || sum === 'neutral' ? answer : sum
  }
  if (answer === 'granted') return answer
  return (answer === 'deniedNoUser' && sum === 'denied') || sum === 'neutral' ? answer : sum
}

/** `not` turns a grant into a denial; it cannot grant. */
function negated(answer: Answer, negate: boolean): Answer {
  if (!negate || answer === 'error') return answer
  return answer === 'granted' ? 'denied' : 'neutral'
}

const WORDING: Readonly<Record<Answer, string>> = {
  granted: 'granted',
  denied: 'denied',
  deniedNoUser: 'denied (no authenticated user yet)',
  neutral: 'neutral',
  error: 'error',
}

function note(authority: Authority, request: Request, answer: Answer, why: string): Answer {
  if (request.log.admits('authz_core', 'debug', request)) {
    const text = `authorization result of ${describe(authority)}: ${WORDING[answer]}${why}`
    request.report('authz_core', 'debug', text, why === '' ? 'AH01626' : 'AH01625')
  }
  return answer
}
