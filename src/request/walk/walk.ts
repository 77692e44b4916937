/**
 * Which sections hold for a request, and the settings that result: the `Location` walk over the URL path, and the walk over directories,
 * `DirectoryMatch`, `Files` and again `Location`.
 * Manual: https://httpd.apache.org/docs/2.4/sections.html#merging
 */
import { posix } from 'node:path'
import type { Settings } from '../../config/settings.js'
import type { Section, ServerConfig } from '../../config/site.js'
import { coreServer, encodedSlashesOf } from '../../modules/core/settings.js'
import type { Request } from '../request.js'
import type { PathRules } from '../url-path.js'
import { DirectoryWalk, type Refusal } from './directories.js'

/** The walks of one server; one object per server, made when it is first needed. */
export class ServerWalks {
  readonly #directories: DirectoryWalk
  readonly #location: readonly Section[]
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
    this.#files = server.sections.files
    this.#directoryMatch = server.sections.directoryMatch
  }

  /** The first walk: the server's own settings with those of the URL path, for translation alone. */
  beforeTranslation(request: Request): void {
    request.dir =
      this.#location.length === 0
        ? this.server.dir
        : apply(request, this.server.dir, this.#location, request.path)
  }

  /** The second walk, when the file name is known. Sets `dir`, `filename`, `finfo` and `pathInfo`. */
  afterTranslation(request: Request): Refusal | undefined {
    let settings = this.server.dir
    if (request.filename.startsWith('/')) {
      // Rewriting and patterns can put these into a path; a walk must not leave the directory it is in by name.
      if (request.filename.includes('/.') && /\/\.\.?(?:\/|$)/.test(request.filename))
        request.filename = posix.normalize(request.filename)
      const found = this.#directories.walk(request.filename, request.startedAt)
      if ('status' in found) {
        request.dir = this.#withLocation(request, settings)
        return found
      }
      request.filename = found.filename
      request.finfo = found.finfo
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
    }
    request.dir = this.#withLocation(request, settings)
    return undefined
  }

  #withLocation(request: Request, settings: Settings): Settings {
    return this.#location.length === 0 ? settings : apply(request, settings, this.#location, request.path)
  }
}

/** Lays the settings of the sections that match over those given, in order. Sections nested in a matching one come after all of these. */
function apply(request: Request, base: Settings, sections: readonly Section[], place: string): Settings {
  let settings = base
  let inner: Section[] | undefined
  for (const section of sections) {
    const match = section.matches(place)
    if (match === false) continue
    if (match !== true) nameGroups(request, match)
    settings = settings.with(section.settings)
    if (section.nested.length > 0)
      inner = inner === undefined ? [...section.nested] : [...inner, ...section.nested]
  }
  return inner === undefined ? settings : apply(request, settings, inner, place)
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
