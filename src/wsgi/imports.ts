/**
 * Scripts that a process loads before it takes requests: `WSGIImportScript`, and aliases that name both groups (release 3.0, change 2 and
 * feature 2). Pure.
 */
import type { Site } from '../config/site.js'
import { textOf } from '../config/text.js'
import { coreServer } from '../modules/core/settings.js'
import { type ImportScript, wsgiMain } from '../modules/wsgi/settings.js'
import type { RuntimeImport } from '../python/control.js'
import { serverOf } from './visibility.js'

/** What the processes of a group load at their start, in the order of the configuration; `''` for embedded interpreters. */
export function importsOf(site: Site, processGroup: string): RuntimeImport[] {
  return site.main.settings
    .get(wsgiMain)
    .imports.filter(({ processGroup: group }) => group.kind === 'literal' && group.name === processGroup)
    .map((entry) => ({ script: textOf(entry.script), application_group: applicationGroupOf(site, entry) }))
}

function applicationGroupOf(site: Site, { applicationGroup, serverIndex }: ImportScript): string {
  switch (applicationGroup.kind) {
    case 'literal':
      return applicationGroup.name
    case 'server': {
      const server = serverOf(site, serverIndex)?.settings.get(coreServer)
      const port = server?.serverPort ?? 0
      return (server?.serverName?.host ?? '') + (port === 0 || port === 80 || port === 443 ? '' : `:${port}`)
    }
    // No request, nothing to expand from: the words themselves are the name, as in mod_wsgi.
    case 'resource':
      return '%{RESOURCE}'
    case 'host':
      return '%{HOST}'
    case 'environment':
      return applicationGroup.text
  }
}
