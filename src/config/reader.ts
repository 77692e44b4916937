/**
 * Pass 1: text → tree. Closes sections and carries out what shapes the tree: `Include`, `Define`, the `If…` sections, macros, `LoadModule`. All
 * other names are left for pass 2 (`apply.ts`), known or not. The first fault ends it.
 * @see https://httpd.apache.org/docs/2.4/configuring.html
 */
import path from 'node:path'
import { readArguments } from './arguments.js'
import { CONDITIONS, ConditionError, type Facts } from './conditions.js'
import { type ConfigWarning, SyntaxFault } from './errors.js'
import { type ConfigFiles, realFiles } from './files.js'
import { IncludeError, includedFiles } from './include.js'
import { ArraySource, LineStream, MAX_HTACCESS_LINE, TextSource } from './lines.js'
import { MacroError, Macros } from './macros.js'
import { COMMAND_LINE, type Position, sourceName } from './position.js'
import type { ConfigNode, ConfigTree, IncludedFile } from './tree.js'
import { treeDirective } from './tree-directives.js'
import { Variables } from './variables.js'
import type { Vocabulary } from './vocabulary.js'
import { nextWord, trimSpace } from './words.js'

/** `Include` in `Include` in … */
const MAX_INCLUDE_DEPTH = 128
/** Lines in all, macros included, so that macros that use macros cannot go on for ever. */
const MAX_LINES = 10_000_000
const MAX_HTACCESS_LINES = 100_000

export interface ReadOptions {
  /** The main configuration file, absolute. */
  readonly file: string
  /** `-d`: the first `ServerRoot`. */
  readonly serverRoot: string
  /** `-D` names. */
  readonly defines?: Iterable<string>
  /** `-C` lines, read before the file, and `-c` lines, read after it. */
  readonly before?: readonly string[]
  readonly after?: readonly string[]
  /** For `${NAME}`. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly vocabulary: Vocabulary
  readonly files?: ConfigFiles
  /** Read as a `.htaccess` file: what may not stand there is refused, and limits are tighter. */
  readonly htaccess?: boolean
}

/**
 * Reads the configuration. Text is latin-1: each character of the tree is one byte of a file.
 * @throws SyntaxFault at the first fault
 */
export function readTree(options: ReadOptions): ConfigTree {
  const reader = new Reader(options)
  try {
    return reader.read()
  } catch (error) {
    if (error instanceof SyntaxFault) error.warnings = reader.warnings
    throw error
  }
}

interface OpenSection {
  /** With `<`, as written. */
  readonly name: string
  readonly at: Position
  /** Absent for conditional sections: what is inside belongs to the section around. */
  readonly children?: ConfigNode[]
}

/** One file (or command line) while it is read. */
interface Source {
  readonly stream: LineStream
  readonly open: OpenSection[]
  /** Where nodes go that stand in no section of this file. */
  readonly sink: ConfigNode[]
  readonly includes: IncludedFile[]
  readonly chain: readonly Position[]
}

class Reader implements Facts {
  readonly #options: ReadOptions
  readonly #files: ConfigFiles
  readonly #variables: Variables
  readonly #macros = new Macros()
  readonly #loaded = new Set<string>()
  readonly warnings: ConfigWarning[] = []
  #serverRoot: string
  #lines = 0

  constructor(options: ReadOptions) {
    this.#options = options
    this.#files = options.files ?? realFiles
    this.#serverRoot = options.serverRoot
    this.#variables = new Variables(options.defines ?? [], options.environment)
  }

  read(): ConfigTree {
    const { file, before = [], after = [] } = this.#options
    const nodes: ConfigNode[] = []
    const includes: IncludedFile[] = []
    this.#readArray(before, nodes)
    this.#readFile(file, { file, line: 0 }, nodes, includes, [])
    this.#readArray(after, nodes)
    return {
      nodes,
      defines: this.#variables.all(),
      serverRoot: this.#serverRoot,
      file,
      includes,
      warnings: this.warnings,
    }
  }

  #readArray(lines: readonly string[], sink: ConfigNode[]): void {
    if (lines.length === 0) return
    const start = { file: COMMAND_LINE, line: 0 }
    this.#readAll({
      stream: new LineStream(new ArraySource(lines, { file: COMMAND_LINE }), start),
      open: [],
      sink,
      includes: [],
      chain: [],
    })
  }

  #readFile(
    file: string,
    from: Position,
    sink: ConfigNode[],
    includes: IncludedFile[],
    chain: readonly Position[],
  ): void {
    let text: string
    try {
      text = this.#files.read(file)
    } catch (error) {
      throw new SyntaxFault(from, `Could not open configuration file ${file}: ${(error as Error).message}`)
    }
    const { htaccess } = this.#options
    const position = chain.length === 0 ? { file } : { file, includedFrom: chain }
    const inner: IncludedFile[] = []
    includes.push({ file, line: from.line, includes: inner })
    const source = htaccess
      ? new TextSource(text, position, MAX_HTACCESS_LINE)
      : new TextSource(text, position)
    const stream = new LineStream(source, { ...position, line: 1 })
    this.#readAll({ stream, open: [], sink, includes: inner, chain })
  }

  #readAll(source: Source): void {
    for (let line = this.#nextLine(source); line !== undefined; line = this.#nextLine(source)) {
      const text = this.#variables.expand(line, (name) =>
        this.#warn(source, `Config variable \${${name}} is not defined`, 'AH00111'),
      )
      this.#directive(source, text)
    }
    if (source.open.length === 0) return
    const outermost = source.open[0] as OpenSection
    const list = source.open.map(({ name, at }) => `${sourceName(at)}:${at.line}: ${name}> was not closed.`)
    throw new SyntaxFault(outermost.at, list.reverse().join('\n'))
  }

  /** The next line that is not empty and no comment. */
  #nextLine({ stream }: Source): string | undefined {
    for (;;) {
      const line = stream.next()
      if (line === undefined) return undefined
      if (++this.#lines > (this.#options.htaccess ? MAX_HTACCESS_LINES : MAX_LINES))
        throw new SyntaxFault(line.at, `More than ${this.#lines - 1} lines: macros that use each other?`)
      if (line.text !== '' && !line.text.startsWith('#')) return line.text
    }
  }

  #directive(source: Source, line: string): void {
    const { word, rest } = nextWord(line)
    if (word === '') return
    if (word.startsWith('</')) {
      this.#close(source, word)
      return
    }
    const known = treeDirective(word.endsWith('>') ? word.slice(0, -1) : word)
    if (word.startsWith('<')) {
      const { name, args, unclosed } = openingTag(word, rest)
      if (known === undefined) {
        this.#open(source, name, args, unclosed)
        return
      }
      if (unclosed) this.#fail(source, `${known.name}> directive missing closing '>'`)
      if (known.name === '<Macro') this.#defineMacro(source, args)
      else this.#condition(source, known.name, args)
      return
    }
    if (known !== undefined) {
      const args = readArguments(known.name, known.args, rest, known.help)
      if (!known.contexts.includes('htaccess') && this.#options.htaccess)
        this.#fail(source, `${known.name} not allowed here`)
      if ('failure' in args) this.#fail(source, args.failure)
      this.#execute(source, known.name, args.words)
      return
    }
    if (word.toLowerCase() === 'serverroot' && !this.#options.htaccess) this.#changeServerRoot(source, rest)
    this.#add(source, { name: word, args: rest, at: source.stream.at })
  }

  #add({ open, sink }: Source, node: ConfigNode): void {
    ;(open.findLast((section) => section.children !== undefined)?.children ?? sink).push(node)
  }

  #open(source: Source, name: string, args: string, unclosed: boolean): void {
    const { at } = source.stream
    const children: ConfigNode[] = []
    this.#add(source, { name: name.slice(1), args, at, children, ...(unclosed ? { unclosed } : {}) })
    source.open.push({ name, at, children })
  }

  #close(source: Source, word: string): void {
    const inner = source.open.at(-1)
    const name = word.endsWith('>') ? word.slice(2, -1) : word.slice(2)
    // a conditional section is closed by its own tag alone
    const stray = inner === undefined || (inner.children === undefined && !sameName(inner.name, name))
    if (stray) this.#fail(source, `</${name}> without matching <${name}> section`)
    if (!word.endsWith('>')) this.#fail(source, `${word}> directive missing closing '>'`)
    if (!sameName(inner.name, name))
      this.#fail(source, `Expected </${inner.name.slice(1)}> but saw </${name}>`)
    source.open.pop()
  }

  #condition(source: Source, name: string, args: string): void {
    let holds: boolean
    try {
      holds = CONDITIONS.get(name.toLowerCase())?.(this, args) ?? false
    } catch (error) {
      if (error instanceof ConditionError) this.#fail(source, error.message)
      throw error
    }
    if (holds) source.open.push({ name, at: source.stream.at })
    else this.#skip(source, name)
  }

  /** Passes over a section that does not hold: nothing but opening and closing tags is looked at. */
  #skip(source: Source, name: string): void {
    const { at } = source.stream
    const open = [name]
    while (open.length > 0) {
      const inner = (open.at(-1) as string).slice(1)
      const line = this.#nextLine(source)
      if (line === undefined) throw new SyntaxFault(at, `Expected </${inner}> before end of configuration`)
      if (!line.startsWith('<')) continue
      const { word, rest } = nextWord(line)
      if (word.startsWith('</')) {
        const closed = word.slice(2, -1)
        if (!sameName(`<${inner}`, closed))
          throw new SyntaxFault(at, `Expected </${inner}> but saw </${closed}>`)
        open.pop()
      } else {
        open.push(rest === '' && word.endsWith('>') ? word.slice(0, -1) : word)
      }
    }
  }

  #execute(source: Source, name: string, words: readonly string[]): void {
    const [first = '', second] = words
    switch (name) {
      case 'Include':
      case 'IncludeOptional':
        this.#include(source, first, name === 'IncludeOptional')
        break
      case 'Define':
      case 'UnDefine':
        if (first.includes(':')) this.#fail(source, "Variable name must not contain ':'")
        if (name === 'Define') this.#variables.define(first, second)
        else this.#variables.undefine(first)
        break
      case 'LoadModule':
        this.#loadModule(source, first, second as string)
        break
      case 'LoadFile':
        this.#warn(
          source,
          `LoadFile has no effect: shared objects of httpd are not loaded (${words.join(' ')})`,
        )
        break
      case 'Use':
        this.#useMacro(source, first)
        break
      case 'MacroIgnoreBadNesting':
        this.#macros.ignoreBadNesting = true
        break
      // MacroIgnoreEmptyArgs: there is no such warning
      case 'UndefMacro':
        this.#inMacros(source, () => this.#macros.undefine(first))
        break
    }
  }

  #include(source: Source, pattern: string, optional: boolean): void {
    const from = source.stream.at
    if (source.chain.length >= MAX_INCLUDE_DEPTH)
      this.#fail(
        source,
        `Exceeded maximum include depth of ${MAX_INCLUDE_DEPTH}, There appears to be a recursion.`,
      )
    let found: string[]
    try {
      found = includedFiles(this.#resolve(pattern), optional, this.#files)
    } catch (error) {
      if (error instanceof IncludeError) this.#fail(source, error.message)
      throw error
    }
    const sink = source.open.findLast((section) => section.children !== undefined)?.children ?? source.sink
    const { includedFrom: _, ...link } = from
    for (const file of found) this.#readFile(file, from, sink, source.includes, [...source.chain, link])
  }

  #loadModule(source: Source, id: string, file: string): void {
    if (this.#loaded.has(id)) {
      this.#warn(source, `module ${id} is already loaded, skipping`, 'AH01574')
      return
    }
    this.#loaded.add(id)
    const module = this.#options.vocabulary.module(id)
    if (module.kind === 'missing') this.#warn(source, `LoadModule ${id}: ${module.reason}`)
    if (module.kind === 'unknown')
      this.#warn(source, `LoadModule ${id}: wsgi-httpd does not have this module and does not load ${file}`)
  }

  #changeServerRoot(source: Source, rest: string): void {
    const { word } = nextWord(rest)
    // a missing argument is told in pass 2
    if (word === '') return
    const root = this.#resolve(word)
    if (!this.#files.isDirectory(root)) this.#fail(source, 'ServerRoot must be a valid directory')
    this.#serverRoot = root
  }

  #defineMacro(source: Source, args: string): void {
    const { at } = source.stream
    const next = (): string | undefined => source.stream.next()?.text
    this.#inMacros(source, () =>
      this.#macros.define(args, at, next, (message, code) => this.warnings.push({ at, code, message })),
    )
  }

  #useMacro(source: Source, args: string): void {
    const { at } = source.stream
    this.#inMacros(source, () => {
      const use = this.#macros.use(args, at, (name) => source.stream.isReading(name))
      const { file, includedFrom } = at
      const position = { file, macro: use.title, ...(includedFrom ? { includedFrom } : {}) }
      source.stream.push(new ArraySource(use.lines, position), use.name)
    })
  }

  #inMacros(source: Source, action: () => void): void {
    const { at } = source.stream
    try {
      action()
    } catch (error) {
      if (error instanceof MacroError) throw new SyntaxFault(at, error.message)
      throw error
    }
  }

  #resolve(name: string): string {
    return path.posix.resolve(this.#serverRoot, name)
  }

  #fail(source: Source, message: string): never {
    throw new SyntaxFault(source.stream.at, message)
  }

  #warn(source: Source, message: string, code?: string): void {
    this.warnings.push({ at: source.stream.at, message, ...(code === undefined ? {} : { code }) })
  }

  // what conditions ask

  hasModule(name: string): boolean {
    return this.#options.vocabulary.hasModule(name)
  }

  isDefined(name: string): boolean {
    return this.#variables.isDefined(name)
  }

  fileExists(name: string): boolean {
    return this.#files.exists(this.#resolve(name))
  }

  hasDirective(name: string): boolean {
    return !name.startsWith('<') && this.#options.vocabulary.find(name) !== undefined
  }

  hasSection(name: string): boolean {
    return this.#options.vocabulary.find(name.startsWith('<') ? name : `<${name}`) !== undefined
  }
}

/** Cuts an opening tag: its name with `<`, and its arguments up to the last `>`; what follows that is not looked at. */
function openingTag(word: string, rest: string): { name: string; args: string; unclosed: boolean } {
  const name = word.endsWith('>') ? word.slice(0, -1) : word
  if (rest === '') return { name, args: '', unclosed: false }
  const end = rest.lastIndexOf('>')
  return end < 0
    ? { name, args: rest, unclosed: true }
    : { name, args: trimSpace(rest.slice(0, end)), unclosed: false }
}

/** Compares a section's name as it was opened (with `<`) and closed. */
function sameName(opened: string, closed: string): boolean {
  return opened.slice(1).toLowerCase() === closed.toLowerCase()
}
