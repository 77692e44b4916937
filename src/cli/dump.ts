/**
 * What the listing flags print, in httpd's layouts, which scripts read: `-l`, `-L`, `-M`, `-S` and `-D DUMP_…`. Pure but for the host's own name.
 * @see https://httpd.apache.org/docs/2.4/programs/httpd.html
 */
import { hostname } from 'node:os'
import path from 'node:path'
import type { Context, Directive, SectionDirective } from '../config/directive.js'
import { sourceName } from '../config/position.js'
import type { ServerConfig, Site, VhostAddress } from '../config/site.js'
import type { ConfigTree, IncludedFile } from '../config/tree.js'
import { errorLogKey } from '../log/settings.js'
import { coreGlobal, coreServer } from '../modules/core/settings.js'
import type { HttpdModule } from '../modules/module.js'
import { unixdSettings } from '../modules/unixd.js'

/** Modules as users know them; some have their hooks in two parts, of which the second has no name of its own. */
export function namedModules(modules: readonly HttpdModule[]): readonly HttpdModule[] {
  return modules.filter(({ id }) => /^\w+$/.test(id))
}

/** `-l`. */
export function builtInText(modules: readonly HttpdModule[]): string {
  return lines('Compiled in modules:', ...namedModules(modules).map(({ source }) => `  ${source}`))
}

/** `-M`: everything is built in. */
export function modulesText(modules: readonly HttpdModule[]): string {
  return lines('Loaded Modules:', ...namedModules(modules).map(({ id }) => ` ${id} (static)`))
}

/** `-L`: each directive with its module, its help, and where it may stand. */
export function directivesText(modules: readonly HttpdModule[]): string {
  return lines(
    ...modules.flatMap(({ source, directives }) =>
      directives.flatMap((directive) => [
        `${directive.name} (${source})`,
        `\t${directive.help}`,
        ...placesOf(directive).map((line) => `\t${line}`),
      ]),
    ),
  )
}

function placesOf({ contexts, override }: Directive | SectionDirective): string[] {
  const has = (context: Context): boolean => contexts.includes(context)
  const outside = has('server') || has('vhost')
  const where =
    outside === has('directory')
      ? 'anywhere'
      : `only ${outside ? 'outside' : 'inside'} <Directory>, <Files>, <Location>, or <If>`
  if (!has('htaccess')) return [`Allowed in *.conf ${where}`]
  const needed = override === undefined || override === 'All' ? "isn't None" : `includes ${override}`
  return [`Allowed in *.conf ${where} and in .htaccess`, `when AllowOverride ${needed}`]
}

/** `-D DUMP_INCLUDES`: which file was read because of which line. */
export function includesText(tree: ConfigTree): string {
  const list = (files: readonly IncludedFile[], depth: number): string[] =>
    files.flatMap(({ file, line, includes }) => [
      `${'  '.repeat(depth)}(${line === 0 ? '*' : line}) ${file}`,
      ...list(includes, depth + 1),
    ])
  return lines('Included configuration files:', ...list(tree.includes, 1))
}

/** `-D DUMP_VHOSTS`, the first half of `-S`: which virtual hosts answer on which address. */
export function virtualHostsText(site: Site): string {
  const groups = new Map<string, ServerConfig[]>()
  for (const host of site.virtualHosts) {
    for (const address of new Set(host.addresses.map(addressText)))
      groups.set(address, [...(groups.get(address) ?? []), host])
  }
  // addresses of their own come first, as they are tried first
  const ordered = [...groups].sort(([a], [b]) => Number(a.startsWith('*')) - Number(b.startsWith('*')))
  return lines(
    'VirtualHost configuration:',
    ...ordered.flatMap(([address, hosts]) => groupLines(address, hosts)),
  )
}

function addressText({ host, port }: VhostAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port === 0 ? '*' : port}`
}

function groupLines(address: string, hosts: readonly ServerConfig[]): string[] {
  const [first, ...others] = hosts as [ServerConfig, ...ServerConfig[]]
  // httpd leaves its aliases out here
  if (others.length === 0) return [`${address.padEnd(22)} ${titleOf(first)}`]
  const port = address.slice(address.lastIndexOf(':') + 1)
  return [
    `${address.padEnd(22)} is a NameVirtualHost`,
    `         default server ${titleOf(first)}`,
    ...hosts.flatMap((host) => [
      `         port ${port} namevhost ${titleOf(host)}`,
      ...host.settings
        .get(coreServer)
        .serverAliases.map((alias) => `                 ${/[*?]/.test(alias) ? 'wild ' : ''}alias ${alias}`),
    ]),
  ]
}

/** `name (file:line)`. */
function titleOf({ settings, at }: ServerConfig): string {
  return `${settings.get(coreServer).serverName?.host ?? hostname()} (${sourceName(at)}:${at.line})`
}

/** `-D DUMP_RUN_CFG`, the second half of `-S`. */
export function runSettingsText(site: Site): string {
  const { settings } = site.main
  const { user, group } = settings.get(unixdSettings)
  const { documentRoot } = settings.get(coreServer)
  const { mutex, pidFile } = settings.get(coreGlobal)
  const under = (name: string): string => path.posix.resolve(site.serverRoot, name)
  const { text: log } = settings.get(errorLogKey).errorLog
  return lines(
    `ServerRoot: "${site.serverRoot}"`,
    `Main DocumentRoot: "${documentRoot}"`,
    `Main ErrorLog: "${/^(\||syslog)/.test(log) ? log : under(log)}"`,
    ...mutex.map((words) => `Mutex ${words}`),
    `PidFile: "${pidFile ?? under('logs/httpd.pid')}"`,
    ...Object.entries(site.defines).map(
      ([name, value]) => `Define: ${name}${value === '' ? '' : `=${value}`}`,
    ),
    ...(user === undefined ? [] : [`User: name="${user.name}" id=${user.id}`]),
    ...(group === undefined ? [] : [`Group: name="${group.name}" id=${group.id}`]),
  )
}

/** All that the `DUMP_…` names among `-D` ask for. */
export function dumpText(
  defines: readonly string[],
  { tree, site }: { readonly tree: ConfigTree; readonly site: Site },
  modules: readonly HttpdModule[],
): string {
  const parts: readonly [string, () => string][] = [
    ['DUMP_INCLUDES', () => includesText(tree)],
    ['DUMP_MODULES', () => modulesText(modules)],
    ['DUMP_VHOSTS', () => virtualHostsText(site)],
    ['DUMP_RUN_CFG', () => runSettingsText(site)],
  ]
  return parts.map(([name, text]) => (defines.includes(name) ? text() : '')).join('')
}

function lines(...all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('')
}
