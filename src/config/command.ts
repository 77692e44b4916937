/**
 * What a directive sees while it is applied: the object behind {@link Command} and {@link SectionCommand}.
 */
import path from 'node:path'
import type { Context, EnclosingSection, NewSection, SectionCommand } from './directive.js'
import { ConfigError, type ConfigWarning, NotCarriedError } from './errors.js'
import type { Position } from './position.js'
import { type Provided, type Provider, type ProviderGroup, provide, providersOf } from './provider.js'
import type { Settings } from './settings.js'
import type { Section, VhostAddress } from './site.js'
import { newSection, newServer, type SectionDraft, type ServerDraft } from './site-builder.js'
import type { Vocabulary } from './vocabulary.js'
import { splitWords } from './words.js'

/** Where directives are being applied. */
export interface Scope {
  readonly context: Context
  readonly server: ServerDraft
  readonly dir: Settings
  readonly enclosing: readonly EnclosingSection[]
  /** Takes the sections of places found here: those of the server, or nested ones. */
  readonly sections: SectionDraft[]
}

/** What stays the same for a whole configuration. */
export interface ApplyState {
  readonly vocabulary: Vocabulary
  readonly main: ServerDraft
  readonly virtualHosts: ServerDraft[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly serverRoot: string
  readonly warnings: ConfigWarning[]
  /** In `.htaccess`: bits of `Options` that may be changed. */
  readonly optionBits?: number | undefined
  /** The modules' own, and what the configuration adds. */
  readonly providers: Provided[]
}

export class CommandImpl implements SectionCommand {
  readonly context: Context
  readonly server: Settings
  readonly main: Settings
  readonly dir: Settings
  readonly serverIndex: number
  readonly enclosing: readonly EnclosingSection[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly serverRoot: string
  /** The section that `addSection` made. */
  section: SectionDraft | undefined
  /** The server that `addVirtualHost` made. */
  virtualHost: ServerDraft | undefined
  readonly #state: ApplyState
  readonly #sections: SectionDraft[]

  constructor(
    readonly name: string,
    readonly at: Position,
    scope: Scope,
    state: ApplyState,
  ) {
    this.context = scope.context
    this.server = scope.server.settings
    this.main = state.main.settings
    this.dir = scope.dir
    this.serverIndex = scope.server.index
    this.enclosing = scope.enclosing
    this.environment = state.environment
    this.serverRoot = state.serverRoot
    this.#state = state
    this.#sections = scope.sections
  }

  resolve(name: string): string {
    const { normalize, isAbsolute, join } = path.posix
    return isAbsolute(name) ? normalize(name) : join(this.serverRoot, name)
  }

  get optionBits(): number | undefined {
    return this.#state.optionBits
  }

  words(text: string): readonly string[] {
    return splitWords(text)
  }

  providers<T extends Provider>(group: ProviderGroup<T>): readonly T[] {
    return providersOf(this.#state.providers, group)
  }

  provider<T extends Provider>(group: ProviderGroup<T>, name: string): T | undefined {
    return this.providers(group).find((one) => one.name === name)
  }

  knowsModule(id: string): boolean {
    return this.#state.vocabulary.module(id).kind !== 'unknown'
  }

  fail(message: string): never {
    throw new ConfigError(this.at, message)
  }

  lacks(message: string): never {
    throw new NotCarriedError(this.at, message, '')
  }

  warn(message: string, code?: string): void {
    this.#state.warnings.push({ at: this.at, message, ...(code === undefined ? {} : { code }) })
  }

  /** Something worth knowing about a line that is as it should be; shown at level `info`. */
  note(message: string): void {
    this.#state.warnings.push({ at: this.at, message, isNote: true })
  }

  addSection(section: NewSection): Settings {
    this.section = newSection(section, this.at)
    this.#sections.push(this.section)
    return this.section.settings
  }

  addProvider<T extends Provider>(group: ProviderGroup<T>, provider: T): void {
    this.#state.providers.push(provide(group, provider))
  }

  newSection(section: NewSection): Section {
    this.section = newSection(section, this.at)
    return this.section
  }

  addVirtualHost(addresses: readonly VhostAddress[]): Settings {
    const { virtualHosts } = this.#state
    this.virtualHost = newServer(virtualHosts.length + 1, this.at, addresses)
    virtualHosts.push(this.virtualHost)
    return this.virtualHost.settings
  }
}
