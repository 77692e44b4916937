/**
 * Text → tree. One pass, character by character: what a character means depends on what may stand there (a `/` begins a regular expression
 * only behind `=~`), so there is no separate list of tokens.
 * Grammar: https://httpd.apache.org/docs/2.4/expr.html#grammar
 */
import {
  ExpressionSyntaxError,
  type IntegerOperator,
  type Pattern,
  type StringOperator,
  type Test,
  type Word,
} from './syntax.js'

/** Parentheses in parentheses in … and functions in functions; far beyond what a person writes, far below what a stack holds. */
const DEPTH_MAX = 100

const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const SPACE = /[ \t\r\n\f\v]*/y
const DIGITS = /[0-9]+/y
const STRING_OPERATOR = /==|!=|<=|>=|<|>|=(?!~)/y
const NAMED_STRING_OPERATOR = /(eq|ne|lt|le|gt|ge)(?![A-Za-z0-9_])/y
const NAMED_INTEGER_OPERATOR = /-?(eq|ne|lt|le|gt|ge)(?![A-Za-z0-9_])/y
const UNARY = /-([A-Za-z])(?![A-Za-z0-9_])/y
const BINARY = /-([A-Za-z_][A-Za-z_0-9]+)/y
const IN = /-?in(?![A-Za-z0-9_])/y
const TRUE_FALSE = /(true|false)(?![A-Za-z0-9_(])/y
const REGEX_OPENING = /\/|m([/#$%^|?!'",;:._-])/y
const AND = /&&|and(?![A-Za-z0-9_])/y
const OR = /\|\||or(?![A-Za-z0-9_])/y
const NOT = /!(?![=~])|not(?![A-Za-z0-9_])/y

/** Other ways to write the operators of texts. */
const STRING_OPERATORS: Readonly<Record<string, StringOperator>> = {
  '=': '==',
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' }

/** `ssl`: as `SSLRequire` reads it, where `lt`, `eq` and their kin without a dash compare texts, and all texts by their length first. */
export type Dialect = 'plain' | 'ssl'

/** Reads a condition. @throws ExpressionSyntaxError */
export function parseCondition(text: string, dialect: Dialect = 'plain'): Test {
  return new Parser(text, dialect).condition()
}

/** Reads a text with `%{…}` and `$1` in it. @throws ExpressionSyntaxError */
export function parseTemplate(text: string): Word {
  return new Parser(text, 'plain').template()
}

class Parser {
  #at = 0
  #depth = 0

  constructor(
    private readonly text: string,
    private readonly dialect: Dialect,
  ) {}

  condition(): Test {
    const test = this.#or()
    this.#space()
    if (this.#at < this.text.length) this.#fail('an operator or the end is expected')
    return test
  }

  template(): Word {
    return this.#string(undefined)
  }

  #or(): Test {
    let left = this.#and()
    while (this.#take(OR) !== undefined) left = { kind: 'or', left, right: this.#and() }
    return left
  }

  #and(): Test {
    let left = this.#not()
    while (this.#take(AND) !== undefined) left = { kind: 'and', left, right: this.#not() }
    return left
  }

  #not(): Test {
    if (this.#take(NOT) === undefined) return this.#primary()
    return this.#deeper(() => ({ kind: 'not', test: this.#not() }))
  }

  #primary(): Test {
    const constant = this.#take(TRUE_FALSE)
    if (constant !== undefined) return { kind: 'constant', value: constant[1] === 'true' }
    if (this.#takeChar('(')) {
      return this.#deeper(() => {
        const test = this.#or()
        if (!this.#takeChar(')')) this.#fail("')' is expected")
        return test
      })
    }
    const unary = this.#take(UNARY)
    if (unary !== undefined) return { kind: 'unary', operator: unary[1] as string, word: this.#word() }
    return this.#comparison(this.#word())
  }

  #comparison(left: Word): Test {
    if (this.#takeText('=~')) return { kind: 'match', negated: false, word: left, pattern: this.#pattern() }
    if (this.#takeText('!~')) return { kind: 'match', negated: true, word: left, pattern: this.#pattern() }
    const byLength = this.dialect === 'ssl'
    const string =
      this.#take(STRING_OPERATOR)?.[0] ?? (byLength ? this.#take(NAMED_STRING_OPERATOR)?.[1] : undefined)
    if (string !== undefined) {
      const operator = STRING_OPERATORS[string] ?? (string as StringOperator)
      return { kind: 'string', operator, byLength, left, right: this.#word() }
    }
    const integer = this.#take(NAMED_INTEGER_OPERATOR)?.[1]
    if (integer !== undefined)
      return { kind: 'integer', operator: integer as IntegerOperator, left, right: this.#word() }
    if (this.#take(IN) !== undefined) return this.#list(left)
    const binary = this.#take(BINARY)?.[1]
    if (binary !== undefined) return { kind: 'binary', operator: binary, left, right: this.#word() }
    return this.#fail('a comparison such as == or =~ is expected')
  }

  #list(word: Word): Test {
    if (this.#takeChar('{')) {
      const list = [this.#word()]
      while (this.#takeChar(',')) list.push(this.#word())
      if (!this.#takeChar('}')) this.#fail("',' or '}' is expected")
      return { kind: 'in', word, list }
    }
    const name = this.#take(NAME)?.[0]
    if (name === undefined || !this.#takeChar('(')) return this.#fail("'{' is expected behind 'in'")
    const argument = this.#deeper(() => this.#word())
    if (!this.#takeChar(')')) this.#fail("')' is expected")
    return { kind: 'inList', word, name, argument }
  }

  /** One or more parts with dots between them. */
  #word(): Word {
    const parts = [this.#wordPart()]
    while (this.#takeChar('.')) parts.push(this.#wordPart())
    return joined(parts)
  }

  #wordPart(): Word {
    this.#space()
    const char = this.text[this.#at]
    if (char === '"' || char === "'") {
      this.#at++
      const word = this.#string(char)
      if (this.text[this.#at] !== char) this.#fail(`the closing ${char} is missing`)
      this.#at++
      return word
    }
    const reference = this.#reference()
    if (reference !== undefined) return reference
    const digits = this.#take(DIGITS)?.[0]
    if (digits !== undefined) return { kind: 'text', text: digits }
    const name = this.#take(NAME)?.[0]
    if (name !== undefined) {
      if (!this.#takeChar('(')) this.#fail(`'${name}' needs quotes, or parentheses if it is a function`)
      const argument = this.#deeper(() => this.#word())
      if (!this.#takeChar(')')) this.#fail("')' is expected")
      return { kind: 'call', name, argument }
    }
    return this.#fail("a value is expected: '…', %{…}, a number or a function")
  }

  /** Text up to the character that ends it (which stays), or to the end of all. */
  #string(end: string | undefined): Word {
    const parts: Word[] = []
    let literal = ''
    const flush = () => {
      if (literal !== '') parts.push({ kind: 'text', text: literal })
      literal = ''
    }
    while (this.#at < this.text.length && this.text[this.#at] !== end) {
      const reference = this.#reference()
      if (reference !== undefined) {
        flush()
        parts.push(reference)
      } else if (this.text[this.#at] === '\\' && this.#at + 1 < this.text.length) literal += this.#escaped()
      else literal += this.text[this.#at++]
    }
    flush()
    return joined(parts)
  }

  #escaped(): string {
    const octal = /\\([0-7]{1,3})/y
    octal.lastIndex = this.#at
    const code = octal.exec(this.text)
    if (code !== null) {
      const value = Number.parseInt(code[1] as string, 8)
      if (value > 0xff) this.#fail('an escape sequence is out of bounds')
      this.#at += code[0].length
      return String.fromCharCode(value)
    }
    const char = this.text[this.#at + 1] as string
    this.#at += 2
    return ESCAPES[char] ?? char
  }

  /** `%{…}` or `$1`, where one stands here. */
  #reference(): Word | undefined {
    const { text } = this
    const next = text[this.#at + 1]
    if (text[this.#at] === '$' && next !== undefined && next >= '0' && next <= '9') {
      this.#at += 2
      return { kind: 'group', number: Number(next) }
    }
    if (text[this.#at] !== '%' || next !== '{') return undefined
    this.#at += 2
    const name = this.#take(NAME)?.[0]
    if (name === undefined) return this.#fail('a variable or function is expected in %{…}')
    let word: Word = { kind: 'variable', name }
    if (text[this.#at] === ':') {
      this.#at++
      word = { kind: 'call', name, argument: this.#deeper(() => this.#string('}')) }
    }
    if (text[this.#at] !== '}') this.#fail("the '}' of %{…} is missing")
    this.#at++
    return word
  }

  #pattern(): Pattern {
    const opening = this.#take(REGEX_OPENING)
    if (opening === undefined) return this.#fail('a regular expression such as /…/ or m#…# is expected')
    const delimiter = opening[1] ?? '/'
    let source = ''
    while (this.text[this.#at] !== delimiter) {
      if (this.#at >= this.text.length)
        this.#fail(`the closing ${delimiter} of the regular expression is missing`)
      // a delimiter with a backslash before it stands for itself
      if (this.text[this.#at] === '\\' && this.text[this.#at + 1] === delimiter) this.#at++
      else if (this.text[this.#at] === '\\') source += this.text[this.#at++]
      source += this.text[this.#at++] ?? ''
    }
    this.#at++
    const flags = /[ismg]*/y
    flags.lastIndex = this.#at
    const letters = flags.exec(this.text)?.[0] ?? ''
    this.#at += letters.length
    return { source, ignoreCase: letters.includes('i'), multiline: letters.includes('m') }
  }

  #deeper<T>(read: () => T): T {
    if (++this.#depth > DEPTH_MAX) this.#fail('the expression is nested too deeply')
    const result = read()
    this.#depth--
    return result
  }

  #space(): void {
    SPACE.lastIndex = this.#at
    SPACE.exec(this.text)
    this.#at = SPACE.lastIndex
  }

  /** What a sticky expression matches here, white space before it passed over. Inside `%{` there must be none. */
  #take(what: RegExp): RegExpExecArray | undefined {
    this.#space()
    what.lastIndex = this.#at
    const found = what.exec(this.text)
    if (found === null) return undefined
    this.#at += found[0].length
    return found
  }

  #takeText(what: string): boolean {
    this.#space()
    if (!this.text.startsWith(what, this.#at)) return false
    this.#at += what.length
    return true
  }

  #takeChar(char: string): boolean {
    return this.#takeText(char)
  }

  #fail(what: string): never {
    const rest = this.text.slice(this.#at, this.#at + 20)
    const place = rest === '' ? 'at its end' : `at '${rest}${this.#at + 20 < this.text.length ? '…' : ''}'`
    throw new ExpressionSyntaxError(`syntax error ${place}: ${what}`)
  }
}

function joined(parts: readonly Word[]): Word {
  if (parts.length === 0) return { kind: 'text', text: '' }
  return parts.length === 1 ? (parts[0] as Word) : { kind: 'joined', parts }
}
