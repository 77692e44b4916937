/**
 * The syntax of PCRE patterns, as far as they can be carried over to JavaScript: text → a small tree that `regex.ts` writes out again.
 * @see https://www.pcre.org/current/doc/html/pcre2pattern.html
 */
import { CharSet } from './charset.js'
import { ASSERTIONS, CONTROL, ESCAPED_SETS, POSIX_SETS } from './regex-names.js'
import type { GroupOpening, RegexNode } from './regex-node.js'

interface Flags {
  ignoreCase: boolean
  multiline: boolean
  dotAll: boolean
  extended: boolean
}

/** Deepest nesting of groups that is read: more is a mistake or an attack on our stack. */
const MAX_NESTING = 250

export class RegexParser {
  #at = 0
  #captures = 0
  #depth = 0
  #quoting = false
  #flags: Flags
  readonly #text: string

  constructor(text: string, ignoreCase: boolean) {
    this.#text = text
    this.#flags = { ignoreCase, multiline: false, dotAll: true, extended: false }
  }

  get captures(): number {
    return this.#captures
  }

  /** Throws an Error whose message says what is wrong or has no counterpart. */
  parse(): RegexNode {
    const tree = this.#alternatives()
    if (this.#at < this.#text.length) this.#fail('unmatched closing parenthesis')
    return tree
  }

  #fail(reason: string): never {
    throw new Error(`${reason} at offset ${this.#at}`)
  }

  #eat(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  /** Takes what a sticky expression matches here. */
  #take(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at
    const match = expression.exec(this.#text)
    if (match === null) return undefined
    this.#at += match[0].length
    return match
  }

  #alternatives(): RegexNode {
    const outer = this.#flags
    // inline flags hold to the end of the group, across its alternatives
    this.#flags = { ...outer }
    const branches = [this.#sequence()]
    while (this.#eat('|')) branches.push(this.#sequence())
    this.#flags = outer
    return branches.length === 1 ? (branches[0] as RegexNode) : { kind: 'alternatives', branches }
  }

  #sequence(): RegexNode {
    const items: RegexNode[] = []
    for (;;) {
      this.#skipIgnored()
      if (this.#at >= this.#text.length) break
      if (!this.#quoting && (this.#text[this.#at] === '|' || this.#text[this.#at] === ')')) break
      const atom = this.#atom()
      if (atom === undefined) continue
      this.#skipIgnored()
      items.push(this.#quantified(atom))
    }
    return items.length === 1 ? (items[0] as RegexNode) : { kind: 'sequence', items }
  }

  /** Comments, the white space of `(?x)`, and the marks of `\Q…\E`. */
  #skipIgnored(): void {
    for (;;) {
      if (this.#quoting) {
        if (!this.#eat('\\E')) return
        this.#quoting = false
      } else if (this.#eat('\\Q')) {
        this.#quoting = true
      } else if (this.#eat('\\E')) {
        // without \Q: ignored
      } else if (this.#text.startsWith('(?#', this.#at)) {
        if (this.#take(/\(\?#[^)]*\)/y) === undefined) this.#fail('missing ) after (?# comment')
      } else if (!this.#flags.extended || this.#take(/[ \t-\r]+|#[^\n]*\n?/y) === undefined) {
        return
      }
    }
  }

  #char(code: number): RegexNode {
    return { kind: 'char', code, ignoreCase: this.#flags.ignoreCase }
  }

  #set(set: CharSet, negated: boolean): RegexNode {
    return { kind: 'set', set, negated, ignoreCase: this.#flags.ignoreCase }
  }

  #atom(): RegexNode | undefined {
    const char = this.#text[this.#at++] as string
    if (this.#quoting) return this.#char(char.charCodeAt(0))
    switch (char) {
      case '^':
        return {
          kind: 'assertion',
          source: this.#flags.multiline ? '(?:^|(?<=\\n)(?!$))' : '^',
        }
      case '$':
        return { kind: 'assertion', source: this.#flags.multiline ? '(?![^\\n])' : '$' }
      case '.':
        return this.#set(this.#flags.dotAll ? new CharSet() : CharSet.of('\n'), true)
      case '[':
        return this.#bracket()
      case '(':
        return this.#group()
      case '\\':
        return this.#escape()
      case '*':
      case '+':
      case '?':
        return this.#fail('quantifier does not follow a repeatable item')
      default:
        return this.#char(char.charCodeAt(0))
    }
  }

  #quantified(atom: RegexNode): RegexNode {
    let node = atom
    for (let count = 0; ; count++) {
      if (this.#quoting) return node
      const match = this.#take(/[*+?]|\{(\d{1,5})(,(\d{1,5})?)?\}/y)
      if (match === undefined) return node
      if (count > MAX_NESTING) this.#fail('too many quantifiers')
      const times = match[0]
      const min = times === '*' || times === '?' ? 0 : times === '+' ? 1 : Number(match[1])
      if (match[3] !== undefined && Number(match[3]) < min)
        this.#fail('numbers out of order in {} quantifier')
      const mode = this.#eat('?') ? 'lazy' : this.#eat('+') ? 'possessive' : 'greedy'
      node = { kind: 'repeat', body: node, times, min, mode }
      this.#skipIgnored()
    }
  }

  #group(): RegexNode | undefined {
    if (this.#text[this.#at] === '*') this.#fail('verbs such as (*NAME) are not supported')
    if (this.#text[this.#at] !== '?') return this.#capture(undefined)
    this.#at++
    const name = this.#take(/P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)'/y)
    if (name !== undefined) return this.#capture(name[1] ?? name[2])
    const reference = this.#take(/P=([A-Za-z_]\w*)\)/y)
    if (reference !== undefined)
      return { kind: 'backreference', to: reference[1] as string, ignoreCase: this.#flags.ignoreCase }
    if (this.#eat('>')) return { kind: 'atomic', body: this.#closed() }
    const opening = this.#take(/:|=|!|<=|<!/y)
    if (opening !== undefined)
      return { kind: 'group', opening: `(?${opening[0]}` as GroupOpening, body: this.#closed() }
    const flags = this.#take(/(\^?)([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])/y)
    if (flags === undefined) this.#fail('unsupported group, such as a condition, recursion or branch reset')
    if (flags[0] === 'R)') this.#fail('recursion is not supported')
    const changed = this.#changedFlags(flags[1] === '^', flags[2] as string, flags[3] ?? '')
    if (flags[4] === ')') {
      this.#flags = changed
      return undefined
    }
    const outer = this.#flags
    this.#flags = changed
    const body = this.#closed()
    this.#flags = outer
    return { kind: 'group', opening: '(?:', body }
  }

  #changedFlags(reset: boolean, on: string, off: string): Flags {
    const flags = reset
      ? { ignoreCase: false, multiline: false, dotAll: false, extended: false }
      : { ...this.#flags }
    const names = { i: 'ignoreCase', m: 'multiline', s: 'dotAll', x: 'extended' } as const
    for (const [letters, value] of [
      [on, true],
      [off, false],
    ] as const) {
      for (const letter of letters) {
        if (!(letter in names)) this.#fail(`inline flag '${letter}' is not supported`)
        flags[names[letter as keyof typeof names]] = value
      }
    }
    return flags
  }

  #capture(name: string | undefined): RegexNode {
    const number = ++this.#captures
    const body = this.#closed()
    return name === undefined ? { kind: 'capture', number, body } : { kind: 'capture', number, name, body }
  }

  #closed(): RegexNode {
    if (++this.#depth > MAX_NESTING) this.#fail('parentheses are nested too deeply')
    const body = this.#alternatives()
    if (!this.#eat(')')) this.#fail('missing closing parenthesis')
    this.#depth--
    return body
  }

  #escape(): RegexNode {
    if (this.#at >= this.#text.length) this.#fail('\\ at end of pattern')
    const assertion = this.#text[this.#at] as string
    if (assertion in ASSERTIONS) {
      this.#at++
      return { kind: 'assertion', source: ASSERTIONS[assertion] as string }
    }
    const set = this.#escapedSet()
    if (set !== undefined) return this.#set(set.set, set.negated)
    if (this.#eat('R'))
      return { kind: 'atomic', body: { kind: 'verbatim', source: '(?:\\r\\n|[\\n-\\r\\x85])' } }
    if (this.#eat('N')) return this.#set(CharSet.of('\n'), true)
    if (this.#eat('C')) return this.#set(new CharSet(), true)
    const reference =
      this.#take(/g(?:\{([-+]?\d+|[A-Za-z_]\w*)\}|([-+]?\d+))|k(?:\{(\w+)\}|<(\w+)>|'(\w+)')/y) ??
      this.#takeNumberedReference()
    if (reference !== undefined) return this.#reference(reference.slice(1).find((part) => part) as string)
    return this.#char(this.#escapedCode())
  }

  /** `\1` … `\9` always refer back, longer numbers if there are as many groups already; else they are octal. */
  #takeNumberedReference(): string[] | undefined {
    const digits = /[1-9]\d{0,2}/y
    digits.lastIndex = this.#at
    const text = digits.exec(this.#text)?.[0]
    if (text === undefined || (text.length > 1 && Number(text) > this.#captures)) return undefined
    this.#at += text.length
    return ['', text]
  }

  #reference(text: string): RegexNode {
    const { ignoreCase } = this.#flags
    if (!/^[-+]?\d+$/.test(text)) return { kind: 'backreference', to: text, ignoreCase }
    const number = Number(text)
    const to = text.startsWith('-') ? this.#captures + 1 + number : number
    if (to < 1 || text.startsWith('+')) this.#fail('reference to a group that does not precede it')
    return { kind: 'backreference', to, ignoreCase }
  }

  #escapedSet(): { set: CharSet; negated: boolean } | undefined {
    const letter = this.#text[this.#at] ?? ''
    const set = ESCAPED_SETS[letter.toLowerCase()]
    if (set === undefined) return undefined
    this.#at++
    return { set, negated: letter < 'a' }
  }

  /** An escape that stands for one character, after its backslash. */
  #escapedCode(): number {
    const hex = this.#take(/x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{0,2}))/y)
    if (hex !== undefined) return this.#byte(Number.parseInt(hex[1] ?? (hex[2] || '0'), 16))
    const octal = this.#take(/o\{([0-7]+)\}|([0-7]{1,3})/y)
    if (octal !== undefined) return this.#byte(Number.parseInt((octal[1] ?? octal[2]) as string, 8))
    const control = this.#take(/c([ -~])/y)
    if (control !== undefined) return (control[1] as string).toUpperCase().charCodeAt(0) ^ 0x40
    const char = this.#text[this.#at] as string
    if (/[A-Za-z0-9]/.test(char) && !(char in CONTROL)) this.#fail(`\\${char} is not supported`)
    this.#at++
    return CONTROL[char] ?? char.charCodeAt(0)
  }

  #byte(code: number): number {
    if (code > 255) this.#fail('character value is too large: text is matched byte by byte')
    return code
  }

  #bracket(): RegexNode {
    const negated = this.#eat('^')
    const set = new CharSet()
    // a closing bracket that comes first is a member
    for (let first = true; ; first = false) {
      if (this.#eat('\\Q')) this.#quoting = true
      if (this.#eat('\\E')) {
        this.#quoting = false
        first = false
        continue
      }
      if (this.#at >= this.#text.length) this.#fail('missing terminating ] for character class')
      if (!this.#quoting && !first && this.#eat(']')) return this.#set(set, negated)
      const from = this.#member(set)
      if (this.#quoting || !/^-[^\]]/.test(this.#text.slice(this.#at, this.#at + 2))) {
        if (from !== undefined) set.add(from)
        continue
      }
      this.#at++
      const to = from === undefined ? undefined : this.#member(set)
      if (from === undefined || to === undefined) this.#fail('invalid range in character class')
      if (to < from) this.#fail('range out of order in character class')
      set.addRange(from, to)
    }
  }

  /** One member of a bracket: a character's code, or undefined where it was a whole set, added to `set` already. */
  #member(set: CharSet): number | undefined {
    if (!this.#quoting) {
      const posix = this.#take(/\[:(\^?)([a-z]+):\]/y)
      if (posix !== undefined) {
        const named = POSIX_SETS[posix[2] as string]
        if (named === undefined) this.#fail('unknown POSIX class name')
        set.addSet(posix[1] ? named.inverted() : named)
        return undefined
      }
      if (this.#take(/\[[.=]/y) !== undefined) this.#fail('POSIX collating elements are not supported')
      if (this.#eat('\\')) {
        if (this.#at >= this.#text.length) this.#fail('\\ at end of pattern')
        const escaped = this.#escapedSet()
        if (escaped !== undefined) {
          set.addSet(escaped.negated ? escaped.set.inverted() : escaped.set)
          return undefined
        }
        return this.#eat('b') ? 8 : this.#escapedCode()
      }
    }
    return this.#byte(this.#text.charCodeAt(this.#at++))
  }
}
