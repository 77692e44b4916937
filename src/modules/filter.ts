/**
 * mod_filter: which output filters a response gets by its media type. Responses are not filtered yet: what stands here is kept for when they
 * are, and a warning says so.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_filter.html
 */
import { type Command, directive, iterate2 } from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import type { HttpdModule } from './module.js'

interface FilterDir {
  /** Names of filters, upper case, by media type: lower case, without parameters. */
  readonly outputByType: ReadonlyMap<string, readonly string[]>
}

export const filterDir = settingsKey<FilterDir>('filter', { outputByType: new Map() }, (base, added) => ({
  outputByType: new Map([...(base.outputByType ?? []), ...(added.outputByType ?? [])]),
}))

/** Whether the operator has been told, so that he is told once. */
const told = settingsKey<{ readonly noFilters: boolean }>('filter warning', { noFilters: false })

export const NO_FILTERS = 'responses are not compressed or filtered yet; they are sent as they are'

/** One warning for all directives that ask for filters. */
export function warnOfFilters(cmd: Command): void {
  if (cmd.main.get(told).noFilters) return
  cmd.main.draft(told).noFilters = true
  cmd.warn(`${cmd.name} has no effect: ${NO_FILTERS}.`)
}

export const filter = {
  id: 'filter_module',
  source: 'mod_filter.c',
  directives: [
    directive({
      name: 'AddOutputFilterByType',
      syntax: 'filter[;filter...] media-type [media-type] ...',
      contexts: ['server', 'vhost', 'directory', 'htaccess'],
      override: 'FileInfo',
      help: 'output filter name followed by one or more content-types',
      accepted: NO_FILTERS,
      ...iterate2((cmd, names, types) => {
        warnOfFilters(cmd)
        const draft = cmd.dir.draft(filterDir)
        const byType = new Map(draft.outputByType)
        for (const type of types) {
          const before = byType.get(type.toLowerCase()) ?? []
          byType.set(type.toLowerCase(), [...before, ...names.toUpperCase().split(';')])
        }
        draft.outputByType = byType
      }),
    }),
  ],
} satisfies HttpdModule
