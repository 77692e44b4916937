/**
 * Per-directory configuration files: found, read and applied when a request passes their directory, kept until they change. Directories whose
 * `AllowOverride` lets nothing in are never looked at.
 * Manual: https://httpd.apache.org/docs/2.4/howto/htaccess.html
 */
import type { Stats } from 'node:fs'
import { type AppliedHtaccess, applyHtaccess } from '../../config/apply.js'
import type { OverrideClass } from '../../config/directive.js'
import { SyntaxFault } from '../../config/errors.js'
import { type ConfigFiles, pathBytes, realFiles, reasonOf } from '../../config/files.js'
import { readTree } from '../../config/reader.js'
import type { Settings } from '../../config/settings.js'
import type { ServerConfig } from '../../config/site.js'
import { type AllowOverride, coreDir, coreServer, NO_OVERRIDE } from '../../modules/core/settings.js'
import { versionOf } from '../../system/file-version.js'
import { readRegularFileSync } from '../../system/regular-file.js'
import type { Request } from '../request.js'
import type { Refusal } from './refusal.js'
import { isStats, look } from './stat.js'

/** Bytes; such files are read while others wait. */
const SIZE_MAX = 1024 * 1024

/** What is known about the file of one directory. */
export interface KnownFile {
  readonly path: string
  readonly version: string | undefined
  readonly text: string
  /** undefined where it is refused. */
  readonly applied: AppliedHtaccess | undefined
  readonly refusal: Refusal | undefined
}

/**
 * When `.htaccess` files are looked at where these settings hold. Where no `AllowOverride` says anything, as in httpd, a file with directives
 * is a fault and not passed over: it may be meant to close something.
 */
export function overridesIn(settings: Settings): 'never' | 'rarely' | 'always' {
  const { allowOverride, allowOverrideList } = settings.get(coreDir)
  if (allowOverride === NO_OVERRIDE && allowOverrideList.size === 0) return 'rarely'
  const { authConfig, fileInfo, indexes, limit, options } = allowOverride
  const any = authConfig || fileInfo || indexes || limit || options !== false || allowOverrideList.size > 0
  return any ? 'always' : 'never'
}

/** The files of one server. */
export class HtaccessFiles {
  readonly #names: readonly string[]

  constructor(private readonly server: ServerConfig) {
    this.#names = server.settings.get(coreServer).accessFileNames
  }

  /**
   * Looks at a directory's file.
   * @param directory with a final `/`
   * @param settings of the directory, without the file's
   * @param before what it was when it was looked at last
   * @returns `before` itself where nothing has changed; undefined where there is no file; a refusal where it cannot be told
   */
  look(
    directory: string,
    settings: Settings,
    before: KnownFile | undefined,
    request: Request,
  ): KnownFile | undefined | Refusal {
    for (const name of this.#names) {
      const path = directory + name
      const found = look(path)
      if (found === 'missing') continue
      if (isStats(found)) return this.#read(path, found, settings, before, request)
      if (found.code === 'ENOTDIR') continue
      return unreadable(path, found)
    }
    return undefined
  }

  #read(
    path: string,
    finfo: Stats,
    settings: Settings,
    before: KnownFile | undefined,
    request: Request,
  ): KnownFile | Refusal {
    const version = versionOf(finfo)
    const known = before?.path === path ? before : undefined
    if (version !== undefined && version === known?.version) return known
    let text: string
    try {
      text = readRegularFileSync(pathBytes(path), SIZE_MAX)
    } catch (error) {
      return unreadable(path, error)
    }
    if (known?.text === text) return known.version === version ? known : { ...known, version }
    const applied = this.#apply(path, text, settings)
    if ('status' in applied) return { path, version, text, applied: undefined, refusal: applied }
    for (const { at, message } of applied.warnings)
      request.report('core', 'warn', `${path}: ${message}${lineOf(at?.line)}`)
    return { path, version, text, applied, refusal: undefined }
  }

  /** Reads and applies a text; a fault in it is a refusal. */
  #apply(path: string, text: string, settings: Settings): AppliedHtaccess | Refusal {
    const { vocabulary, environment, serverRoot, defines, providers, warnUnsupported } =
      this.server.perDirectory
    const { allowOverride, allowOverrideList } = settings.get(coreDir)
    const files: ConfigFiles = { ...realFiles, read: () => text }
    try {
      const tree = readTree({
        file: path,
        serverRoot,
        environment,
        vocabulary,
        files,
        values: defines,
        htaccess: true,
      })
      const applied = applyHtaccess(tree, vocabulary, {
        environment,
        serverRoot,
        providers,
        serverIndex: this.server.index,
        warnUnsupported,
        nonfatal: allowOverride.nonfatal,
        optionBits: allowOverride.options === false ? 0 : allowOverride.options,
        allows: (name, override) =>
          allowsClass(allowOverride, override) || allowOverrideList.has(name.toLowerCase()),
      })
      const [first, ...more] = applied.errors
      if (first === undefined) {
        for (const settings of [applied.dir, ...applied.sections.map((section) => section.settings)])
          settings.file = path
        return applied
      }
      const others = more.length === 0 ? '' : `; ${more.length} more such faults`
      return faulty(`${path}: ${first.message}${lineOf(first.at.line)}${others}`)
    } catch (error) {
      if (!(error instanceof SyntaxFault)) throw error
      return faulty(`${path}: ${error.message}${lineOf(error.at.line)}`)
    }
  }
}

/** A directive of every class is let in by any. */
function allowsClass(allowed: AllowOverride, override: OverrideClass | undefined): boolean {
  const { authConfig, fileInfo, indexes, limit, options } = allowed
  switch (override) {
    case 'AuthConfig':
      return authConfig
    case 'FileInfo':
      return fileInfo
    case 'Indexes':
      return indexes
    case 'Limit':
      return limit
    case 'Options':
      return options !== false
    case 'All':
    case undefined:
      return authConfig || fileInfo || indexes || limit || options !== false
    default:
      return override satisfies never
  }
}

const lineOf = (line: number | undefined): string => (line ? ` (line ${line})` : '')

function faulty(message: string): Refusal {
  return { status: 500, level: 'alert', code: '', message, verbatim: true }
}

/** It may hold access rules, so nothing below is served. */
function unreadable(path: string, error: unknown): Refusal {
  const directory = path.slice(0, path.lastIndexOf('/') + 1)
  return {
    status: 403,
    level: 'crit',
    code: 'AH00529',
    message: `${path} pcfg_openfile: unable to check htaccess file, ensure it is readable and that '${directory}' is executable (${reasonOf(error)})`,
    verbatim: true,
  }
}
