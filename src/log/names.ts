/**
 * Names of servers as the logs print them. What `ServerName` and `UseCanonicalName` say is the core module's knowledge, which the logs must not
 * import; it is handed down here.
 */
import type { ServerConfig, Site } from '../config/site.js'
import type { Request } from '../request/request.js'

export interface ServerNames {
  /** `%v`: the host part of the server's `ServerName`. */
  serverName(server: ServerConfig): string
  /** `%V`: the name that self-referential URLs have under `UseCanonicalName`. */
  canonicalName(request: Request): string
  /** `%p`: the port of the server's `ServerName`, whatever the client wrote and `UseCanonicalName` says. */
  serverPort(request: Request): number
}

/** The names of sites whose configuration has been applied. mod_log_config puts them there in its check of the finished site. */
export const namesOfSites = new WeakMap<Site, ServerNames>()

/** For servers without such knowledge (tests, a log before the configuration is applied): what the request itself says. */
export const namesOfRequest: ServerNames = {
  serverName: () => '',
  canonicalName: (request) => request.hostname || request.connection.localAddress,
  serverPort: (request) => request.connection.localPort,
}
