/**
 * Which sections hold for a request, and the settings that result: the `Location` walk over the URL path, and the walk over directories,
 * `DirectoryMatch`, `Files` and again `Location`; each with the `<If>` sections on top.
 * Manual: https://httpd.apache.org/docs/2.4/sections.html#merging
 */
import { posix } from 'node:path'
import type { Settings } from '../../config/settings.js'
import type { Section, ServerConfig } from '../../config/site.js'
import { evaluate, whenReady } from '../../expr/expression.js'
import { coreDir, coreServer, encodedSlashesOf, type IfSection } from '../../modules/core/settings.js'
import type { Request } from '../request.js'
import type { PathRules } from '../url-path.js'
import { DirectoryWalk } from './directories.js'
import type { Refusal } from './refusal.js'
import { forget } from './stat.js'

/** The walks of one server; one object per server, made when it is first needed. */
export class ServerWalks {
  readonly #directories: DirectoryWalk
  readonly #location: readonly Section[]
  readonly #proxy: readonly Section[]
  readonly #files: readonly Section[]
  readonly #directoryMatch: readonly Section[]
  /** How this server reads URL paths. */
  readonly pathRules: PathRules

  constructor(private readonly server: ServerConfig) {
    const core = server.settings.get(coreServer)
    this.pathRules = {
      encodedSlashes: encodedSlashesOf(core, server.index),
      mergeSlashes: core.mergeSlashes,
    }
    this.#directories = new DirectoryWalk(server)
    this.#location = server.sections.location
    this.#proxy = server.sections.proxy
    this.#files = server.sections.files
    this.#directoryMatch = server.sections.directoryMatch
  }

  /** The first walk: the server's own settings with those of the URL path, for translation alone. */
  beforeTranslation(request: Request): void | Promise<void> {
    request.dir = this.#withLocation(request, this.server.dir)
    return applyIfs(request)
  }

  /** The second walk, when the file name is known. Sets `dir`, `filename`, `finfo` and `pathInfo`. */
  afterTranslation(request: Request): Refusal | undefined | Promise<undefined> {
    let settings = this.server.dir
    if (request.filename.startsWith('/')) {
      // Rewriting and patterns can put these into a path; a walk must not leave the directory it is in by name.
      if (request.filename.includes('/.') && /\/\.\.?(?:\/|$)/.test(request.filename))
        request.filename = posix.normalize(request.filename)
      const found = this.#directories.walk(request.filename, request.startedAt, request)
      if ('status' in found) {
        request.dir = this.#withLocation(request, settings)
        return found
      }
      request.filename = found.filename
      request.finfo = found.finfo
      request.anchor = found.anchor
      request.pathInfo = found.pathInfo
      settings = found.directory.settings
      const nested = found.directory.nested
      let filesInside = nested
      if (this.#directoryMatch.length > 0) {
        const place = found.finfo === undefined ? found.directory.path : found.filename
        for (const section of this.#directoryMatch) {
          const match = section.matches(place)
          if (match === false) continue
          if (match !== true) nameGroups(request, match)
          settings = settings.with(section.settings)
          if (section.nested.length > 0) filesInside = [...filesInside, ...section.nested]
        }
      }
      if (this.#files.length > 0 || filesInside.length > 0) {
        const name = found.filename.slice(found.filename.lastIndexOf('/') + 1)
        settings = apply(request, settings, this.#files, name)
        settings = apply(request, settings, filesInside, name)
      }
    } else if (this.#proxy.length > 0 && request.filename.startsWith('proxy:'))
      settings = apply(request, settings, this.#proxy, request.filename)
    request.dir = this.#withLocation(request, settings)
    return applyIfs(request)?.then(() => undefined)
  }

  /** Follows the name of a request's file once more, as if nothing were known. Sets `finfo` and `anchor`. */
  again(request: Request): Refusal | undefined {
    forget()
    const found = this.#directories.walk(request.filename, request.startedAt, request, true)
    if ('status' in found) return found
    request.finfo = found.filename === request.filename ? found.finfo : undefined
    request.anchor = found.anchor
    return undefined
  }

  /** `<Location>` sees slashes merged even with `MergeSlashes Off`, so that an added one opens nothing; `<LocationMatch>` sees them as they are. */
  #mergedSlashes(path: string): string {
    return this.pathRules.mergeSlashes || !path.includes('//') ? path : path.replace(/\/{2,}/g, '/')
  }

  #withLocation(request: Request, settings: Settings): Settings {
    return this.#location.length === 0
      ? settings
      : apply(request, settings, this.#location, request.path, this.#mergedSlashes(request.path))
  }
}

/**
 * `<If>` sections, over everything else: those of the server first, then those that stand in other sections, in the order of merging. Waits only
 * where an expression needs something that takes time.
 */
function applyIfs(request: Request): void | Promise<void> {
  const { ifs } = request.dir.get(coreDir)
  if (ifs.length === 0) return
  const base = request.dir
  const merged = whenReady(() => applyIfSections(request, base, ifs))
  if (merged instanceof Promise)
    return merged.then((settings) => {
      request.dir = settings
    })
  request.dir = merged
}

function applyIfSections(request: Request, base: Settings, ifs: readonly IfSection[]): Settings {
  let settings = base
  /** Whether an `<ElseIf>` or `<Else>` here has nothing to do any more; a condition that fails counts as met. */
  let settled = false
  for (const { kind, condition, section } of ifs) {
    if (kind === 'if') settled = false
    if (settled) continue
    const result = condition === undefined || evaluate(condition, request)
    settled = result !== false
    if (result !== true) continue
    settings = settings.with(section.settings)
    const name = request.filename.slice(request.filename.lastIndexOf('/') + 1)
    if (section.nested.length > 0) settings = apply(request, settings, section.nested, name)
    const inner = section.settings.peek(coreDir)?.ifs
    if (inner !== undefined) settings = applyIfSections(request, settings, inner)
  }
  return settings
}

/**
 * Lays the settings of the sections that match over those given, in order. Sections nested in a matching one come after all of these.
 * @param merged what sections without a regular expression are compared with
 */
function apply(
  request: Request,
  base: Settings,
  sections: readonly Section[],
  place: string,
  merged = place,
): Settings {
  let settings = base
  let inner: Section[] | undefined
  for (const section of sections) {
    const match = section.matches(section.isRegex === true ? place : merged)
    if (match === false) continue
    if (match !== true) nameGroups(request, match)
    settings = settings.with(section.settings)
    if (section.nested.length > 0)
      inner = inner === undefined ? [...section.nested] : [...inner, ...section.nested]
  }
  return inner === undefined ? settings : apply(request, settings, inner, place, merged)
}

/** Named groups of a section's pattern become variables. */
function nameGroups(request: Request, match: RegExpMatchArray): void {
  if (match.groups === undefined) return
  for (const [name, value] of Object.entries(match.groups))
    if (value !== undefined) request.env.set(`MATCH_${name.toUpperCase()}`, value)
}

const walks = new WeakMap<ServerConfig, ServerWalks>()

export function walksOf(server: ServerConfig): ServerWalks {
  const known = walks.get(server)
  if (known !== undefined) return known
  const made = new ServerWalks(server)
  walks.set(server, made)
  return made
}
