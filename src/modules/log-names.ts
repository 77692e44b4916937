/**
 * Names of servers for the logs (`%v`, `%V`, `%p`): what `ServerName` and `UseCanonicalName` make of them.
 * https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats
 */
import { hostname } from 'node:os'
import type { ServerConfig, Site } from '../config/site.js'
import type { ServerNames } from '../log/names.js'
import { coreServer } from './core/settings.js'
import { selfNameOf } from './self-url.js'

/** For the logs of that site. */
export function logNames(site: Site): ServerNames {
  const mainName = site.main.settings.get(coreServer).serverName
  const ports = new Map<ServerConfig, number>()
  for (const server of [site.main, ...site.virtualHosts]) {
    const { serverName } = server.settings.get(coreServer)
    // A virtual host that inherits the main server's name does not inherit its port: it has that of its own address.
    const inherited = server.isVirtual && serverName === mainName
    ports.set(server, (inherited ? server.addresses[0]?.port : serverName?.port) ?? 0)
  }
  return {
    serverName: (server) => server.settings.get(coreServer).serverName?.host ?? hostname(),
    canonicalName: (request) => selfNameOf(request).host,
    serverPort: (request) => ports.get(request.server) || (request.connection.secure ? 443 : 80),
  }
}
