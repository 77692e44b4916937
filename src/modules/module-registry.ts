/**
 * Modules by what they are called and directives by name: the {@link Vocabulary} that the configuration is read with.
 */
import type { Directive, SectionDirective } from '../config/directive.js'
import type { Provided } from '../config/provider.js'
import type { Elsewhere, LoadedModule, Vocabulary } from '../config/vocabulary.js'
import { elsewhere } from './elsewhere.js'
import { notCarried } from './loadable.js'
import type { HttpdModule } from './module.js'

/** Directives of httpd 2.2 and older that 2.4 refuses, and what to do about the line. */
const REMOVED: Readonly<Record<string, string>> = {
  acceptmutex: 'AcceptMutex was removed in httpd 2.4: delete the line.',
  addmodule: 'AddModule was removed in httpd 2.0: delete the line.',
  authauthoritative: 'AuthAuthoritative became AuthBasicAuthoritative in httpd 2.2.',
  authdigestfile: 'AuthDigestFile became AuthUserFile in httpd 2.2.',
  bindaddress: 'BindAddress was removed in httpd 2.0: use Listen.',
  clearmodulelist: 'ClearModuleList was removed in httpd 2.0: delete the line.',
  cookielog: 'CookieLog was removed in httpd 2.4: use CustomLog with %{NAME}C.',
  fancyindexing: 'FancyIndexing was removed in httpd 2.4: use IndexOptions FancyIndexing.',
  lockfile: 'LockFile was removed in httpd 2.4: delete the line.',
  maxrequestsperthread: 'MaxRequestsPerThread was removed in httpd 2.0: delete the line.',
  port: 'Port was removed in httpd 2.0: use Listen, and a port in ServerName.',
  resourceconfig: 'ResourceConfig was removed in httpd 2.0: use Include.',
  accessconfig: 'AccessConfig was removed in httpd 2.0: use Include.',
  rewritelog: 'RewriteLog was removed in httpd 2.4: use LogLevel rewrite:trace3.',
  rewriteloglevel: 'RewriteLogLevel was removed in httpd 2.4: use LogLevel rewrite:trace3.',
  rewritelock: 'RewriteLock was removed in httpd 2.4: delete the line.',
  servertype: 'ServerType was removed in httpd 2.0: delete the line.',
  sslmutex: 'SSLMutex was removed in httpd 2.4: delete the line.',
}

export class ModuleRegistry implements Vocabulary {
  readonly checks: Vocabulary['checks']
  readonly providers: readonly Provided[]
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
    this.providers = modules.flatMap(({ providers }) => providers ?? [])
    refuseTwins(this.providers)
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

  removed(name: string): string | undefined {
    return REMOVED[name.toLowerCase()]
  }
}

function refuseTwins(provided: readonly Provided[]): void {
  const seen = new Set<string>()
  for (const { group, provider } of provided) {
    const key = `${group.name} ${provider.name}`
    if (seen.has(key)) throw new Error(`two modules have the ${key}`)
    seen.add(key)
  }
}
