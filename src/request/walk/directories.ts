/**
 * The directory walk: follows a request's file name from `/` as far as it exists, merging the `<Directory>` sections and the
 * `.htaccess` file of each directory on the way and holding symbolic links against the `Options` in force there. Directories that were seen are kept in a tree for a second.
 * Manual: https://httpd.apache.org/docs/2.4/sections.html#merging
 */
import type { Stats } from 'node:fs'
import type { AppliedHtaccess } from '../../config/apply.js'
import type { Settings } from '../../config/settings.js'
import type { Section, ServerConfig } from '../../config/site.js'
import { coreDir, OPTION } from '../../modules/core/settings.js'
import type { Request } from '../request.js'
import { type Anchor, anchorOf } from './anchor.js'
import { HtaccessFiles, type KnownFile, overridesIn } from './htaccess.js'
import type { Refusal } from './refusal.js'
import { isStats, type Look, look, lookAtLink, turn } from './stat.js'

/** How long a directory counts as there, searchable and properly linked without another look. */
const DIRECTORY_KEPT_MS = 1000
/** Directories kept per server; beyond it all are forgotten and looked at anew. */
const DIRECTORIES_MAX = 10_000

/** What the sections of a directory, or of a file in it, come to. */
export type WalkedDirectory = Pick<DirectoryNode, 'path' | 'settings' | 'nested'>

/** Where a file name led. */
export interface WalkResult {
  /** As far as it exists, or up to the first component that does not. */
  readonly filename: string
  readonly pathInfo: string
  /** undefined: nothing there. */
  readonly finfo: Stats | undefined
  readonly directory: WalkedDirectory
  /** Where the file has to lie; undefined: links may be followed all the way. */
  readonly anchor: Anchor | undefined
}

/** A directory on the way: what is known about it, and the settings in force in it. */
export class DirectoryNode {
  readonly children = new Map<string, DirectoryNode>()
  /** What `<Directory>` sections say, here and above, and the `.htaccess` files above. */
  readonly own: Settings
  readonly #ownNested: readonly Section[]
  /** With a final `/`. */
  readonly path: string
  /** Of this directory and those above it: sections for files and the like, in the order in which they count. */
  nested: readonly Section[]
  settings: Settings
  /** Bits of `Options` about symbolic links. */
  follows: number
  /** When a `.htaccess` file here is looked at: `rarely` with the directory itself. */
  readonly overrides: ReturnType<typeof overridesIn>
  /** That file as it was seen last. */
  file: KnownFile | undefined = undefined
  /** Why nothing in here may be served. */
  refusal: Refusal | undefined = undefined
  finfo: Stats
  /** Where the directory has to lie; undefined: links to it may be followed. */
  anchor: Anchor | undefined = undefined
  checkedAt: number

  constructor(path: string, settings: Settings, nested: readonly Section[], finfo: Stats, now: number) {
    this.path = path
    this.own = settings
    this.#ownNested = nested
    this.settings = settings
    this.nested = nested
    this.overrides = overridesIn(settings)
    this.follows = followBits(settings)
    this.finfo = finfo
    this.checkedAt = now
  }

  /** Lays a `.htaccess` file over the directory, or takes it off. What is below has to be made anew. */
  layer(applied: AppliedHtaccess | undefined): void {
    this.settings = applied === undefined ? this.own : this.own.with(applied.dir)
    this.nested =
      applied === undefined || applied.sections.length === 0
        ? this.#ownNested
        : [...this.#ownNested, ...applied.sections]
    this.follows = followBits(this.settings)
    this.children.clear()
  }
}

function followBits(settings: Settings): number {
  return settings.get(coreDir).options.effective & (OPTION.SymLinks | OPTION.SymLinksIfOwnerMatch)
}

/** The walks of one server. */
export class DirectoryWalk {
  /** `<Directory>` sections by number of components, in the order in which they are merged. */
  readonly #byDepth: Section[][] = []
  readonly #root: DirectoryNode
  readonly #htaccess: HtaccessFiles
  #count = 0
  /** Of the component looked at last. */
  #anchor: Anchor | undefined
  /** The file that a walk led to, which the next one is likely to lead to as well: an application has one script for all its URLs. */
  #lastFile: WalkResult | undefined
  /** The turn of the event loop in which it was found, and beyond which it does not count. */
  #lastTurn = -1

  constructor(server: ServerConfig) {
    this.#htaccess = new HtaccessFiles(server)
    for (const section of server.sections.directory) {
      this.#byDepth[section.depth] ??= []
      this.#byDepth[section.depth]?.push(section)
    }
    this.#root = this.#node('/', 0, server.dir, [], look('/') as Stats, 0)
  }

  /**
   * @param filename absolute. @param now milliseconds since the epoch. @param request whose log hears of what is odd.
   * @param afresh nothing that is remembered counts
   */
  walk(filename: string, now: number, request: Request, afresh = false): WalkResult | Refusal {
    const same = afresh ? undefined : this.#sameFile(filename)
    if (same !== undefined) return same
    let node = this.#root
    /** Whether the same walk gives the same as long as no file is looked at anew. */
    let steady = node.overrides !== 'always'
    if (node.overrides !== 'never') {
      const refusal = this.#refresh(node, request, now - node.checkedAt >= DIRECTORY_KEPT_MS)
      node.checkedAt = now
      if (refusal !== undefined) return refusal
    }
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
      let fresh = true
      depth++
      if (child === undefined || afresh || now - child.checkedAt >= DIRECTORY_KEPT_MS) {
        const path = filename.slice(0, end)
        const found = this.#examine(path, node)
        if (!isStats(found)) {
          if (found !== 'missing') return found
          node.children.delete(name)
          const pathInfo = filename.slice(end)
          return { filename: path, pathInfo, finfo: undefined, directory: node, anchor: undefined }
        }
        const anchor = this.#anchor
        if (!found.isDirectory()) {
          if (found.isFile()) {
            const directory = this.#withWild(node, path, depth)
            const pathInfo = filename.slice(end)
            if (steady && looksOnce(node))
              this.#keep({ filename: path, pathInfo: '', finfo: found, directory, anchor })
            return { filename: path, pathInfo, finfo: found, directory, anchor }
          }
          return refuse(403, '', 'AH00038', `access denied because ${path} is neither a file nor a directory`)
        }
        if (child === undefined) child = this.#add(node, name, `${node.path}${name}/`, depth, found, now)
        else {
          child.finfo = found
          child.checkedAt = now
          if (!sameAnchor(child.anchor, anchor)) child.children.clear()
        }
        child.anchor = anchor
      } else fresh = false
      node = child
      if (node.overrides === 'always') steady = false
      if (node.overrides !== 'never') {
        const refusal = this.#refresh(node, request, fresh)
        if (refusal !== undefined) return refusal
      }
      start = end + 1
    }
    return { filename, pathInfo: '', finfo: node.finfo, directory: node, anchor: node.anchor }
  }

  /** Where a name leads that begins with that of the last file, in the same turn. */
  #sameFile(filename: string): WalkResult | undefined {
    const last = this.#lastFile
    if (last === undefined || this.#lastTurn !== turn() || !filename.startsWith(last.filename))
      return undefined
    const end = last.filename.length
    if (filename.length === end) return last
    return filename.charCodeAt(end) === 47 ? below(last, filename.slice(end)) : undefined
  }

  #keep(found: WalkResult): void {
    this.#lastFile = found
    this.#lastTurn = turn()
  }

  /** Looks at one component, with the rules on symbolic links of the directory that it is in, and notes where it has to lie. */
  #examine(path: string, parent: DirectoryNode): Stats | 'missing' | Refusal {
    const free = (parent.follows & OPTION.SymLinks) !== 0
    this.#anchor = undefined
    if (looksOnce(parent)) return this.#explainFollowed(path)
    const link = free ? undefined : this.#explain(lookAtLink(path), path)
    const found = link !== undefined && !isLink(link) ? link : this.#target(path, parent, link)
    if (!isStats(found)) return found
    const above = parent.path.slice(0, -1)
    const anchor = anchorOf(parent.anchor, above, path.slice(path.lastIndexOf('/') + 1), !free, isLink(link))
    if (anchor === 'moved') return notAllowed(path)
    this.#anchor = anchor
    return found
  }

  /** What a link leads to, or what is there where links may be followed (`link` undefined). */
  #target(
    path: string,
    parent: DirectoryNode,
    link: Stats | 'missing' | Refusal | undefined,
  ): Stats | 'missing' | Refusal {
    if (link !== undefined && !isStats(link)) return link
    const target = this.#explainFollowed(path)
    if (!isStats(target) || link === undefined) return target
    return parent.follows === 0 || target.uid !== link.uid ? notAllowed(path) : target
  }

  /** What is there, links followed. A link to nothing is refused: what is missing may have a fallback, what a link names may not. */
  #explainFollowed(path: string): Stats | 'missing' | Refusal {
    const found = this.#explain(look(path), path)
    return found === 'missing' && isLink(this.#explain(lookAtLink(path), path)) ? notAllowed(path) : found
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

  /** `<Directory>` sections with wildcards hold for a file whose path they match, too, as in httpd. */
  #withWild(directory: DirectoryNode, file: string, depth: number): WalkedDirectory {
    const found = this.#byDepth[depth]?.filter((section) => section.wild && section.matches(`${file}/`)) ?? []
    if (found.length === 0) return directory
    return {
      path: directory.path,
      settings: found.reduce((settings, section) => settings.with(section.settings), directory.settings),
      nested: [...directory.nested, ...found.flatMap((section) => section.nested)],
    }
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

  /** Looks at the `.htaccess` file of a directory that lets one count. A file that has changed makes the directory and all below it anew. */
  #refresh(node: DirectoryNode, request: Request, fresh: boolean): Refusal | undefined {
    if (node.overrides === 'rarely' && !fresh) return node.refusal
    node.refusal = this.#refreshNow(node, request)
    return node.refusal
  }

  #refreshNow(node: DirectoryNode, request: Request): Refusal | undefined {
    const file = this.#htaccess.look(node.path, node.own, node.file, request)
    if (file !== undefined && 'status' in file) return file
    if (file !== node.file) {
      const changed = file?.applied !== node.file?.applied
      node.file = file
      if (changed) node.layer(file?.applied)
    }
    return file?.refusal
  }
}

/** The same file, asked for with something after its name. */
const below = ({ filename, finfo, directory, anchor }: WalkResult, pathInfo: string): WalkResult => ({
  filename,
  pathInfo,
  finfo,
  directory,
  anchor,
})

/** Whether one look tells all about what is in a directory: links in it may be followed, wherever they lead. */
const looksOnce = ({ follows, anchor }: DirectoryNode): boolean =>
  (follows & OPTION.SymLinks) !== 0 && anchor === undefined

const isLink = (found: unknown): boolean => isStats(found) && found.isSymbolicLink()

function sameAnchor(one: Anchor | undefined, other: Anchor | undefined): boolean {
  return one?.real === other?.real && one?.rest === other?.rest
}

function notAllowed(path: string): Refusal {
  return refuse(403, 'error', 'AH00037', `Symbolic link not allowed or link target not accessible: ${path}`)
}

function refuse(status: number, level: Refusal['level'] | '', code: string, message: string): Refusal {
  return { status, level: level || 'error', code, message }
}
