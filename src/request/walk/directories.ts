/**
 * The directory walk: follows a request's file name from `/` as far as it exists, merging the `<Directory>` sections of each directory on the
 * way and holding symbolic links against the `Options` in force there. Directories that were seen are kept in a tree for a second.
 * Manual: https://httpd.apache.org/docs/2.4/sections.html#merging
 */
import type { Stats } from 'node:fs'
import type { Settings } from '../../config/settings.js'
import type { Section, ServerConfig } from '../../config/site.js'
import { coreDir, coreServer, OPTION } from '../../modules/core/settings.js'
import { isStats, type Look, look, lookAtLink } from './stat.js'

/** How long a directory counts as there, searchable and properly linked without another look. */
const DIRECTORY_KEPT_MS = 1000
/** Directories kept per server; beyond it all are forgotten and looked at anew. */
const DIRECTORIES_MAX = 10_000

/** Why a walk ended early: a status, and what the log should say. */
export interface Refusal {
  readonly status: number
  readonly level: 'error' | 'info' | 'alert'
  readonly code: string
  readonly message: string
}

/** Where a file name led. */
export interface WalkResult {
  /** As far as it exists, or up to the first component that does not. */
  readonly filename: string
  readonly pathInfo: string
  /** undefined: nothing there. */
  readonly finfo: Stats | undefined
  readonly directory: DirectoryNode
}

/** A directory on the way: what is known about it, and the settings in force in it. */
export class DirectoryNode {
  readonly children = new Map<string, DirectoryNode>()
  /** With a final `/`. */
  readonly path: string
  /** Of this directory and those above it: sections for files and the like, in the order in which they count. */
  readonly nested: readonly Section[]
  readonly settings: Settings
  /** Bits of `Options` about symbolic links. */
  readonly follows: number
  finfo: Stats
  checkedAt: number
  /** Why nothing in here may be served; looked at anew with the directory. */
  refusal: Refusal | undefined = undefined

  constructor(path: string, settings: Settings, nested: readonly Section[], finfo: Stats, now: number) {
    this.path = path
    this.settings = settings
    this.nested = nested
    this.follows = settings.get(coreDir).options.effective & (OPTION.SymLinks | OPTION.SymLinksIfOwnerMatch)
    this.finfo = finfo
    this.checkedAt = now
  }
}

/** The walks of one server. */
export class DirectoryWalk {
  /** `<Directory>` sections by number of components, in the order in which they are merged. */
  readonly #byDepth: Section[][] = []
  readonly #root: DirectoryNode
  #count = 0

  constructor(private readonly server: ServerConfig) {
    for (const section of server.sections.directory) {
      this.#byDepth[section.depth] ??= []
      this.#byDepth[section.depth]?.push(section)
    }
    this.#root = this.#node('/', 0, server.dir, [], look('/') as Stats, 0)
  }

  /** @param filename absolute. @param now milliseconds since the epoch. */
  walk(filename: string, now: number): WalkResult | Refusal {
    let node = this.#root
    let depth = 0
    let start = 1
    const { length } = filename
    while (start < length) {
      const slash = filename.indexOf('/', start)
      const end = slash < 0 ? length : slash
      if (end === start) {
        start++
        continue
      }
      const name = filename.slice(start, end)
      let child = node.children.get(name)
      depth++
      if (child === undefined || now - child.checkedAt >= DIRECTORY_KEPT_MS) {
        const path = filename.slice(0, end)
        const found = this.#examine(path, node)
        if (!isStats(found)) {
          if (found !== 'missing') return found
          node.children.delete(name)
          return { filename: path, pathInfo: filename.slice(end), finfo: undefined, directory: node }
        }
        if (!found.isDirectory()) {
          if (found.isFile())
            return { filename: path, pathInfo: filename.slice(end), finfo: found, directory: node }
          return refuse(403, '', 'AH00038', `access denied because ${path} is neither a file nor a directory`)
        }
        if (child === undefined) child = this.#add(node, name, `${node.path}${name}/`, depth, found, now)
        else {
          child.finfo = found
          child.checkedAt = now
        }
        child.refusal = this.#checkHtaccess(child)
      }
      if (child.refusal !== undefined) return child.refusal
      node = child
      start = end + 1
    }
    return { filename, pathInfo: '', finfo: node.finfo, directory: node }
  }

  /** Looks at one component, with the rules on symbolic links of the directory that it is in. */
  #examine(path: string, parent: DirectoryNode): Stats | 'missing' | Refusal {
    if ((parent.follows & OPTION.SymLinks) !== 0) return this.#explain(look(path), path)
    const link = this.#explain(lookAtLink(path), path)
    if (!isStats(link) || !link.isSymbolicLink()) return link
    const target = this.#explain(look(path), path)
    if (!isStats(target)) return target
    if (parent.follows === 0 || target.uid !== link.uid)
      return refuse(
        403,
        'error',
        'AH00037',
        `Symbolic link not allowed or link target not accessible: ${path}`,
      )
    return target
  }

  #explain(found: Look, path: string): Stats | 'missing' | Refusal {
    if (isStats(found) || found === 'missing') return found
    // a file where a directory was a moment ago
    if (found.code === 'ENOTDIR') return 'missing'
    if (found.code === 'EACCES')
      return refuse(
        403,
        'error',
        'AH00035',
        `access denied (filesystem path '${path}') because search permissions are missing on a component of the path`,
      )
    if (found.code === 'ENAMETOOLONG')
      return refuse(
        403,
        'error',
        'AH00036',
        `access failed (filesystem path '${path.slice(0, 255)}…'): the name is too long`,
      )
    return refuse(403, 'error', 'AH00036', `access failed (filesystem path '${path}'): ${found.message}`)
  }

  #add(
    parent: DirectoryNode,
    name: string,
    path: string,
    depth: number,
    finfo: Stats,
    now: number,
  ): DirectoryNode {
    if (++this.#count > DIRECTORIES_MAX) {
      this.#root.children.clear()
      this.#count = 1
    }
    const node = this.#node(path, depth, parent.settings, parent.nested, finfo, now)
    parent.children.set(name, node)
    return node
  }

  #node(
    path: string,
    depth: number,
    outer: Settings,
    outerNested: readonly Section[],
    finfo: Stats,
    now: number,
  ): DirectoryNode {
    let settings = outer
    let nested = outerNested
    for (const section of this.#byDepth[depth] ?? []) {
      if (!section.matches(path)) continue
      settings = settings.with(section.settings)
      if (section.nested.length > 0) nested = [...nested, ...section.nested]
    }
    return new DirectoryNode(path, settings, nested, finfo, now)
  }

  /**
   * The place where `.htaccess` files join in: after the sections of a directory, before its children. They are not read yet; since they may
   * hold access rules, a directory that has one and allows overrides is refused.
   */
  #checkHtaccess(node: DirectoryNode): Refusal | undefined {
    const { allowOverride, allowOverrideList } = node.settings.get(coreDir)
    const { authConfig, fileInfo, indexes, limit, options } = allowOverride
    if (!(authConfig || fileInfo || indexes || limit || options !== false || allowOverrideList.size > 0))
      return undefined
    for (const name of this.server.settings.get(coreServer).accessFileNames)
      if (look(node.path + name) !== 'missing')
        return refuse(
          500,
          'alert',
          '',
          `${node.path}${name}: per-directory configuration files are not supported yet; set AllowOverride None to ignore it`,
        )
    return undefined
  }
}

function refuse(status: number, level: Refusal['level'] | '', code: string, message: string): Refusal {
  return { status, level: level || 'error', code, message }
}
