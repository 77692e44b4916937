/**
 * Names of servers for the logs (`%v`, `%V`, `%p`): what `ServerName` and `UseCanonicalName` make of them.
 * https://httpd.apache.org/docs/2.4/mod/mod_log_config.html#formats
 */
import { hostname } from 'node:os'
import type { ServerNames } from '../log/names.js'
import { coreServer } from './core/settings.js'
import { selfNameOf } from './self-url.js'

export const logNames: ServerNames = {
  serverName: (server) => server.settings.get(coreServer).serverName?.host ?? hostname(),
  canonicalName: (request) => selfNameOf(request).host,
  serverPort: (request) =>
    request.server.settings.get(coreServer).serverPort || (request.connection.secure ? 443 : 80),
}
