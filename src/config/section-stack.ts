/**
 * Opening and closing sections while the lines of one file are read, and passing over those whose condition does not hold.
 */
import { FaultHere, SyntaxFault } from './errors.js'
import { type Position, sourceName } from './position.js'
import type { ConfigNode } from './tree.js'
import { nextWord, trimSpace } from './words.js'

interface OpenSection {
  /** With `<`, as written. */
  readonly name: string
  readonly at: Position
  /** Absent for conditional sections: what is inside belongs to the section around. */
  readonly children?: ConfigNode[]
}

/** The sections that are open in one file. A file must close what it opens, and nothing else. */
export class SectionStack {
  readonly #open: OpenSection[] = []

  /** @param outside takes the nodes that stand in no section of this file */
  constructor(private readonly outside: ConfigNode[]) {}

  /** Where nodes go now. */
  get sink(): ConfigNode[] {
    return this.#open.findLast(({ children }) => children !== undefined)?.children ?? this.outside
  }

  add(name: string, args: string, at: Position): void {
    this.sink.push({ name, args, at })
  }

  open({ name, args, unclosed }: OpeningTag, at: Position): void {
    const children: ConfigNode[] = []
    this.sink.push({ name: name.slice(1), args, at, children, ...(unclosed ? { unclosed } : {}) })
    this.#open.push({ name, at, children })
  }

  openConditional(name: string, at: Position): void {
    this.#open.push({ name, at })
  }

  /** @param word the closing tag's word, such as `</Directory>` */
  close(word: string): void {
    const inner = this.#open.at(-1)
    const name = word.endsWith('>') ? word.slice(2, -1) : word.slice(2)
    // a conditional section is closed by its own tag alone
    if (inner === undefined || (inner.children === undefined && !sameName(inner.name, name)))
      throw new FaultHere(`</${name}> without matching <${name}> section`)
    if (!word.endsWith('>')) throw new FaultHere(`${word}> directive missing closing '>'`)
    if (!sameName(inner.name, name))
      throw new FaultHere(`Expected </${inner.name.slice(1)}> but saw </${name}>`)
    this.#open.pop()
  }

  /** At the end of the file. Throws a fault that names all sections left open, innermost first, at the outermost one. */
  finish(): void {
    const outermost = this.#open[0]
    if (outermost === undefined) return
    const list = this.#open.map(({ name, at }) => `${sourceName(at)}:${at.line}: ${name}> was not closed.`)
    throw new SyntaxFault(outermost.at, list.reverse().join('\n'))
  }
}

export interface OpeningTag {
  /** With `<`, as written. */
  readonly name: string
  readonly args: string
  /** There is no `>`. */
  readonly unclosed: boolean
}

/** Cuts an opening tag: its name, and its arguments up to the last `>`; what follows that is not looked at. */
export function openingTag(word: string, rest: string): OpeningTag {
  const name = word.endsWith('>') ? word.slice(0, -1) : word
  if (rest === '') return { name, args: '', unclosed: false }
  const end = rest.lastIndexOf('>')
  return end < 0
    ? { name, args: rest, unclosed: true }
    : { name, args: trimSpace(rest.slice(0, end)), unclosed: false }
}

/** Passes over a section that does not hold: nothing but opening and closing tags is looked at. */
export function skipSection(name: string, next: () => string | undefined): void {
  const open = [name]
  while (open.length > 0) {
    const inner = (open.at(-1) as string).slice(1)
    const line = next()
    if (line === undefined) throw new FaultHere(`Expected </${inner}> before end of configuration`)
    if (!line.startsWith('<')) continue
    const { word, rest } = nextWord(line)
    if (word.startsWith('</')) {
      const closed = word.slice(2, -1)
      if (!sameName(`<${inner}`, closed)) throw new FaultHere(`Expected </${inner}> but saw </${closed}>`)
      open.pop()
    } else {
      open.push(rest === '' && word.endsWith('>') ? word.slice(0, -1) : word)
    }
  }
}

/** Compares a section's name as it was opened (with `<`) and closed. */
function sameName(opened: string, closed: string): boolean {
  return opened.slice(1).toLowerCase() === closed.toLowerCase()
}
