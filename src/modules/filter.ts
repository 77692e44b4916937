/**
 * mod_filter: which output filters a response gets, by its place (`SetOutputFilter`) and by its media type. A response runs through at most one:
 * the first of those named that takes it on, as two compressions exclude one another.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_filter.html
 */
import { type Command, directive, iterate2 } from '../config/directive.js'
import type { ChooseFilter, OutputFilter } from '../request/output-filter.js'
import { coreDir } from './core/settings.js'
import { filterDir, hasOutputFilters } from './filter/settings.js'
import type { HttpdModule } from './module.js'

/** The output filters that there are; a name that is none of them is told to the operator. */
const KNOWN: ReadonlySet<string> = new Set(['DEFLATE', 'BROTLI_COMPRESS'])

/** Splits `A;B`, and says which of them do not exist. */
export function filterNames(cmd: Command, words: string): readonly string[] {
  if (words.toUpperCase() === 'NONE') return []
  const names = words.toUpperCase().split(';').filter(Boolean)
  for (const name of names)
    if (!KNOWN.has(name))
      cmd.warn(
        `${cmd.name} ${name}: there is no such filter here; it has no effect. There are ${[...KNOWN].join(' and ')}.`,
      )
  return names
}

/** Finds the filter of a response among those of the modules. */
export function chooserOf(filters: readonly OutputFilter[]): ChooseFilter {
  const byName = new Map(filters.map((filter) => [filter.name, filter]))
  return (request, length) => {
    if (!hasOutputFilters(request)) return undefined
    const always = request.dir.get(coreDir).outputFilters
    const { outputByType } = request.dir.get(filterDir)
    const type = (request.headersOut.get('Content-Type') ?? request.contentType ?? '').split(
      ';',
      1,
    )[0] as string
    for (const name of [...always, ...(outputByType.get(type.trim().toLowerCase()) ?? [])]) {
      const transform = byName.get(name)?.begin(request, length)
      if (transform !== undefined) return transform
    }
    return undefined
  }
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
      ...iterate2((cmd, words, types) => {
        const names = filterNames(cmd, words)
        const draft = cmd.dir.draft(filterDir)
        const byType = new Map(draft.outputByType)
        for (const type of types) {
          const before = byType.get(type.toLowerCase()) ?? []
          byType.set(type.toLowerCase(), [...before, ...names])
        }
        draft.outputByType = byType
      }),
    }),
  ],
} satisfies HttpdModule
