/**
 * Tree → closures. Everything that does not depend on a request is decided here: names are looked up, patterns compiled, constant parts joined.
 */
import { compileRegex } from '../config/regex.js'
import type { Holds, TextOf } from './evaluation.js'
import { EvaluationError } from './evaluation.js'
import { FUNCTIONS, LISTS } from './functions.js'
import { BINARY, remoteIn, UNARY } from './operators.js'
import {
  ExpressionSyntaxError,
  type IntegerOperator,
  type StringOperator,
  type Test,
  type Word,
} from './syntax.js'
import { variableReader } from './variables.js'

/** What an expression's author may do, and what was found out about the expression on the way. */
export interface Compilation {
  /** Functions that read files are refused. */
  readonly restricted: boolean
  /** Upper-case names of the variables that it reads. */
  readonly reads: Set<string>
}

/** The text itself where it is the same for all requests. @throws ExpressionSyntaxError */
export function compileWord(word: Word, compilation: Compilation): string | TextOf {
  switch (word.kind) {
    case 'text':
      return word.text
    case 'variable': {
      const read = variableReader(word.name)
      if (read === undefined) throw new ExpressionSyntaxError(`Variable '${word.name}' does not exist`)
      compilation.reads.add(word.name.toUpperCase())
      return read
    }
    case 'call':
      return compileCall(word.name, word.argument, compilation)
    case 'group': {
      const { number } = word
      return ({ groups }) => groups[number] ?? ''
    }
    case 'joined':
      return join(word.parts.map((part) => compileWord(part, compilation)))
    default:
      return word satisfies never
  }
}

function compileCall(name: string, argument: Word, compilation: Compilation): TextOf {
  const lower = name.toLowerCase()
  const known = Object.hasOwn(FUNCTIONS, lower) ? FUNCTIONS[lower] : undefined
  if (known === undefined) throw new ExpressionSyntaxError(`Function '${name}' does not exist`)
  if (known.restricted && compilation.restricted)
    throw new ExpressionSyntaxError(`Function '${name}' is not available here`)
  const inner = compileWord(argument, compilation)
  const { call } = known
  if (typeof inner === 'string') return (evaluation) => call(inner, evaluation)
  return (evaluation) => call(inner(evaluation), evaluation)
}

function join(parts: readonly (string | TextOf)[]): string | TextOf {
  if (parts.every((part) => typeof part === 'string')) return parts.join('')
  return (evaluation) => {
    let text = ''
    for (const part of parts) text += typeof part === 'string' ? part : part(evaluation)
    return text
  }
}

function textOf(word: Word, compilation: Compilation): TextOf {
  const compiled = compileWord(word, compilation)
  return typeof compiled === 'string' ? () => compiled : compiled
}

const STRINGS: Readonly<Record<StringOperator, (left: string, right: string) => boolean>> = {
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
}

/** Comparisons of whole numbers, by their operator. */
export const INTEGERS: Readonly<Record<IntegerOperator, (left: bigint, right: bigint) => boolean>> = {
  eq: (left, right) => left === right,
  ne: (left, right) => left !== right,
  lt: (left, right) => left < right,
  le: (left, right) => left <= right,
  gt: (left, right) => left > right,
  ge: (left, right) => left >= right,
}

const INTEGER_MAX = 2n ** 63n - 1n

/** The number that a text begins with, 0 where it begins with none: C's strtoll. */
export function integerOf(text: string): bigint {
  const digits = /^[ \t-\r]*([+-]?)(\d+)/.exec(text)
  if (digits === null) return 0n
  const magnitude = (digits[2] as string).length > 20 ? INTEGER_MAX : BigInt(digits[2] as string)
  const value = digits[1] === '-' ? -magnitude : magnitude
  return value > INTEGER_MAX ? INTEGER_MAX : value < -INTEGER_MAX - 1n ? -INTEGER_MAX - 1n : value
}

/** @throws ExpressionSyntaxError */
export function compileTest(test: Test, compilation: Compilation): Holds {
  switch (test.kind) {
    case 'constant': {
      const { value } = test
      return () => value
    }
    case 'not': {
      const inner = compileTest(test.test, compilation)
      return (evaluation) => !inner(evaluation)
    }
    case 'and': {
      const left = compileTest(test.left, compilation)
      const right = compileTest(test.right, compilation)
      return (evaluation) => left(evaluation) && right(evaluation)
    }
    case 'or': {
      const left = compileTest(test.left, compilation)
      const right = compileTest(test.right, compilation)
      return (evaluation) => left(evaluation) || right(evaluation)
    }
    case 'string': {
      const left = textOf(test.left, compilation)
      const right = textOf(test.right, compilation)
      const compare = STRINGS[test.operator]
      if (!test.byLength) return (evaluation) => compare(left(evaluation), right(evaluation))
      return (evaluation) => {
        const [one, other] = [left(evaluation), right(evaluation)]
        if (one.length === other.length) return compare(one, other)
        return compare(one.length < other.length ? '0' : '1', one.length < other.length ? '1' : '0')
      }
    }
    case 'integer': {
      const left = textOf(test.left, compilation)
      const right = textOf(test.right, compilation)
      const compare = INTEGERS[test.operator]
      return (evaluation) => compare(integerOf(left(evaluation)), integerOf(right(evaluation)))
    }
    case 'match':
      return compileMatch(test, compilation)
    case 'in': {
      const word = textOf(test.word, compilation)
      const list = test.list.map((one) => textOf(one, compilation))
      return (evaluation) => {
        const wanted = word(evaluation)
        return list.some((one) => one(evaluation) === wanted)
      }
    }
    case 'inList': {
      const list = LISTS[test.name.toLowerCase()]
      if (list === undefined)
        throw new ExpressionSyntaxError(
          `List-returning function '${test.name}' does not exist; PeerExtList("1.2.3") is the one there is`,
        )
      const word = textOf(test.word, compilation)
      const argument = textOf(test.argument, compilation)
      return (evaluation) => list(argument(evaluation), evaluation).includes(word(evaluation))
    }
    case 'unary':
      return compileUnary(test.operator, test.word, compilation)
    case 'binary':
      return compileBinary(test.operator, test.left, test.right, compilation)
    default:
      return test satisfies never
  }
}

function compileMatch(
  { word, pattern, negated }: Extract<Test, { kind: 'match' }>,
  compilation: Compilation,
): Holds {
  const text = textOf(word, compilation)
  const { source, ignoreCase, multiline } = pattern
  let regex: RegExp
  try {
    regex = compileRegex(multiline ? `(?m)${source}` : source, { ignoreCase })
  } catch (error) {
    throw new ExpressionSyntaxError(`Regular expression '${source}': ${(error as Error).message}`)
  }
  return (evaluation) => {
    const found = regex.exec(text(evaluation))
    // of a match that was not to be, nothing is kept
    if (!negated) evaluation.groups = found ?? []
    return (found !== null) !== negated
  }
}

function compileUnary(operator: string, word: Word, compilation: Compilation): Holds {
  if (operator === 'R') {
    const range = compileWord(word, compilation)
    return remoteIn(typeof range === 'string' ? range : undefined)
  }
  const test = Object.hasOwn(UNARY, operator) ? UNARY[operator] : undefined
  if (test === undefined) throw new ExpressionSyntaxError(`No unary operator '-${operator}'`)
  const text = textOf(word, compilation)
  return (evaluation) => test(text(evaluation), evaluation)
}

function compileBinary(operator: string, left: Word, right: Word, compilation: Compilation): Holds {
  const made = Object.hasOwn(BINARY, operator) ? BINARY[operator] : undefined
  if (made === undefined) throw new ExpressionSyntaxError(`No binary operator '-${operator}'`)
  const text = textOf(left, compilation)
  const other = compileWord(right, compilation)
  if (made.constant !== undefined) {
    if (typeof other !== 'string')
      throw new ExpressionSyntaxError(`-${operator} requires subnet/netmask as constant argument`)
    const test = made.constant(other)
    return (evaluation) => test(text(evaluation), evaluation)
  }
  const { dynamic } = made
  if (dynamic === undefined) throw new EvaluationError(`-${operator} is not defined`)
  return (evaluation) => dynamic(text(evaluation), typeof other === 'string' ? other : other(evaluation))
}
