/**
 * `RewriteCond`: a text, and what it must be for the next rule to apply.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_rewrite.html#rewritecond
 */
import type { Command } from '../../config/directive.js'
import { compileRegex } from '../../config/regex.js'
import { INTEGERS, integerOf } from '../../expr/compile.js'
import type { Evaluation } from '../../expr/evaluation.js'
import { evaluate } from '../../expr/expression.js'
import { fileIsAccessible, UNARY, urlIsAccessible } from '../../expr/operators.js'
import type { IntegerOperator } from '../../expr/syntax.js'
import { conditionOf } from '../string-template.js'
import { splitFlags, splitRewriteArguments } from './arguments.js'
import { compileExpansion, type MapFinder } from './expansion.js'
import type { RunState } from './run-state.js'

export interface Condition {
  /** Enough if this one or the next holds. */
  readonly or: boolean
  /** Header fields it looks at are not added to `Vary`. */
  readonly noVary: boolean
  /** As written, for the trace. */
  readonly text: string
  /** Sets `conditionGroups` where a pattern matches. @throws Waiting */
  readonly holds: (state: RunState) => boolean
}

type Test = (input: string, state: RunState) => boolean

export function parseCondition(cmd: Command, line: string, findMap: MapFinder): Condition {
  const args = splitRewriteArguments(line)
  if (args === undefined) return cmd.fail(`RewriteCond: bad argument line '${line}'`)
  const { first, second } = args
  const flags = parseFlags(cmd, args.flags)
  const shown = { or: flags.or, noVary: flags.noVary, text: `${first} ${second}` }
  const negated = second.startsWith('!') && first.toLowerCase() !== 'expr'
  if (first.toLowerCase() === 'expr') {
    const expression = conditionOf(cmd, second, `RewriteCond: cannot compile expression "${second}": `, {
      vary: !flags.noVary,
    })
    return {
      ...shown,
      holds: (state) => {
        const groups: (string | undefined)[] = []
        const result = evaluate(expression, state.request, groups) === true
        if (result && groups.length > 0) state.conditionGroups = groups
        return result
      },
    }
  }
  const input = compileExpansion(first, findMap)
  const test = compilePattern(cmd, negated ? second.slice(1) : second, flags.ignoreCase, negated)
  return { ...shown, holds: (state) => test(input(state), state) !== negated }
}

function parseFlags(
  cmd: Command,
  text: string | undefined,
): { ignoreCase: boolean; or: boolean; noVary: boolean } {
  const flags = { ignoreCase: false, or: false, noVary: false }
  for (const { name } of flagsOf(cmd, text)) {
    switch (name.toLowerCase()) {
      case 'nc':
      case 'nocase':
        flags.ignoreCase = true
        break
      case 'or':
      case 'ornext':
        flags.or = true
        break
      case 'nv':
      case 'novary':
        flags.noVary = true
        break
      default:
        cmd.fail(`RewriteCond: unknown flag '${name}'`)
    }
  }
  return flags
}

/** The flags of a line. Faults end in `cmd.fail`. */
export function flagsOf(cmd: Command, text: string | undefined): ReturnType<typeof splitFlags> {
  if (text === undefined) return []
  try {
    return splitFlags(text)
  } catch (error) {
    return cmd.fail(`${cmd.name}: ${(error as Error).message}`)
  }
}

/** Tests of files by their letters; `-h` and `-L` are `-l`. */
const FILE_TESTS: Readonly<Record<string, string>> = {
  d: 'd',
  f: 'f',
  s: 's',
  x: 'x',
  l: 'L',
  h: 'L',
  L: 'L',
}

function compilePattern(cmd: Command, pattern: string, ignoreCase: boolean, negated: boolean): Test {
  const letter = /^-(\w)$/.exec(pattern)?.[1]
  if (letter === 'U') return (input, { request }) => urlIsAccessible(input, request)
  if (letter === 'F') return (input, { request }) => fileIsAccessible(input, request)
  if (letter !== undefined && Object.hasOwn(FILE_TESTS, letter)) {
    const test = UNARY[FILE_TESTS[letter] as string] as (word: string, evaluation: Evaluation) => boolean
    return (input) => test(input, undefined as never)
  }
  const integer = /^-(eq|ne|lt|le|gt|ge)(.*)$/s.exec(pattern)
  if (integer !== null) {
    if (integer[2] === '')
      cmd.fail(`RewriteCond: '-${integer[1]}' needs its number right behind it, as in -${integer[1]}5`)
    const compare = INTEGERS[integer[1] as IntegerOperator]
    const right = integerOf(integer[2] as string)
    return (input) => compare(integerOf(input), right)
  }
  const lexical = /^(<=|>=|<|>|=)(.*)$/s.exec(pattern)
  if (lexical !== null) return lexicalTest(lexical[1] as string, lexical[2] as string, ignoreCase)
  return regexTest(cmd, pattern, ignoreCase, negated)
}

/** Of the comparisons, only equality can ignore case. */
function lexicalTest(operator: string, right: string, ignoreCase: boolean): Test {
  switch (operator) {
    case '=': {
      const wanted = right === '""' ? '' : right
      if (!ignoreCase) return (input) => input === wanted
      return (input) => input.toLowerCase() === wanted.toLowerCase()
    }
    case '<':
      return (input) => compare(input, right) < 0
    case '<=':
      return (input) => compare(input, right) <= 0
    case '>':
      return (input) => compare(input, right) > 0
    default:
      return (input) => compare(input, right) >= 0
  }
}

/** httpd compares lengths first: a longer text is greater. */
function compare(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length
  return left < right ? -1 : left > right ? 1 : 0
}

function regexTest(cmd: Command, pattern: string, ignoreCase: boolean, negated: boolean): Test {
  let regex: RegExp
  try {
    regex = compileRegex(pattern, { ignoreCase })
  } catch (error) {
    return cmd.fail(
      `RewriteCond: cannot compile regular expression '${pattern}': ${(error as Error).message}`,
    )
  }
  return (input, state) => {
    const found = regex.exec(input)
    if (found !== null && !negated) state.conditionGroups = found
    return found !== null
  }
}
