/**
 * What holds for the whole server while its configuration is read, from the line on that sets it: variables, macros, loaded modules, `ServerRoot`.
 * Also what the conditional sections ask about.
 */
import path from 'node:path'
import type { Facts } from './conditions.js'
import { type ConfigWarning, FaultHere } from './errors.js'
import type { ConfigFiles } from './files.js'
import { Macros } from './macros.js'
import type { Position } from './position.js'
import { Variables } from './variables.js'
import type { Vocabulary } from './vocabulary.js'

export interface StateOptions {
  readonly serverRoot: string
  readonly defines: Iterable<string>
  readonly values?: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly vocabulary: Vocabulary
  readonly files: ConfigFiles
}

export class ReadState implements Facts {
  readonly variables: Variables
  readonly macros = new Macros()
  readonly warnings: ConfigWarning[] = []
  /** `ServerRoot` in force at the line being read. */
  serverRoot: string
  readonly #vocabulary: Vocabulary
  readonly #files: ConfigFiles
  readonly #loaded = new Set<string>()
  /** What `LoadModule` asked for in vain. Distributions load dozens of modules that nothing uses: they are told in one note. */
  readonly #missing: { readonly module: string; readonly at: Position }[] = []

  constructor({ serverRoot, defines, values = {}, environment, vocabulary, files }: StateOptions) {
    this.serverRoot = serverRoot
    this.variables = new Variables(defines, environment)
    for (const [name, value] of Object.entries(values)) this.variables.define(name, value || undefined)
    this.#vocabulary = vocabulary
    this.#files = files
  }

  resolve(name: string): string {
    return path.posix.resolve(this.serverRoot, name)
  }

  warn(at: Position, message: string, code?: string): void {
    this.warnings.push({ at, message, ...(code === undefined ? {} : { code }) })
  }

  /** Replaces `${NAME}`. */
  expand(text: string, at: Position): string {
    return this.variables.expand(text, (name) =>
      this.warn(at, `Config variable \${${name}} is not defined`, 'AH00111'),
    )
  }

  changeServerRoot(word: string): void {
    const root = this.resolve(word)
    if (!this.#files.isDirectory(root)) throw new FaultHere('ServerRoot must be a valid directory')
    this.serverRoot = root
  }

  /** `LoadModule`: nothing is loaded, and nothing is refused. */
  loadModule(id: string, file: string, at: Position): void {
    if (this.#loaded.has(id)) {
      this.warn(at, `module ${id} is already loaded, skipping`, 'AH01574')
      return
    }
    this.#loaded.add(id)
    const module = this.#vocabulary.module(id)
    if (module.kind === 'missing') this.#missing.push({ module: module.name, at })
    if (module.kind === 'unknown')
      this.warn(at, `LoadModule ${id}: wsgi-httpd does not have this module and does not load ${file}`)
  }

  /** All that was noted, once everything has been read. */
  finish(): readonly ConfigWarning[] {
    const [first] = this.#missing
    if (first !== undefined) {
      const names = this.#missing.map(({ module }) => module).join(', ')
      const message = `LoadModule: wsgi-httpd does not have ${names}; directives of theirs are refused`
      this.warnings.push({ at: first.at, message, isNote: true })
    }
    return this.warnings
  }

  hasModule(name: string): boolean {
    return this.#vocabulary.hasModule(name)
  }

  isDefined(name: string): boolean {
    return this.variables.isDefined(name)
  }

  fileExists(name: string): boolean {
    return this.#files.exists(this.resolve(name))
  }

  hasDirective(name: string): boolean {
    return !name.startsWith('<') && this.#vocabulary.find(name) !== undefined
  }

  hasSection(name: string): boolean {
    return this.#vocabulary.find(name.startsWith('<') ? name : `<${name}`) !== undefined
  }
}
