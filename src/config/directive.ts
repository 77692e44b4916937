/**
 * A directive is a declaration: how it is written, where it may stand, what it does. Checking, `-L` and the reference page all come from it.
 *
 * @example
 * directive({
 *   name: 'AcceptPathInfo',
 *   syntax: 'On|Off|Default',
 *   contexts: ['server', 'vhost', 'directory', 'htaccess'],
 *   override: 'FileInfo',
 *   default: 'Default',
 *   help: "'On', 'Off' or 'Default' for the treatment of what follows an existing file's name",
 *   ...take1((cmd, value) => { cmd.dir.draft(coreDir).acceptPathInfo = parse(cmd, value) }),
 * })
 */
import type { Position } from './position.js'
import type { Provider, ProviderGroup } from './provider.js'
import type { Settings } from './settings.js'
import type { Section, SectionKind, VhostAddress } from './site.js'

/** Where a directive may stand. `directory` stands for `Directory`, `Location`, `Files`, `If` and their `Match` forms. */
export type Context = 'server' | 'vhost' | 'directory' | 'htaccess'

/** The `AllowOverride` class that lets a directive into `.htaccess`. */
export type OverrideClass = 'AuthConfig' | 'FileInfo' | 'Indexes' | 'Limit' | 'Options' | 'All'

/** How many words follow the name (httpd.md 1.3). `counts` lists every number of words that is allowed. */
export type ArgumentShape =
  | { readonly kind: 'none' }
  | { readonly kind: 'flag' }
  | { readonly kind: 'take'; readonly counts: readonly number[] }
  | { readonly kind: 'iterate' }
  | { readonly kind: 'iterate2' }
  | { readonly kind: 'argv' }
  | { readonly kind: 'raw' }

/** What a directive sees while it is applied. */
export interface Command {
  /** The directive's name as declared. */
  readonly name: string
  readonly at: Position
  /** The kind of place it stands in. */
  readonly context: Context
  /** Server-scope settings of the server it stands in (main server or virtual host). */
  readonly server: Settings
  /** Server-scope settings of the main server. */
  readonly main: Settings
  /** Directory-scope settings of the innermost section, or of the server level. */
  readonly dir: Settings
  /** Whether this is inside a `<VirtualHost>`; its identity for comparisons, 0 for the main server. */
  readonly serverIndex: number
  /** Innermost first: the sections around the directive (conditional sections are gone by now). */
  readonly enclosing: readonly EnclosingSection[]
  /** Environment of the server process (for `PassEnv`). */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly serverRoot: string
  /** In `.htaccess`: bits of `Options` that `AllowOverride` lets it change; undefined: all. */
  readonly optionBits: number | undefined
  /** A path made absolute: relative ones are under `ServerRoot`. */
  resolve(path: string): string
  /** Splits text into words by the quoting rules of directives; for those that take the rest of their line as it is. */
  words(text: string): readonly string[]
  /** What modules offer of a kind, those that the configuration itself has added so far included. */
  providers<T extends Provider>(group: ProviderGroup<T>): readonly T[]
  /** The one of that name among them; case counts. */
  provider<T extends Provider>(group: ProviderGroup<T>, name: string): T | undefined
  /** Whether httpd has a module of that identifier (`alias_module`), carried here or not. */
  knowsModule(id: string): boolean
  /** Ends this directive with an error at its position. The message stands alone: httpd puts no name before it. */
  fail(message: string): never
  /**
   * Ends this directive because httpd has something that is missing here; a mere warning where `WSGIHttpdUnsupported Warn` is set. Whatever is set
   * before must keep the place safe then.
   */
  lacks(message: string): never
  /** Notes something for the operator. */
  warn(message: string, code?: string): void
  /** Something worth knowing about a line that is as it should be. */
  note(message: string): void
}

/** A section that a directive stands in. */
export interface EnclosingSection {
  /** Declared name with its `<`, e.g. `<Directory`. */
  readonly name: string
  /** What follows the name, up to the closing `>`. */
  readonly text: string
  /** Whatever the section's `open` put there for the directives inside (`<RequireAll>` keeps its list here). */
  readonly data: unknown
  readonly at: Position
  /** See {@link OpenedSection.only}. */
  readonly only?: readonly string[] | undefined
}

interface Declared {
  readonly name: string
  /** The words after the name, as the reference page shows them. */
  readonly syntax: string
  readonly contexts: readonly Context[]
  readonly override?: OverrideClass
  /** As the reference page shows it; absent when there is none. */
  readonly default?: string
  /** One line; also the tail of the wrong-number-of-arguments message. */
  readonly help: string
  /** Set when the directive is read and checked but has no effect here: why that is of no consequence. */
  readonly accepted?: string
}

export interface Directive extends Declared {
  readonly args: ArgumentShape
  /** Flags arrive as `On` or `Off`. `raw`: one word, the untouched rest of the line. */
  readonly apply: (cmd: Command, words: readonly string[]) => void
}

/** A section directive such as `<Directory>` or `<RequireAll>`. Its name is declared with the `<`. */
export interface SectionDirective extends Declared {
  /** Called at the opening line with the raw text up to `>`. Returns what its children are applied to. */
  readonly open: (cmd: SectionCommand, text: string) => OpenedSection
}

export interface SectionCommand extends Command {
  /** Adds a section of places to the current server (or to the section around it). Returns the settings that its children set. */
  addSection(section: NewSection): Settings
  /** Makes a section that no walk finds by itself; whoever opens it keeps it. Sections inside become its nested ones. */
  newSection(section: NewSection): Section
  /** Starts a virtual host; for `<VirtualHost>` alone. Returns the server-scope settings that its children set. */
  addVirtualHost(addresses: readonly VhostAddress[]): Settings
  /** Makes a provider known to the directives that follow, in the whole configuration. */
  addProvider<T extends Provider>(group: ProviderGroup<T>, provider: T): void
}

export interface NewSection {
  readonly kind: SectionKind
  readonly pattern: string
  readonly matches: (place: string) => RegExpMatchArray | boolean
  readonly depth?: number
  readonly wild?: boolean
  readonly path?: string
  readonly isRegex?: boolean
}

export interface OpenedSection {
  /** Directory-scope settings for the children; absent: those of the surrounding scope. */
  readonly dir?: Settings
  /** Becomes `data` of {@link EnclosingSection}. */
  readonly data?: unknown
  /** Names of the directives that may stand inside; absent: all that the context allows. */
  readonly only?: readonly string[]
  /** Called after the last child, e.g. to refuse an empty container. */
  readonly close?: () => void
}

/** Declares a directive; the identity function, for its type. */
export function directive(declaration: Directive): Directive {
  return declaration
}

export function section(declaration: SectionDirective): SectionDirective {
  return declaration
}

type Applied = Pick<Directive, 'args' | 'apply'>

export function none(apply: (cmd: Command) => void): Applied {
  return { args: { kind: 'none' }, apply: (cmd) => apply(cmd) }
}

export function flag(apply: (cmd: Command, on: boolean) => void): Applied {
  return { args: { kind: 'flag' }, apply: (cmd, [word]) => apply(cmd, word === 'On') }
}

export function take1(apply: (cmd: Command, word: string) => void): Applied {
  return { args: { kind: 'take', counts: [1] }, apply: (cmd, words) => apply(cmd, words[0] as string) }
}

export function take12(apply: (cmd: Command, first: string, second?: string) => void): Applied {
  return {
    args: { kind: 'take', counts: [1, 2] },
    apply: (cmd, words) => apply(cmd, words[0] as string, words[1]),
  }
}

export function take2(apply: (cmd: Command, first: string, second: string) => void): Applied {
  return {
    args: { kind: 'take', counts: [2] },
    apply: (cmd, words) => apply(cmd, words[0] as string, words[1] as string),
  }
}

/** Any other set of word counts, e.g. `take([2, 3], …)`. */
export function take(
  counts: readonly number[],
  apply: (cmd: Command, words: readonly string[]) => void,
): Applied {
  return { args: { kind: 'take', counts }, apply }
}

/** One or more words, all given at once. */
export function iterate(apply: (cmd: Command, words: readonly string[]) => void): Applied {
  return { args: { kind: 'iterate' }, apply }
}

/** A first word and one or more others. */
export function iterate2(apply: (cmd: Command, first: string, rest: readonly string[]) => void): Applied {
  return { args: { kind: 'iterate2' }, apply: (cmd, words) => apply(cmd, words[0] as string, words.slice(1)) }
}

/** Any number of words, none included; the directive checks them itself. */
export function argv(apply: (cmd: Command, words: readonly string[]) => void): Applied {
  return { args: { kind: 'argv' }, apply }
}

/** The rest of the line, unsplit. */
export function raw(apply: (cmd: Command, text: string) => void): Applied {
  return { args: { kind: 'raw' }, apply: (cmd, words) => apply(cmd, words[0] ?? '') }
}

/** For directives that are read and checked but need no action here. */
export function noEffect(args: ArgumentShape = { kind: 'argv' }): Applied {
  return { args, apply: () => {} }
}
