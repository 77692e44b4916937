/**
 * core and http_core: the directives that every configuration has. What they set is in core/settings.ts; who reads it is in src/request/
 * (hosts, paths, walks, responses) and src/server/ (ports, processes).
 * Manual: https://httpd.apache.org/docs/2.4/mod/core.html
 */
import { statSync } from 'node:fs'
import { ConfigError } from '../config/errors.js'
import { pathBytes } from '../config/files.js'
import type { Site } from '../config/site.js'
import { acceptedDirectives } from './core/accepted.js'
import { connectionDirectives, httpDirectives } from './core/connection.js'
import { errorDocumentDirectives } from './core/error-document.js'
import { fileDirectives } from './core/files.js'
import { loggingDirectives } from './core/logging.js'
import { optionDirectives } from './core/options.js'
import { sectionDirectives } from './core/sections.js'
import { serverNameDirectives } from './core/server-name.js'
import { coreServer } from './core/settings.js'
import type { HttpdModule } from './module.js'

/** `DocumentRoot` must be a directory in the main server; in a virtual host a missing one is only worth a warning. */
function checkDocumentRoots(site: Site, warn: Parameters<NonNullable<HttpdModule['check']>>[1]): void {
  if (site.anyDocumentRoot) return
  for (const server of [site.main, ...site.virtualHosts]) {
    const { documentRoot, documentRootAt } = server.settings.get(coreServer)
    if (documentRootAt === undefined || isDirectory(documentRoot)) continue
    if (!server.isVirtual)
      throw new ConfigError(
        documentRootAt,
        `DocumentRoot '${documentRoot}' is not a directory, or is not readable`,
      )
    if (documentRootAt !== site.main.settings.get(coreServer).documentRootAt)
      warn({
        at: documentRootAt,
        code: 'AH00112',
        message: `Warning: DocumentRoot [${documentRoot}] does not exist`,
      })
  }
}

function isDirectory(path: string): boolean {
  return statSync(pathBytes(path), { throwIfNoEntry: false })?.isDirectory() ?? false
}

export const core = {
  id: 'core_module',
  source: 'core.c',
  directives: [
    ...serverNameDirectives,
    ...connectionDirectives,
    ...fileDirectives,
    ...optionDirectives,
    ...errorDocumentDirectives,
    ...sectionDirectives,
    ...loggingDirectives,
    ...acceptedDirectives,
  ],
  check: checkDocumentRoots,
} satisfies HttpdModule

export const http = {
  id: 'http_module',
  source: 'http_core.c',
  directives: httpDirectives,
} satisfies HttpdModule
