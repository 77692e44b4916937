/**
 * Pass 1: text → tree. Closes sections and carries out what shapes the tree: `Include`, `Define`, the `If…` sections, macros, `LoadModule`. All
 * other names are left for pass 2 (`apply.ts`), known or not. The first fault ends it.
 * @see https://httpd.apache.org/docs/2.4/configuring.html
 */
import { readArguments } from './arguments.js'
import { CONDITIONS } from './conditions.js'
import { FaultHere, SyntaxFault } from './errors.js'
import { type ConfigFiles, realFiles } from './files.js'
import { includedFiles } from './include.js'
import { ArraySource, LineStream, MAX_HTACCESS_LINE, MAX_LINE, TextSource } from './lines.js'
import { COMMAND_LINE, type Position } from './position.js'
import { ReadState } from './read-state.js'
import { openingTag, SectionStack, skipSection } from './section-stack.js'
import type { ConfigNode, ConfigTree, IncludedFile } from './tree.js'
import { type TreeDirective, treeDirective } from './tree-directives.js'
import type { Vocabulary } from './vocabulary.js'
import { nextWord } from './words.js'

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
  /** Names with their values, as `Define` left them; for `.htaccess` files. */
  readonly values?: Readonly<Record<string, string>>
  /** `-C` lines, read before the file, and `-c` lines, read after it. */
  readonly before?: readonly string[]
  readonly after?: readonly string[]
  /** For `${NAME}`. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly vocabulary: Vocabulary
  readonly files?: ConfigFiles
  /** Read as a `.htaccess` file: what may not stand there is refused, and limits are tighter. */
  readonly htaccess?: boolean
  /** `-T`: document roots that are not there are no concern. */
  readonly anyDocumentRoot?: boolean
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
    if (error instanceof SyntaxFault) error.warnings = reader.state.warnings
    throw error
  }
}

/** One file (or command line) while it is read. */
interface Source {
  readonly stream: LineStream
  readonly sections: SectionStack
  readonly includes: IncludedFile[]
  /** The `Include` lines that led here, outermost first. */
  readonly chain: readonly Position[]
}

class Reader {
  readonly state: ReadState
  readonly #options: ReadOptions
  readonly #files: ConfigFiles
  #lines = 0

  constructor(options: ReadOptions) {
    this.#options = options
    this.#files = options.files ?? realFiles
    this.state = new ReadState({ ...options, defines: options.defines ?? [], files: this.#files })
  }

  read(): ConfigTree {
    const { file, before = [], after = [] } = this.#options
    const nodes: ConfigNode[] = []
    const includes: IncludedFile[] = []
    this.#readArray(before, nodes)
    this.#readFile(file, { file, line: 0 }, nodes, includes, [])
    this.#readArray(after, nodes)
    const { variables, serverRoot } = this.state
    const defines = variables.all()
    const { anyDocumentRoot = false } = this.#options
    return { nodes, defines, serverRoot, file, includes, anyDocumentRoot, warnings: this.state.finish() }
  }

  #readArray(lines: readonly string[], sink: ConfigNode[]): void {
    if (lines.length === 0) return
    const position = { file: COMMAND_LINE }
    const stream = new LineStream(new ArraySource(lines, position), { ...position, line: 0 })
    this.#readAll({ stream, sections: new SectionStack(sink), includes: [], chain: [] })
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
    const position = chain.length === 0 ? { file } : { file, includedFrom: chain }
    const inner: IncludedFile[] = []
    includes.push({ file, line: from.line, includes: inner })
    const source = new TextSource(text, position, this.#options.htaccess ? MAX_HTACCESS_LINE : MAX_LINE)
    const stream = new LineStream(source, { ...position, line: 1 })
    this.#readAll({ stream, sections: new SectionStack(sink), includes: inner, chain })
  }

  #readAll(source: Source): void {
    const { stream, sections } = source
    for (let line = this.#nextLine(stream); line !== undefined; line = this.#nextLine(stream)) {
      const { at } = stream
      try {
        this.#directive(source, this.state.expand(line, at))
      } catch (error) {
        throw error instanceof FaultHere ? new SyntaxFault(at, error.message) : error
      }
    }
    sections.finish()
  }

  /** The next line that is not empty and no comment. */
  #nextLine(stream: LineStream): string | undefined {
    for (;;) {
      const line = stream.next()
      if (line === undefined) return undefined
      if (++this.#lines > (this.#options.htaccess ? MAX_HTACCESS_LINES : MAX_LINES))
        throw new SyntaxFault(line.at, `More than ${this.#lines - 1} lines: macros that use each other?`)
      if (line.text === '' || line.text.startsWith('#')) continue
      const [, closed, unread] = /^(<\/[^>]*>)\s*(<.*)/.exec(line.text) ?? []
      if (closed !== undefined)
        this.state.warn(line.at, `What follows ${closed} on its line is not read: ${unread}`)
      return line.text
    }
  }

  #directive(source: Source, line: string): void {
    const { sections, stream } = source
    const { word, rest } = nextWord(line)
    const known = treeDirective(word)
    if (word.startsWith('</')) {
      sections.close(word)
    } else if (word.startsWith('<')) {
      this.#section(source, word, rest)
    } else if (known !== undefined) {
      this.#carryOut(source, known, rest)
    } else if (word !== '') {
      if (word.toLowerCase() === 'serverroot' && !this.#options.htaccess) {
        const { word: root } = nextWord(rest)
        // a missing argument is told in pass 2
        if (root !== '') this.state.changeServerRoot(root)
      }
      sections.add(word, rest, stream.at)
    }
  }

  #section({ stream, sections }: Source, word: string, rest: string): void {
    const tag = openingTag(word, rest)
    const name = treeDirective(tag.name)?.name
    if (name === undefined) {
      sections.open(tag, stream.at)
      return
    }
    if (tag.unclosed) throw new FaultHere(`${name}> directive missing closing '>'`)
    if (name === '<Macro') this.#defineMacro(stream, tag.args)
    else if (CONDITIONS.get(name.toLowerCase())?.(this.state, tag.args))
      sections.openConditional(name, stream.at)
    else skipSection(name, () => this.#nextLine(stream))
  }

  /** A directive that is no section and belongs to pass 1. */
  #carryOut(source: Source, known: TreeDirective, rest: string): void {
    const { name, args: shape, help, contexts } = known
    if (this.#options.htaccess && !contexts.includes('htaccess'))
      throw new FaultHere(`${name} not allowed here`)
    const args = readArguments(name, shape, rest, help)
    if ('failure' in args) throw new FaultHere(args.failure)
    const { state } = this
    const { at } = source.stream
    const [first = '', second] = args.words
    switch (name) {
      case 'Include':
      case 'IncludeOptional':
        this.#include(source, first, name === 'IncludeOptional')
        break
      case 'Define':
        state.variables.define(first, second)
        break
      case 'UnDefine':
        state.variables.undefine(first)
        break
      case 'LoadModule':
        state.loadModule(first, second as string, at)
        break
      case 'LoadFile':
        state.warn(
          at,
          `LoadFile has no effect: shared objects of httpd are not loaded (${args.words.join(' ')})`,
        )
        break
      case 'Use':
        this.#useMacro(source.stream, first)
        break
      case 'UndefMacro':
        state.macros.undefine(first)
        break
      case 'MacroIgnoreBadNesting':
        state.macros.ignoreBadNesting = true
        break
      case 'MacroIgnoreEmptyArgs':
        // there is no such warning
        break
    }
  }

  #include({ stream, sections, includes, chain }: Source, pattern: string, optional: boolean): void {
    if (chain.length >= MAX_INCLUDE_DEPTH)
      throw new FaultHere(
        `Exceeded maximum include depth of ${MAX_INCLUDE_DEPTH}, There appears to be a recursion.`,
      )
    const from = stream.at
    // the chain is on every node: its links need no chains of their own
    const { includedFrom: _, ...link } = from
    for (const file of includedFiles(this.state.resolve(pattern), optional, this.#files))
      this.#readFile(file, from, sections.sink, includes, [...chain, link])
  }

  #defineMacro(stream: LineStream, args: string): void {
    const { at } = stream
    this.state.macros.define(
      args,
      at,
      () => stream.next()?.text,
      (message, code) => this.state.warn(at, message, code),
    )
  }

  #useMacro(stream: LineStream, args: string): void {
    const { file, includedFrom } = stream.at
    const use = this.state.macros.use(args, stream.at, (name) => stream.isReading(name))
    const position = { file, macro: use.title, ...(includedFrom ? { includedFrom } : {}) }
    stream.push(new ArraySource(use.lines, position), use.name)
  }
}
