/**
 * Modules by what they are called and directives by name: the {@link Vocabulary} that the configuration is read with.
 */
import type { Directive, SectionDirective } from '../config/directive.js'
import type { Elsewhere, LoadedModule, Vocabulary } from '../config/vocabulary.js'
import { elsewhere } from './elsewhere.js'
import { notCarried } from './loadable.js'
import type { HttpdModule } from './module.js'

export class ModuleRegistry implements Vocabulary {
  readonly checks: Vocabulary['checks']
  readonly #directives = new Map<string, Directive | SectionDirective>()
  readonly #modules = new Set<string>()

  /** Throws where two of the modules declare the same directive or have the same name. */
  constructor(readonly modules: readonly HttpdModule[]) {
    for (const module of modules) {
      for (const name of [module.id, module.source]) {
        if (this.#modules.has(name)) throw new Error(`two modules are called ${name}`)
        this.#modules.add(name)
      }
      for (const directive of module.directives) this.#declare(directive, module)
    }
    this.checks = modules.flatMap(({ check }) => (check === undefined ? [] : [check]))
  }

  #declare(directive: Directive | SectionDirective, module: HttpdModule): void {
    const key = directive.name.toLowerCase()
    if (this.#directives.has(key)) {
      const other = this.modules.find(({ directives }) =>
        directives.some(({ name }) => name.toLowerCase() === key),
      )
      throw new Error(`${directive.name} is declared by ${module.source} and by ${other?.source}`)
    }
    this.#directives.set(key, directive)
  }

  find(name: string): Directive | SectionDirective | undefined {
    return this.#directives.get(name.toLowerCase())
  }

  *names(): Iterable<string> {
    for (const { name } of this.#directives.values()) yield name
  }

  hasModule(name: string): boolean {
    return this.#modules.has(name)
  }

  module(id: string): LoadedModule {
    return this.#modules.has(id) ? { kind: 'carried' } : notCarried(id)
  }

  elsewhere(name: string): Elsewhere | undefined {
    return elsewhere(name)
  }
}
