/**
 * Pass 2: applies the tree's directives to settings by the modules' declarations, and makes the {@link Site}. Every fault is collected, so that a
 * check shows all of them at once.
 */
import { readArguments } from './arguments.js'
import { type ApplyState, CommandImpl, type Scope } from './command.js'
import { didYouMean } from './did-you-mean.js'
import type { Context, Directive, OverrideClass, SectionDirective } from './directive.js'
import { ConfigError, type ConfigWarning, NotCarriedError } from './errors.js'
import type { Position } from './position.js'
import type { Provided } from './provider.js'
import { Settings } from './settings.js'
import type { Section, Site } from './site.js'
import { buildSite, newServer, type SectionDraft } from './site-builder.js'
import type { ConfigNode, ConfigTree } from './tree.js'
import { unsupportedPolicy } from './unsupported.js'
import { type Elsewhere, isSection, type Vocabulary } from './vocabulary.js'

export interface ApplyOptions {
  /** The server process's environment, for `PassEnv`. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface Applied {
  /** Only to be used where there are no errors. */
  readonly site: Site
  /** In the order of the configuration. */
  readonly errors: readonly ConfigError[]
}

/** Applies a whole configuration. Warnings of both passes are in the site. */
export function applyTree(tree: ConfigTree, vocabulary: Vocabulary, options: ApplyOptions): Applied {
  const main = newServer(0, { file: tree.file, line: 1 }, [])
  const warnings: ConfigWarning[] = [...tree.warnings]
  const state = {
    main,
    vocabulary,
    virtualHosts: [],
    environment: options.environment,
    serverRoot: tree.serverRoot,
    warnings,
    providers: [...vocabulary.providers],
  }
  const applier = new Applier(vocabulary, state)
  applier.nodes(tree.nodes, {
    context: 'server',
    server: main,
    dir: main.dir,
    enclosing: [],
    sections: main.sections,
  })
  const warnUnsupported = main.settings.get(unsupportedPolicy).unsupported === 'warn'
  const errors = applier.finish(warnUnsupported)
  const site = buildSite(tree, main, state.virtualHosts, warnings, {
    vocabulary,
    environment: options.environment,
    serverRoot: tree.serverRoot,
    defines: tree.defines,
    providers: state.providers,
    warnUnsupported,
  })
  // checks look at the whole: with faults in its parts they would tell of the same ones again
  if (errors.length === 0) errors.push(...runChecks(vocabulary, site, warnings))
  // in place: the site has this list
  warnings.splice(0, warnings.length, ...onceEach(warnings))
  return { site, errors }
}

export interface HtaccessOptions extends ApplyOptions {
  readonly serverRoot: string
  /** The site's; without them, the modules' own. */
  readonly providers?: readonly Provided[]
  /** Of the server that the request is for; directives compare it. */
  readonly serverIndex?: number
  /** Whether `AllowOverride` lets a directive of that class in. */
  readonly allows: (name: string, override: OverrideClass | undefined) => boolean
  /** Bits of `Options` that may be changed; undefined: all. */
  readonly optionBits?: number
  /** `AllowOverride Nonfatal=…`: such faults are warnings. */
  readonly nonfatal?: { readonly override?: boolean; readonly unknown?: boolean }
  /** Whether `WSGIHttpdUnsupported Warn` is set. */
  readonly warnUnsupported?: boolean
}

export interface AppliedHtaccess {
  readonly dir: Settings
  /** `<Files>` and `<If>` sections in it. */
  readonly sections: readonly Section[]
  readonly errors: readonly ConfigError[]
  readonly warnings: readonly ConfigWarning[]
}

/**
 * Applies the tree of a `.htaccess` file. What it sets is one layer to be merged over the directory's settings. Server-scope settings that
 * its directives see are empty ones: nothing in such a file can change a server.
 */
export function applyHtaccess(
  tree: ConfigTree,
  vocabulary: Vocabulary,
  options: HtaccessOptions,
): AppliedHtaccess {
  const main = newServer(options.serverIndex ?? 0, { file: tree.file, line: 1 }, [])
  const warnings: ConfigWarning[] = [...tree.warnings]
  const { environment, serverRoot } = options
  const providers = [...(options.providers ?? vocabulary.providers)]
  const applier = new Applier(
    vocabulary,
    {
      vocabulary,
      main,
      virtualHosts: [],
      environment,
      serverRoot,
      warnings,
      providers,
      optionBits: options.optionBits,
    },
    options,
  )
  const dir = new Settings()
  const sections: SectionDraft[] = []
  applier.nodes(tree.nodes, { context: 'htaccess', server: main, dir, enclosing: [], sections })
  return { dir, sections, errors: applier.finish(options.warnUnsupported ?? false), warnings }
}

function runChecks(vocabulary: Vocabulary, site: Site, warnings: ConfigWarning[]): ConfigError[] {
  const errors: ConfigError[] = []
  for (const check of vocabulary.checks) {
    try {
      check(site, (warning) => warnings.push(warning))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      errors.push(error)
    }
  }
  return errors
}

/** Warnings of the same words become the first of them, with the number of the others. */
function onceEach(warnings: readonly ConfigWarning[]): ConfigWarning[] {
  const seen = new Map<string, { readonly first: ConfigWarning; more: number }>()
  for (const warning of warnings) {
    const key = `${warning.code} ${warning.isNote} ${warning.message}`
    const before = seen.get(key)
    if (before) before.more++
    else seen.set(key, { first: warning, more: 0 })
  }
  return [...seen.values()].map(({ first, more }) => ({ ...first, message: andMore(first.message, more) }))
}

function andMore(message: string, more: number): string {
  return more > 0 ? `${message} (${more} more such lines)` : message
}

/** What is not carried is told once; whether it is a fault or a warning is only known when everything has been read. */
interface Fault {
  readonly error: ConfigError
  times: number
}

class Applier {
  readonly #faults: Fault[] = []

  constructor(
    private readonly vocabulary: Vocabulary,
    private readonly state: ApplyState,
    private readonly htaccess?: HtaccessOptions,
  ) {}

  /** The faults; what is not carried becomes warnings where that is asked for. */
  finish(warnUnsupported: boolean): ConfigError[] {
    const errors: ConfigError[] = []
    for (const { error, times } of this.#faults) {
      const message = andMore(error.message, times - 1)
      const consequence = error instanceof NotCarriedError ? error.consequence : undefined
      if (warnUnsupported && consequence !== undefined)
        this.state.warnings.push({ at: error.at, message: message + consequence })
      else errors.push(times > 1 ? new ConfigError(error.at, message) : error)
    }
    return errors
  }

  #fault(error: ConfigError): void {
    const before =
      error instanceof NotCarriedError &&
      this.#faults.find((one) => one.error instanceof NotCarriedError && one.error.message === error.message)
    if (before) before.times++
    else this.#faults.push({ error, times: 1 })
  }

  nodes(nodes: readonly ConfigNode[], scope: Scope): void {
    for (const node of nodes) {
      try {
        this.#node(node, scope)
      } catch (error) {
        if (!(error instanceof ConfigError))
          throw new Error(`${node.name} on line ${node.at.line} of ${node.at.file} cannot be applied`, {
            cause: error,
          })
        this.#fault(error)
      }
    }
  }

  #node(node: ConfigNode, scope: Scope): void {
    const name = node.children === undefined ? node.name : `<${node.name}`
    const declaration = this.vocabulary.find(name)
    if (declaration === undefined) {
      this.#unknown(name, node.at)
      return
    }
    if (!this.#mayStand(declaration, node.at, scope)) return
    if (isSection(declaration)) this.#section(declaration, node, scope)
    else this.#directive(declaration, node, scope)
  }

  #directive(declaration: Directive, node: ConfigNode, scope: Scope): void {
    const { name, args, help } = declaration
    const read = readArguments(name, args, node.args, help)
    if ('failure' in read) throw new ConfigError(node.at, read.failure)
    declaration.apply(new CommandImpl(name, node.at, scope, this.state), read.words)
  }

  #section(declaration: SectionDirective, node: ConfigNode, scope: Scope): void {
    const { name } = declaration
    if (node.unclosed) throw new ConfigError(node.at, `${name}> directive missing closing '>'`)
    const cmd = new CommandImpl(name, node.at, scope, this.state)
    const { dir, data, only, close } = declaration.open(cmd, node.args)
    const { section, virtualHost } = cmd
    const innerDir = dir ?? virtualHost?.dir ?? section?.settings
    this.nodes(node.children ?? [], {
      context: innerContext(scope.context, virtualHost !== undefined, innerDir !== undefined),
      server: virtualHost ?? scope.server,
      dir: innerDir ?? scope.dir,
      enclosing: [{ name, text: node.args, data, at: node.at, only }, ...scope.enclosing],
      sections: virtualHost?.sections ?? section?.nested ?? scope.sections,
    })
    close?.()
  }

  #unknown(name: string, at: Position): void {
    const elsewhere = this.vocabulary.elsewhere(name)
    if (elsewhere !== undefined) throw this.#notCarried(name, at, elsewhere)
    const message = `Invalid command '${name}', perhaps misspelled or defined by a module not included in the server configuration`
    const hint = this.#hint(name)
    const error = new ConfigError(at, hint === undefined ? message : `${message}\n${hint}`)
    if (this.htaccess?.nonfatal?.unknown) this.state.warnings.push({ at, message: error.message })
    else throw error
  }

  #notCarried(name: string, at: Position, { module, advice, security }: Elsewhere): NotCarriedError {
    const title = name.startsWith('<') ? `${name}>` : name
    const lack = this.vocabulary.hasModule(`${module}.c`)
      ? 'of which wsgi-httpd does not have this part'
      : 'which wsgi-httpd does not have'
    const message = `${title} belongs to ${module}, ${lack}.${advice && ` ${advice}`}`
    return new NotCarriedError(at, message, security ? undefined : ' Ignored.')
  }

  #hint(name: string): string | undefined {
    const removed = this.vocabulary.removed(name)
    if (removed !== undefined) return removed
    const meant = didYouMean(name, this.vocabulary.names())
    return meant === undefined ? undefined : `Did you mean '${meant}'?`
  }

  /** Throws httpd's message where a directive may not stand; false: it is passed over with a warning. */
  #mayStand(declaration: Directive | SectionDirective, at: Position, scope: Scope): boolean {
    const { name, contexts, override } = declaration
    const { context } = scope
    const { only, name: around } = scope.enclosing[0] ?? {}
    if (only !== undefined && !only.includes(name))
      throw new ConfigError(at, `${name} not allowed in ${around}> context`)
    if (contexts.includes(context) && (context !== 'htaccess' || this.htaccess?.allows(name, override)))
      return true
    const parent = scope.enclosing[0]
    const message =
      context === 'vhost' && parent !== undefined && contexts.includes('server')
        ? `${name}${name.startsWith('<') ? '>' : ''} cannot occur within ${parent.name}> section`
        : parent === undefined
          ? `${name} not allowed here`
          : `${name} not allowed in ${parent.name}> context`
    if (!(contexts.includes(context) && this.htaccess?.nonfatal?.override)) throw new ConfigError(at, message)
    this.state.warnings.push({ at, message })
    return false
  }
}

/** Where the children of a section stand. */
function innerContext(outer: Context, isVirtualHost: boolean, hasSettings: boolean): Context {
  if (isVirtualHost) return 'vhost'
  return hasSettings && outer !== 'htaccess' ? 'directory' : outer
}
