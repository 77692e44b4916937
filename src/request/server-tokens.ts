/**
 * What this server calls itself: the `Server` header, SERVER_SOFTWARE and the signature of error pages, as `ServerTokens` allows.
 * Manual: https://httpd.apache.org/docs/2.4/mod/core.html#servertokens
 */
import { platform } from 'node:os'
import type { ServerConfig } from '../config/site.js'
import { coreGlobal, type ServerTokens } from '../modules/core/settings.js'
import { VERSION } from '../system/package-root.js'

const SYSTEM: Readonly<Record<string, string>> = { linux: 'Linux', darwin: 'Darwin', freebsd: 'FreeBSD' }

/** The text for one value of `ServerTokens`. Pure but for what it is told about this package and system. */
export function productText(
  tokens: ServerTokens,
  release = VERSION,
  system = SYSTEM[platform()] ?? platform(),
): string {
  const [major, minor] = release.split('.')
  switch (tokens) {
    case 'Prod':
      return 'wsgi-httpd'
    case 'Major':
      return `wsgi-httpd/${major}`
    case 'Minor':
      return `wsgi-httpd/${major}.${minor}`
    case 'Min':
      return `wsgi-httpd/${release}`
    case 'OS':
    case 'Full':
      return `wsgi-httpd/${release} (${system})`
  }
}

/** The text for the server that serves a request. `ServerTokens` stands in the main server; virtual hosts inherit it. */
export function serverBanner(server: ServerConfig): string {
  return BANNERS[server.settings.get(coreGlobal).serverTokens]
}

const BANNERS: Readonly<Record<ServerTokens, string>> = {
  Prod: productText('Prod'),
  Major: productText('Major'),
  Minor: productText('Minor'),
  Min: productText('Min'),
  OS: productText('OS'),
  Full: productText('Full'),
}
