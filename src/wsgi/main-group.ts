/**
 * Which application group may live in the main interpreter of a daemon process although it is not `%{GLOBAL}`.
 *
 * Where a process only ever runs one application group, there is nobody to isolate it from, and in the main interpreter every extension module
 * works. Decided from the configuration, so that it does not depend on the order of requests. When in doubt: a sub-interpreter. Pure.
 */

import type { Settings } from '../config/settings.js'
import type { Section, ServerConfig, Site } from '../config/site.js'
import { coreServer, listenSettings } from '../modules/core/settings.js'
import { type ScriptAlias, wsgiDir, wsgiMain, wsgiServer } from '../modules/wsgi/settings.js'
import type { GroupName } from './group-name.js'
import type { DaemonGroup } from './groups.js'

/** The name of that application group, or null where there is none. */
export function mainApplicationGroup(site: Site, group: DaemonGroup): string | null {
  const servers = [site.main, ...site.virtualHosts]
  const places = servers.flatMap((server) => [server.dir, ...sectionSettings(server)])
  const processGroups = places.flatMap((place) => place.peek(wsgiDir)?.processGroup ?? [])
  const applicationGroups = places.flatMap((place) => place.peek(wsgiDir)?.applicationGroup ?? [])
  if (places.some((place) => (place.peek(wsgiDir)?.handlerScripts?.size ?? 0) > 0)) return null
  // Nobody can tell what such a script will choose.
  if (places.some((place) => place.peek(wsgiDir)?.dispatchScript !== undefined)) return null
  if (processGroups.some((name) => name.kind !== 'literal')) return null

  const byDirective = processGroups.some((name) => isNamed(name, group.name))
  const mounts = uniqueMounts(servers).filter(({ alias }) =>
    alias.processGroup === undefined
      ? byDirective
      : alias.processGroup.kind !== 'literal' || isNamed(alias.processGroup, group.name),
  )
  const [mount] = mounts
  if (mount === undefined || mounts.length > 1 || mount.alias.url === undefined) return null
  if (mount.alias.processGroup !== undefined && mount.alias.processGroup.kind !== 'literal') return null
  const name = nameOf(site, mount, applicationGroups)
  if (name === null || name === '') return null
  const others = site.main.settings
    .get(wsgiMain)
    .imports.some(
      (script) => isNamed(script.processGroup, group.name) && !isNamed(script.applicationGroup, name),
    )
  return others ? null : name
}

interface Mount {
  readonly alias: ScriptAlias
  readonly server: ServerConfig
}

/** Every alias once, with the server that serves it; an alias that several servers share counts for each of them. */
function uniqueMounts(servers: readonly ServerConfig[]): Mount[] {
  return servers.flatMap((server) =>
    server.settings.get(wsgiServer).aliases.map((alias) => ({ alias, server })),
  )
}

function nameOf(site: Site, { alias, server }: Mount, directives: readonly GroupName[]): string | null {
  const candidates = alias.applicationGroup ? [alias.applicationGroup] : directives
  const [first] = candidates
  if (first !== undefined && (candidates.length > 1 || first.kind === 'environment' || first.kind === 'host'))
    return null
  if (first?.kind === 'literal') return first.name
  const { serverName, serverPort } = server.settings.get(coreServer)
  const ports = serverPort
    ? [serverPort]
    : site.main.settings.get(listenSettings).addresses.map((listen) => listen.port)
  const shown = new Set(ports.map((port) => (port === 80 || port === 443 ? '' : `:${port}`)))
  if (serverName === undefined || shown.size !== 1) return null
  const prefix = serverName.host + [...shown][0]
  if (first?.kind === 'server') return prefix
  const mount = alias.url === '/' ? '' : (alias.url as string)
  return `${prefix}|${server.settings.get(wsgiMain).caseSensitivity ? mount : mount.toLowerCase()}`
}

function isNamed(name: GroupName | undefined, text: string): boolean {
  return name?.kind === 'literal' && name.name === text
}

function sectionSettings(server: ServerConfig): Settings[] {
  const all = (sections: readonly Section[]): Settings[] =>
    sections.flatMap((section) => [section.settings, ...all(section.nested)])
  const { directory, directoryMatch, files, location } = server.sections
  return all([...directory, ...directoryMatch, ...files, ...location])
}
