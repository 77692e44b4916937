/**
 * Which sections a request's settings were merged from.
 */
import { Settings } from '../../config/settings.js'
import type { Section, ServerConfig } from '../../config/site.js'
import { coreDir } from '../../modules/core/settings.js'

/** A section that holds, or a `.htaccess` file. */
export type Source = Section | { readonly file: string }

/** From now on settings remember what they are merged from. Costs memory: for a process that looks at one request. */
export function rememberOrigins(): void {
  Settings.origins = new WeakMap()
}

/** In the order of merging: what comes later has the last word. */
export function sourcesOf(settings: Settings, server: ServerConfig): Source[] {
  const sections = new Map<Settings, Section>()
  const { directory, directoryMatch, files, location, proxy, if: ifs } = server.sections
  for (const list of [directory, directoryMatch, files, location, proxy, ifs]) collect(list, sections)
  collectIfs(server.dir, sections)
  const sources: Source[] = []
  walk(settings, (added) => {
    const section = sections.get(added)
    if (section !== undefined) sources.push(section)
    else if (added.file !== undefined && fileOf(sources.at(-1)) !== added.file)
      sources.push({ file: added.file })
  })
  return sources
}

function fileOf(source: Source | undefined): string | undefined {
  return source !== undefined && 'file' in source ? source.file : undefined
}

function collect(list: readonly Section[], found: Map<Settings, Section>): void {
  for (const section of list) {
    found.set(section.settings, section)
    collect(section.nested, found)
    collectIfs(section.settings, found)
  }
}

/** `<If>` stands among the settings of what it stands in. */
function collectIfs(settings: Settings, found: Map<Settings, Section>): void {
  collect(settings.peek(coreDir)?.ifs?.map(({ section }) => section) ?? [], found)
}

function walk(settings: Settings, visit: (added: Settings) => void): void {
  const origin = Settings.origins?.get(settings)
  if (origin === undefined) visit(settings)
  else for (const part of origin) walk(part, visit)
}
