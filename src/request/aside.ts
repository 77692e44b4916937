/**
 * Requests that `MaxRequestWorkers` does not hold up: those for a `<Location>` whose handler answers at once from what the server knows. Who asks whether a
 * server is overloaded is not to wait with the others. Pure.
 */
import type { ServerConfig, Site } from '../config/site.js'
import { coreDir } from '../modules/core/settings.js'

const HANDLERS: ReadonlySet<string | undefined> = new Set(['server-live', 'server-ready', 'server-metrics'])

/** Their URL paths, by server; empty where no server has any. Sections with wildcards or regular expressions do not count. */
export type AsidePaths = ReadonlyMap<ServerConfig, ReadonlySet<string>>

export function asidePaths(site: Site): AsidePaths {
  const paths = new Map<ServerConfig, ReadonlySet<string>>()
  for (const server of [site.main, ...site.virtualHosts]) {
    const own = server.sections.location.flatMap(({ path, settings }) =>
      path !== undefined && HANDLERS.has(settings.peek(coreDir)?.handler) ? path : [],
    )
    if (own.length > 0) paths.set(server, new Set(own))
  }
  return paths
}

/** @param path as the client sent it, without its query */
export function isAside(paths: AsidePaths, server: ServerConfig, method: string, path: string): boolean {
  return (method === 'GET' || method === 'HEAD') && paths.get(server)?.has(path) === true
}
