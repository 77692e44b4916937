/**
 * The table from file extension to media type: `TypesConfig`, else `conf/mime.types` under `ServerRoot`, else the table of the mime-types
 * package, so that files have types on machines without such a file.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_mime.html#typesconfig
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { directive, take1 } from '../config/directive.js'
import { pathBytes } from '../config/files.js'
import { settingsKey } from '../config/settings.js'
import type { ServerConfig, Site } from '../config/site.js'
import { lazily } from '../system/lazily.js'
import { builtInTypes } from './built-in-types.js'

/** Media types by extension: lower case, without a dot. */
export type TypeTable = ReadonlyMap<string, string>

/** Of the main server; virtual hosts inherit it. undefined: the built-in table. */
const mimeServer = settingsKey<{ readonly types: TypeTable | undefined }>('mime server', { types: undefined })

const builtIn = lazily((): TypeTable => new Map(Object.entries(builtInTypes())))

/** Lines of `type extension extension…`; `#` at the start of a line makes it a comment. */
export function parseTypes(text: string): TypeTable {
  const table = new Map<string, string>()
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    const [type, ...extensions] = line.split(/\s+/).filter((word) => word !== '')
    for (const extension of extensions) table.set(extension.toLowerCase(), type as string)
  }
  return table
}

export const typesDirective = directive({
  name: 'TypesConfig',
  syntax: 'file-path',
  contexts: ['server'],
  default: 'conf/mime.types',
  help: 'the MIME types config file',
  ...take1((cmd, path) => {
    try {
      cmd.main.draft(mimeServer).types = parseTypes(readFileSync(pathBytes(cmd.resolve(path)), 'latin1'))
    } catch (error) {
      // httpd would not start; a configuration brought from another machine should.
      cmd.main.draft(mimeServer).types = builtIn()
      cmd.warn(
        `could not open mime types config file ${cmd.resolve(path)} (${(error as NodeJS.ErrnoException).code}); the built-in table of types is used.`,
        'AH01597',
      )
    }
  }),
})

export function typesOf(server: ServerConfig): TypeTable {
  return server.settings.get(mimeServer).types ?? builtIn()
}

/** Takes `conf/mime.types` where it exists and no `TypesConfig` was given. Called once, when the configuration has been read. */
export function readTypes(site: Site): void {
  if (site.main.settings.peek(mimeServer)?.types !== undefined) return
  const path = pathBytes(join(site.serverRoot, 'conf', 'mime.types'))
  if (!existsSync(path)) return
  const types = parseTypes(readFileSync(path, 'latin1'))
  for (const server of [site.main, ...site.virtualHosts]) server.settings.draft(mimeServer).types = types
}
