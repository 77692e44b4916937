/**
 * Servers and sections while directives are applied, and how they become a {@link Site}: virtual hosts laid over the main server, sections in
 * the order in which they will be merged.
 */
import type { NewSection } from './directive.js'
import type { ConfigWarning } from './errors.js'
import type { Position } from './position.js'
import { Settings } from './settings.js'
import type { PerDirectoryContext, Section, ServerConfig, Site, VhostAddress } from './site.js'
import type { ConfigTree } from './tree.js'

/** A section being filled. */
export interface SectionDraft extends Section {
  readonly nested: SectionDraft[]
}

/** The main server or a virtual host being filled. */
export interface ServerDraft {
  readonly index: number
  readonly at: Position
  readonly addresses: readonly VhostAddress[]
  readonly settings: Settings
  readonly dir: Settings
  readonly sections: SectionDraft[]
}

export function newServer(index: number, at: Position, addresses: readonly VhostAddress[]): ServerDraft {
  return { index, at, addresses, settings: new Settings(), dir: new Settings(), sections: [] }
}

export function newSection(section: NewSection, at: Position): SectionDraft {
  return { depth: 0, wild: false, ...section, settings: new Settings(), nested: [], at }
}

/** Merges and freezes. */
export function buildSite(
  tree: ConfigTree,
  main: ServerDraft,
  virtualHosts: readonly ServerDraft[],
  warnings: readonly ConfigWarning[],
  perDirectory: PerDirectoryContext,
): Site {
  return {
    main: mainServer(main, perDirectory),
    virtualHosts: virtualHosts.map((draft) => virtualHost(main, draft, perDirectory)),
    file: tree.file,
    serverRoot: tree.serverRoot,
    defines: tree.defines,
    anyDocumentRoot: tree.anyDocumentRoot,
    warnings,
    providers: perDirectory.providers,
  }
}

function mainServer(
  { settings, dir, index, at, sections }: ServerDraft,
  perDirectory: PerDirectoryContext,
): ServerConfig {
  return {
    isVirtual: false,
    index,
    at,
    addresses: [],
    settings,
    dir,
    sections: sortSections(sections),
    perDirectory,
  }
}

function virtualHost(main: ServerDraft, draft: ServerDraft, perDirectory: PerDirectoryContext): ServerConfig {
  return {
    isVirtual: true,
    index: draft.index,
    at: draft.at,
    addresses: draft.addresses,
    settings: Settings.merge(main.settings, draft.settings),
    dir: Settings.merge(main.dir, draft.dir),
    // at every step the main server's come first
    sections: sortSections([...main.sections, ...draft.sections]),
    perDirectory,
  }
}

/** By kind; plain `Directory` sections by the number of path components, those of equal length in file order. */
export function sortSections(sections: readonly Section[]): ServerConfig['sections'] {
  const of = (kind: Section['kind']): Section[] => sections.filter((section) => section.kind === kind)
  return {
    directory: of('Directory').sort((a, b) => a.depth - b.depth),
    directoryMatch: of('DirectoryMatch'),
    files: of('Files'),
    location: of('Location'),
    proxy: of('Proxy'),
    if: of('If'),
  }
}
