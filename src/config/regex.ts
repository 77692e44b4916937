/**
 * Regular expressions as httpd reads them: PCRE, with "dot matches everything" and "dollar matches at the very end only" switched on, over
 * bytes. They are translated to JavaScript when the configuration is read.
 *
 * Carried over: everything both know; inline flags (`(?i)`, `(?i:…)`, also `m s x` and switching off) anywhere; possessive quantifiers and
 * atomic groups; `\A \z \Z \G \Q…\E \h \v \R \N \x{hh} \o{…}`; `[[:alpha:]]` and its kin; `(?P<name>…)`, `(?'name'…)`, `(?P=name)`, `\g{…}`.
 * Case has a meaning for ASCII letters only, `\s` is the six ASCII characters. Refused, because they would match differently: recursion,
 * conditions, branch reset, verbs, `\K`, `\X`, `\p`, and a reference to a group that may not have taken part.
 *
 * Two differences stay. A group inside a repeated group that did not take part in the last round is unset here, where PCRE keeps the text of an
 * earlier round. And a repeated group takes no round that matches nothing: `(|a)*` takes the `a` here, where PCRE is content with nothing.
 *
 * @see https://www.pcre.org/current/doc/html/pcre2pattern.html
 * @see https://httpd.apache.org/docs/2.4/mod/core.html#regexdefaultoptions
 */
import { CharSet, regexLiteral } from './charset.js'
import { makeRegExp } from './match-limit.js'
import type { RegexNode } from './regex-node.js'
import { RegexParser } from './regex-syntax.js'

export interface RegexFlags {
  readonly ignoreCase?: boolean
}

/**
 * Translates and compiles. The result has no `g` or `y` flag, so it keeps no state. Groups keep the numbers they have in the pattern.
 * Throws an Error with the reason where the pattern is wrong or has no counterpart in JavaScript.
 */
export function compileRegex(pattern: string, flags: RegexFlags = {}): RegExp {
  const parser = new RegexParser(pattern, flags.ignoreCase ?? false)
  const tree = parser.parse()
  const writer = new Writer(tree, parser.captures)
  const source = writer.write(tree)
  const jsFlags = writer.needsIgnoreCase ? 'i' : ''
  const regex = makeRegExp(source || '(?:)', jsFlags)
  return writer.helpers.length === 0 ? regex : withoutHelpers(regex, writer.helpers)
}

/** Atomic groups need groups of their own in JavaScript: `(?=(…))\n`. This takes them out of the results again. */
function withoutHelpers(regex: RegExp, helpers: readonly number[]): RegExp {
  const exec = regex.exec.bind(regex)
  return Object.assign(regex, {
    exec(text: string): RegExpExecArray | null {
      const match = exec(text)
      if (match !== null) for (const helper of helpers) match.splice(helper, 1)
      return match
    },
  })
}

class Writer {
  /** JavaScript numbers of the groups that we added, highest first. */
  readonly helpers: number[] = []
  needsIgnoreCase = false
  #groups = 0
  #lookbehinds = 0
  #allIgnoreCase = true
  /** JavaScript's number of each group of the pattern. */
  readonly #numbers: number[] = []
  readonly #names = new Map<string, number>()
  readonly #certain: ReadonlySet<number>

  constructor(tree: RegexNode, captures: number) {
    this.#certain = new Set(certainCaptures(tree, captures))
    this.#collect(tree)
  }

  /** Learns names, and whether all letters ignore case. */
  #collect(node: RegexNode): void {
    if ((node.kind === 'char' || node.kind === 'set') && !node.ignoreCase) this.#allIgnoreCase = false
    if (node.kind === 'capture' && node.name !== undefined) {
      if (this.#names.has(node.name))
        throw new Error(`two named subpatterns have the same name '${node.name}'`)
      this.#names.set(node.name, node.number)
    }
    for (const child of children(node)) this.#collect(child)
  }

  write(node: RegexNode): string {
    switch (node.kind) {
      case 'char': {
        const char = String.fromCharCode(node.code)
        return node.ignoreCase && /[A-Za-z]/.test(char)
          ? CharSet.of(char).withBothCases().toRegexSource()
          : regexLiteral(node.code)
      }
      case 'set': {
        const set = node.ignoreCase ? node.set.withBothCases() : node.set
        return (node.negated ? set.inverted() : set).toRegexSource()
      }
      case 'assertion':
      case 'verbatim':
        return node.source
      case 'backreference':
        return this.#backreference(node.to, node.ignoreCase)
      case 'group':
        return this.#group(node.opening, node.body)
      case 'capture':
        return this.#capture(node.number, node.name, node.body)
      case 'atomic':
        return this.#atomic(() => this.write(node.body))
      case 'repeat':
        return node.mode === 'possessive'
          ? this.#atomic(() => `${this.#repeatable(node.body)}${node.times}`)
          : `${this.#repeatable(node.body)}${node.times}${node.mode === 'lazy' ? '?' : ''}`
      case 'sequence':
        return node.items.map((item) => this.#inSequence(item)).join('')
      case 'alternatives':
        return node.branches.map((branch) => this.write(branch)).join('|')
    }
  }

  #group(opening: string, body: RegexNode): string {
    // JavaScript walks a lookbehind from right to left, where a reference comes before its group
    const behind = opening.startsWith('(?<')
    if (behind) this.#lookbehinds++
    const text = `${opening}${this.write(body)})`
    if (behind) this.#lookbehinds--
    return text
  }

  #capture(number: number, name: string | undefined, body: RegexNode): string {
    const written = ++this.#groups
    const text = `(${name === undefined ? '' : `?<${name}>`}${this.write(body)})`
    // known from here on: a reference inside its own group never matches in PCRE
    this.#numbers[number] = written
    return text
  }

  #inSequence(item: RegexNode): string {
    const text = this.write(item)
    return item.kind === 'alternatives' ? `(?:${text})` : text
  }

  #repeatable(body: RegexNode): string {
    const text = this.write(body)
    const single = body.kind === 'char' || body.kind === 'set' || body.kind === 'capture'
    return single ? text : `(?:${text})`
  }

  #atomic(body: () => string): string {
    if (this.#lookbehinds > 0) throw new Error('an atomic group in a lookbehind is not supported')
    const number = ++this.#groups
    this.helpers.unshift(number)
    // no digit may follow \n directly: it would become part of the number
    return `(?=(${body()}))(?:\\${number})`
  }

  #backreference(to: number | string, ignoreCase: boolean): string {
    if (this.#lookbehinds > 0) throw new Error('a reference in a lookbehind is not supported')
    const number = typeof to === 'string' ? this.#names.get(to) : to
    const written = number === undefined ? undefined : this.#numbers[number]
    if (number === undefined || written === undefined)
      throw new Error(`reference to non-existent subpattern '${to}'`)
    if (!this.#certain.has(number))
      throw new Error(
        `reference to subpattern '${to}', which may not have taken part in the match, is not supported`,
      )
    if (ignoreCase) {
      if (!this.#allIgnoreCase)
        throw new Error('a reference to a subpattern that ignores case only here is not supported')
      this.needsIgnoreCase = true
    }
    return `(?:\\${written})`
  }
}

function children(node: RegexNode): readonly RegexNode[] {
  if (node.kind === 'sequence') return node.items
  if (node.kind === 'alternatives') return node.branches
  return 'body' in node ? [node.body] : []
}

/** The groups that are set in every match: those outside of alternatives, optional repeats and negative assertions. */
function certainCaptures(node: RegexNode, captures: number): number[] {
  if (captures === 0 || node.kind === 'alternatives') return []
  if (node.kind === 'repeat' && node.min === 0) return []
  if (node.kind === 'group' && node.opening.endsWith('!')) return []
  const inner = children(node).flatMap((child) => certainCaptures(child, captures))
  return node.kind === 'capture' ? [node.number, ...inner] : inner
}
