/**
 * The tree that an expression is read into. Text that is only known at request time is a {@link Word}, what is true or false a {@link Test}.
 * Grammar: https://httpd.apache.org/docs/2.4/expr.html#grammar
 */

/** Something that has a text. */
export type Word =
  | { readonly kind: 'text'; readonly text: string }
  /** `%{NAME}`. */
  | { readonly kind: 'variable'; readonly name: string }
  /** `%{name:arg}` or `name(arg)`. */
  | { readonly kind: 'call'; readonly name: string; readonly argument: Word }
  /** `$0` to `$9`: what a group of the last successful match found. */
  | { readonly kind: 'group'; readonly number: number }
  | { readonly kind: 'joined'; readonly parts: readonly Word[] }

export type StringOperator = '==' | '!=' | '<' | '<=' | '>' | '>='
export type IntegerOperator = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'

export interface Pattern {
  readonly source: string
  readonly ignoreCase: boolean
  /** `^` and `$` match at line ends too. */
  readonly multiline: boolean
}

/** Something that holds or does not. */
export type Test =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'not'; readonly test: Test }
  | { readonly kind: 'and' | 'or'; readonly left: Test; readonly right: Test }
  | {
      readonly kind: 'string'
      readonly operator: StringOperator
      /** The shorter text is the smaller one, as `SSLRequire` has it; texts of one length are compared by their letters. */
      readonly byLength: boolean
      readonly left: Word
      readonly right: Word
    }
  | {
      readonly kind: 'integer'
      readonly operator: IntegerOperator
      readonly left: Word
      readonly right: Word
    }
  | { readonly kind: 'match'; readonly negated: boolean; readonly word: Word; readonly pattern: Pattern }
  | { readonly kind: 'in'; readonly word: Word; readonly list: readonly Word[] }
  /** `in name(arg)`: a function that gives a list. */
  | { readonly kind: 'inList'; readonly word: Word; readonly name: string; readonly argument: Word }
  /** `-d word`, by the letter. */
  | { readonly kind: 'unary'; readonly operator: string; readonly word: Word }
  /** `word -ipmatch word`, by the name. */
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Word; readonly right: Word }

/** What is wrong with an expression's text. The message says it, and at which character. */
export class ExpressionSyntaxError extends Error {
  override readonly name = 'ExpressionSyntaxError'
}
