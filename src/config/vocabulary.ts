/**
 * What the configuration language must know about the modules without importing them: which names there are. `src/modules/registry.ts` is
 * the real one.
 */
import type { Directive, SectionDirective } from './directive.js'
import type { ConfigWarning } from './errors.js'
import type { Provided } from './provider.js'
import type { Site } from './site.js'

/** A directive of an httpd module that is not carried. */
export interface Elsewhere {
  /** As in `mod_dav`. */
  readonly module: string
  /** What to use instead, as a sentence; may be empty. */
  readonly advice: string
  /** Leaving it out would open what it was to close: an error even where `WSGIHttpdUnsupported Warn` is set. */
  readonly security: boolean
}

/** What `LoadModule` is told about a module identifier. */
export type LoadedModule =
  /** Carried; `<IfModule>` is true. */
  | { readonly kind: 'carried' }
  /** Known, not carried, and nothing is missing without it; `<IfModule>` is false. */
  | { readonly kind: 'unneeded' }
  /** Known and not carried; `name` as in `mod_dav`. */
  | { readonly kind: 'missing'; readonly name: string }
  | { readonly kind: 'unknown' }

export interface Vocabulary {
  /** A directive's or section's (`<Directory`) declaration, whatever the case of the name. */
  find(name: string): Directive | SectionDirective | undefined
  /** For "did you mean". */
  names(): Iterable<string>
  /** By identifier (`alias_module`) or source name (`mod_alias.c`), case counts. */
  hasModule(name: string): boolean
  module(id: string): LoadedModule
  elsewhere(name: string): Elsewhere | undefined
  /** What became of a directive that httpd itself has no more, as a sentence. */
  removed(name: string): string | undefined
  /** What directives may choose by name. */
  readonly providers: readonly Provided[]
  /** The modules' looks at the finished site, in order. */
  readonly checks: readonly ((site: Site, warn: (warning: ConfigWarning) => void) => void)[]
}

export function isSection(declaration: Directive | SectionDirective): declaration is SectionDirective {
  return declaration.name.startsWith('<')
}
