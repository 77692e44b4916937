/**
 * Which process groups a virtual host may use (mod_wsgi's rules at request time, and at start for preloaded scripts). Pure.
 */
import { ConfigError, type ConfigWarning } from '../config/errors.js'
import type { ServerConfig, Site } from '../config/site.js'
import { coreServer } from '../modules/core/settings.js'
import { type ScriptAlias, wsgiDir, wsgiMain, wsgiServer } from '../modules/wsgi/settings.js'
import type { GroupName } from './group-name.js'
import type { DaemonGroup } from './groups.js'

/** Every daemon process group of the site, in file order. */
export function daemonGroups(site: Site): readonly DaemonGroup[] {
  return site.main.settings.get(wsgiMain).daemonGroups
}

/** Why a group cannot be used from a server; the text is for the error log. */
export function refusal(site: Site, server: ServerConfig, name: string): string | undefined {
  const group = daemonGroups(site).find((daemon) => daemon.name === name)
  if (group === undefined) return `No WSGI daemon process called '${name}' has been configured`
  if (isVisible(site, server, group)) return undefined
  return `Daemon process called '${name}' cannot be accessed by this WSGI application as it belongs to another virtual host (line ${group.at.line} of ${group.at.file})`
}

/** A group of the main server is for everybody; one of a virtual host for that host and for hosts of the same `ServerName`. */
export function isVisible(site: Site, server: ServerConfig, group: DaemonGroup): boolean {
  if (group.serverIndex === 0 || group.serverIndex === server.index) return true
  const owner = serverOf(site, group.serverIndex)?.settings.get(coreServer).serverName
  return (
    server.isVirtual && owner !== undefined && owner.key === server.settings.get(coreServer).serverName?.key
  )
}

export function serverOf(site: Site, index: number): ServerConfig | undefined {
  return index === 0 ? site.main : site.virtualHosts.find((host) => host.index === index)
}

/** What the finished site shows and no single line could: groups that cannot be reached, aliases that nothing reaches. */
export function checkSite(site: Site, warn: (warning: ConfigWarning) => void): void {
  const { imports } = site.main.settings.get(wsgiMain)
  for (const script of imports) {
    if (script.processGroup.kind !== 'literal' || script.processGroup.name === '') continue
    const name = script.processGroup.name
    const group = daemonGroups(site).find((daemon) => daemon.name === name)
    const server = serverOf(site, script.serverIndex)
    if (group && server && !isVisible(site, server, group)) {
      throw new ConfigError(
        script.at,
        `WSGI process group not accessible.\n'${name}' belongs to the virtual host on line ${group.at.line} of ${group.at.file}.`,
      )
    }
  }
  const inherited = new Set(site.main.settings.get(wsgiServer).aliases)
  const hidden = new Set<ScriptAlias>()
  for (const server of [site.main, ...site.virtualHosts]) {
    warnOfUnknownGroup(site, server, server.dir.peek(wsgiDir)?.processGroup, server, warn)
    for (const section of [...server.sections.directory, ...server.sections.location]) {
      warnOfUnknownGroup(site, server, section.settings.peek(wsgiDir)?.processGroup, section, warn)
    }
    for (const alias of server.settings.get(wsgiServer).aliases) {
      if (server.isVirtual && inherited.has(alias)) continue
      warnOfUnknownGroup(site, server, alias.processGroup, alias, warn, 'WSGIScriptAlias process-group=')
    }
    warnOfHiddenAliases(server, hidden, warn)
  }
}

function warnOfUnknownGroup(
  site: Site,
  server: ServerConfig,
  group: GroupName | undefined,
  place: { readonly at: ServerConfig['at'] },
  warn: (warning: ConfigWarning) => void,
  namedBy = 'WSGIProcessGroup ',
): void {
  if (group?.kind !== 'literal' || group.name === '') return
  const why = refusal(site, server, group.name)
  if (why) warn({ at: place.at, message: `${namedBy}${group.name}: requests will get 500. ${why}.` })
}

/**
 * The first alias that matches wins, so one after a shorter prefix of itself is never reached.
 * @param told those that another server has been warned of: virtual hosts inherit the main server's
 */
function warnOfHiddenAliases(
  server: ServerConfig,
  told: Set<ScriptAlias>,
  warn: (warning: ConfigWarning) => void,
): void {
  const seen: string[] = []
  for (const alias of server.settings.get(wsgiServer).aliases) {
    const { url } = alias
    if (url === undefined) continue
    const hider = seen.find(
      (earlier) => url === earlier || url.startsWith(earlier.endsWith('/') ? earlier : `${earlier}/`),
    )
    if (hider !== undefined && !told.has(alias)) {
      told.add(alias)
      warn({
        at: alias.at,
        message: `WSGIScriptAlias ${url} is never reached: ${hider} stands before it. Put the longer path first.`,
      })
    }
    seen.push(url)
  }
}
