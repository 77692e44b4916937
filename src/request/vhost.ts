/**
 * Which virtual host serves a request: first by the connection's local address, then by the name asked for. Everything that depends on the
 * configuration alone is compiled here once. Pure.
 * Manual: https://httpd.apache.org/docs/2.4/vhosts/details.html
 */
import { isIPv6 } from 'node:net'
import { fnmatch } from '../config/fnmatch.js'
import type { ServerConfig, Site } from '../config/site.js'
import { canonicalAddress } from '../modules/core/listen.js'
import { coreServer } from '../modules/core/settings.js'

/** `Host` values remembered per address, at least, and as many for each name of a host; clients may send any number of others. */
const REMEMBERED_NAMES = 512
const REMEMBERED_PER_NAME = 2

/** What a `Host` value means on one address. */
export interface HostChoice {
  readonly server: ServerConfig
  /** Lower case, without port and final dot; empty where none was given. IPv6 in brackets. */
  readonly hostname: string
  /** 0 where none was written. */
  readonly port: number
  /** False: no virtual host has that name, the first one of the address serves it. */
  readonly named: boolean
}

/** The virtual hosts of one address. */
export class HostGroup {
  readonly #exact = new Map<string, number>()
  /** In file order. */
  readonly #wildcards: { readonly pattern: RegExp; readonly index: number }[] = []
  readonly #paths: { readonly path: string; readonly server: ServerConfig }[] = []
  readonly #choices = new Map<string, HostChoice>()
  readonly #noName: HostChoice

  /** @param servers in file order; the first is the default. */
  constructor(readonly servers: readonly ServerConfig[]) {
    servers.forEach((server, index) => {
      const { serverName, serverAliases, serverPath } = server.settings.get(coreServer)
      if (serverName !== undefined) this.#addName(serverName.key, index)
      for (const alias of serverAliases)
        if (/[*?]/.test(alias)) this.#wildcards.push({ pattern: fnmatch(alias.toLowerCase()), index })
        else this.#addName(alias.toLowerCase().replace(/\.$/, ''), index)
      if (serverPath !== undefined) this.#paths.push({ path: serverPath, server })
    })
    this.#noName = { server: servers[0] as ServerConfig, hostname: '', port: 0, named: true }
  }

  #addName(name: string, index: number): void {
    if (!this.#exact.has(name)) this.#exact.set(name, index)
  }

  /** @param host the value of `Host`; undefined: it may not be answered (400). */
  choose(host: string): HostChoice | undefined {
    const known = this.#choices.get(host)
    if (known !== undefined) return known
    const parsed = parseHost(host)
    if (parsed === undefined) return undefined
    const index = this.#indexOf(parsed.hostname)
    const choice = { ...parsed, server: this.servers[index ?? 0] as ServerConfig, named: index !== undefined }
    if (this.#choices.size >= REMEMBERED_NAMES + REMEMBERED_PER_NAME * this.#exact.size) this.#choices.clear()
    this.#choices.set(host, choice)
    return choice
  }

  /** For requests that name no host: by `ServerPath`, else the default. */
  chooseByPath(path: string): HostChoice {
    for (const { path: prefix, server } of this.#paths)
      if (path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/'))
        return { ...this.#noName, server }
    return this.#noName
  }

  /** The first host in file order that has the name, be it exactly or by wildcard. */
  #indexOf(name: string): number | undefined {
    const exact = this.#exact.get(name)
    for (const { pattern, index } of this.#wildcards) {
      if (exact !== undefined && exact <= index) break
      if (pattern.test(name)) return index
    }
    return exact
  }
}

/** Local addresses that are remembered; a machine has few. */
const KNOWN_MAX = 256

/** Finds the group of hosts for a local address. */
export class VhostTable {
  readonly #groups = new Map<string, HostGroup>()
  /** By local address as the kernel says it. */
  readonly #known = new Map<string, HostGroup>()
  readonly #main: HostGroup
  /** What was asked last: most connections come to one address. */
  #last: { readonly address: string; readonly port: number; readonly group: HostGroup }

  constructor(site: Site) {
    const members = new Map<string, ServerConfig[]>()
    for (const server of site.virtualHosts)
      for (const { host, port } of server.addresses) {
        const key = keyOf(host, port)
        const servers = members.get(key)
        if (servers === undefined) members.set(key, [server])
        else if (!servers.includes(server)) servers.push(server)
      }
    for (const [key, servers] of members) this.#groups.set(key, new HostGroup(servers))
    this.#main = new HostGroup([site.main])
    this.#last = { address: '', port: 0, group: this.#find('', 0) }
  }

  /** The one best group for that address: `ip:port`, `ip:*`, `*:port`, `*:*`, else the main server alone. */
  group(localAddress: string, localPort: number): HostGroup {
    const { address, port, group } = this.#last
    if (address === localAddress && port === localPort) return group
    const found = this.#remembered(localAddress, localPort)
    this.#last = { address: localAddress, port: localPort, group: found }
    return found
  }

  #remembered(localAddress: string, localPort: number): HostGroup {
    const key = keyOf(localAddress, localPort)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const group = this.#find(localAddress, localPort)
    if (this.#known.size >= KNOWN_MAX) this.#known.clear()
    this.#known.set(key, group)
    return group
  }

  #find(localAddress: string, localPort: number): HostGroup {
    const address = canonicalAddress(localAddress)
    return (
      this.#groups.get(keyOf(address, localPort)) ??
      this.#groups.get(keyOf(address, 0)) ??
      this.#groups.get(keyOf('*', localPort)) ??
      this.#groups.get(keyOf('*', 0)) ??
      this.#main
    )
  }
}

function keyOf(host: string, port: number): string {
  return `${host} ${port}`
}

/** Takes a `Host` value apart by httpd's strict rules; undefined where it breaks them. */
export function parseHost(value: string): { hostname: string; port: number } | undefined {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?$/.exec(value)
  if (match === null) return undefined
  const port = match[2] === undefined ? 0 : Number(match[2])
  if (match[2] !== undefined && (port < 1 || port > 65535)) return undefined
  const host = (match[1] as string).toLowerCase()
  if (host.startsWith('[')) return isIPv6(host.slice(1, -1)) ? { hostname: host, port } : undefined
  const hostname = host.endsWith('.') ? host.slice(0, -1) : host
  return isHostName(hostname) ? { hostname, port } : undefined
}

/** No empty labels; digits and dots alone only as an IPv4 address; a top-level name begins with a letter (RFC 1123 section 2.1). */
function isHostName(name: string): boolean {
  if (name === '' || name.startsWith('.') || name.includes('..')) return false
  if (!/[^0-9.]/.test(name)) return /^(?:(?:0|[1-9]\d*)\.){3}(?:0|[1-9]\d*)$/.test(name)
  const dot = name.lastIndexOf('.')
  return dot < 0 || /[a-z]/.test(name[dot + 1] as string)
}

/**
 * An absolute-form target taken apart; undefined where it is none.
 * @returns `isOurs`: HTTP, and nobody's name before the host, which is how people are deceived (RFC 9110 section 4.2.4).
 */
export function parseAbsoluteTarget(
  target: string,
): { scheme: string; authority: string; rest: string; isOurs: boolean } | undefined {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)(.*)$/.exec(target)
  if (match === null) return undefined
  const scheme = (match[1] as string).toLowerCase()
  const authority = match[2] as string
  const rest = match[3] as string
  return {
    scheme,
    authority,
    rest: rest.startsWith('/') ? rest : `/${rest}`,
    isOurs: /^https?$/.test(scheme) && !authority.includes('@'),
  }
}
