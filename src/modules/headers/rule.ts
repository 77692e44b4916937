/**
 * One `Header` or `RequestHeader` line, ready to run over a table of header fields.
 */
import { type Condition, holds as conditionHolds } from '../../expr/expression.js'
import type { HeaderTable } from '../../request/headers.js'
import type { Request } from '../../request/request.js'
import { compileSubstitution } from '../substitution.js'
import type { HeaderValue } from './value.js'

export type Action =
  | 'set'
  | 'setifempty'
  | 'add'
  | 'append'
  | 'merge'
  | 'unset'
  | 'echo'
  | 'note'
  | 'edit'
  | 'edit*'

export interface HeaderRule {
  readonly action: Action
  /** The field's name; for `echo` a pattern of names, in {@link pattern}. */
  readonly name: string
  readonly value: string | HeaderValue
  readonly pattern: RegExp | undefined
  /** Run when the request has just been read. */
  readonly early: boolean
  readonly condition:
    | { readonly variable: string; readonly set: boolean }
    | { readonly expression: Condition }
    | undefined
}

/** Runs the rules of one point in time over a table. */
export function runRules(
  rules: readonly HeaderRule[],
  early: boolean,
  request: Request,
  headers: HeaderTable,
): void {
  for (const rule of rules) if (rule.early === early && holds(rule, request)) runRule(rule, request, headers)
}

function holds({ condition }: HeaderRule, request: Request): boolean {
  if (condition === undefined) return true
  if ('expression' in condition) return conditionHolds(condition.expression, request)
  const isSet = request.variable(condition.variable) !== undefined
  return isSet === condition.set
}

function runRule(rule: HeaderRule, request: Request, headers: HeaderTable): void {
  const { name } = rule
  switch (rule.action) {
    case 'set':
      setField(rule, request, headers)
      break
    case 'setifempty':
      if (!headers.has(name)) setField(rule, request, headers)
      break
    case 'add':
      headers.add(name, valueFor(rule, request))
      break
    case 'append':
      headers.append(name, valueFor(rule, request))
      break
    case 'merge': {
      const value = valueFor(rule, request)
      if (!listHas(headers.get(name), value)) headers.append(name, value)
      break
    }
    case 'unset':
      headers.unset(name)
      break
    case 'echo':
      request.headersIn.each((field, value) => {
        if (rule.pattern?.test(field)) request.headersOut.add(field, value)
      })
      break
    case 'note':
      request.notes.set(valueFor(rule, request), headers.get(name) ?? '')
      break
    case 'edit':
    case 'edit*':
      editFields(rule, request, headers)
      break
    default:
      rule.action satisfies never
  }
}

function valueFor({ value }: HeaderRule, request: Request): string {
  return typeof value === 'string' ? value : value(request)
}

const isContentType = (name: string): boolean => name.toLowerCase() === 'content-type'

/** The type of a response is a property of the request until it is sent. */
function setField(rule: HeaderRule, request: Request, headers: HeaderTable): void {
  const value = valueFor(rule, request)
  if (isContentType(rule.name) && headers !== request.headersIn) setContentType(request, value)
  headers.set(rule.name, value)
}

function setContentType(request: Request, type: string): void {
  request.contentType = type
  request.charset = undefined
}

function editFields(rule: HeaderRule, request: Request, headers: HeaderTable): void {
  const { name } = rule
  if (isContentType(name) && headers !== request.headersIn && request.contentType !== undefined) {
    setContentType(request, edit(rule, request, request.contentType))
  }
  const values = headers.all(name)
  if (values.length === 0) return
  headers.unset(name)
  for (const value of values) headers.add(name, edit(rule, request, value))
}

/** The first match is replaced, with `edit*` every one. */
function edit(rule: HeaderRule, request: Request, value: string): string {
  const pattern = rule.pattern as RegExp
  let fill: ReturnType<typeof compileSubstitution> | undefined
  let edited = ''
  let rest = value
  for (;;) {
    const found = pattern.exec(rest)
    if (found === null) return edited + rest
    fill ??= compileSubstitution(valueFor(rule, request))
    const end = found.index + found[0].length
    edited += rest.slice(0, found.index) + fill(found)
    rest = rest.slice(end)
    if (rule.action === 'edit' || rest === '') return edited + rest
    if (found[0] === '') {
      edited += rest[0]
      rest = rest.slice(1)
    }
  }
}

/** Whether a comma-separated list has that element; commas in quotes do not separate. */
export function listHas(list: string | undefined, element: string): boolean {
  if (list === undefined) return false
  for (const [item] of list.matchAll(/(?:[^,"]|"[^"]*"?)+/g)) if (item.trimStart() === element) return true
  return false
}
