/**
 * This server's own name and port as one request sees them, and URLs made of them: `Location` of redirects, `SERVER_NAME`, error pages.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/core.html#usecanonicalname
 */

import type { Request } from '../request/request.js'
import type { CoreDir, CoreServer } from './core/settings.js'
import { coreDir, coreServer } from './core/settings.js'

/** What the rules below look at. */
export interface SelfFacts {
  readonly canonical: CoreDir['useCanonicalName']
  readonly physicalPort: boolean
  readonly serverName: CoreServer['serverName']
  readonly serverPort: CoreServer['serverPort']
  /** Host and port the client asked for; empty and 0 where it named none. */
  readonly hostname: string
  readonly hostPort: number
  readonly localAddress: string
  readonly localPort: number
  readonly secure: boolean
}

export interface SelfName {
  readonly scheme: 'http' | 'https'
  /** IPv6 addresses in brackets. */
  readonly host: string
  readonly port: number
}

const DEFAULT_PORT = { http: 80, https: 443 } as const

/** The name, scheme and port to use. Pure. */
export function selfName(facts: SelfFacts): SelfName {
  const { serverName, serverPort } = facts
  const scheme = serverName?.scheme ?? (facts.secure ? 'https' : 'http')
  const byClient = facts.canonical !== 'On'
  const host = (byClient && facts.hostname) || serverName?.host || facts.localAddress
  const physical = facts.physicalPort ? facts.localPort : 0
  const port = byClient ? facts.hostPort || physical || serverPort : serverPort || physical
  return {
    scheme,
    host: host.includes(':') && !host.startsWith('[') ? `[${host}]` : host,
    port: port || DEFAULT_PORT[scheme],
  }
}

/** `scheme://host[:port]` of this request's server; the scheme's own port is left out. */
export function selfOrigin(request: Request): string {
  const { scheme, host, port } = selfNameOf(request)
  return port === DEFAULT_PORT[scheme] ? `${scheme}://${host}` : `${scheme}://${host}:${port}`
}

export function selfNameOf(request: Request): SelfName {
  const dir = request.dir.get(coreDir)
  const { serverName, serverPort } = request.server.settings.get(coreServer)
  return selfName({
    canonical: dir.useCanonicalName,
    physicalPort: dir.useCanonicalPhysicalPort,
    serverName,
    serverPort,
    hostname: request.hostname,
    hostPort: request.hostPort,
    localAddress: request.connection.localAddress,
    localPort: request.connection.localPort,
    secure: request.connection.secure,
  })
}
