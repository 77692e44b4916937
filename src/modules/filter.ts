/**
 * mod_filter: which output filters a response gets, by its place (`SetOutputFilter`), the extensions of the file
 * (`AddOutputFilter`, in mime.ts) and its media type. A response runs through at most one:
 * the first of those named that takes it on, as two compressions exclude one another.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_filter.html
 */
import { type Command, directive, iterate2 } from '../config/directive.js'
import type { ChooseFilter, OutputFilter } from '../request/output-filter.js'
import type { Request } from '../request/request.js'
import { coreDir, hasOption, OPTION } from './core/settings.js'
import { filterDir, hasOutputFilters } from './filter/settings.js'
import type { HttpdModule } from './module.js'

/** The output filters that there are; a name that is none of them is told to the operator. */
const KNOWN: ReadonlySet<string> = new Set(['DEFLATE', 'BROTLI_COMPRESS'])

/** Server-side includes are not run; what has some is not shown either (src/request/static-file.ts). */
const INCLUDES = 'INCLUDES'

/** Splits `A;B`, and says which of them do not exist. */
export function filterNames(cmd: Command, words: string): readonly string[] {
  if (words.toUpperCase() === 'NONE') return []
  const names = words.toUpperCase().split(';').filter(Boolean)
  for (const name of names)
    if (name === INCLUDES) cmd.note(`${cmd.name} ${name}: ${NO_INCLUDES}`)
    else if (!KNOWN.has(name))
      cmd.warn(
        `${cmd.name} ${name}: there is no such filter here; it has no effect. There are ${[...KNOWN].join(' and ')}.`,
      )
  return names
}

/** For notes about directives that ask for server-side includes. */
export const NO_INCLUDES =
  'server-side includes are not run here; files that have some are answered with 500, the others are sent as they are'

/** Whether httpd would run server-side includes in what the request leads to. */
export function wantsIncludes(request: Request): boolean {
  const core = request.dir.get(coreDir)
  return hasOption(core, OPTION.Includes) && namesFor(request).includes(INCLUDES)
}

/** The filters of a response in the order in which they are named: for its place, its extensions, its type. */
function namesFor(request: Request): readonly string[] {
  const { outputByType } = request.dir.get(filterDir)
  const type = (request.headersOut.get('Content-Type') ?? request.contentType ?? '').split(
    ';',
    1,
  )[0] as string
  return [
    ...request.dir.get(coreDir).outputFilters,
    ...request.extensionFilters,
    ...(outputByType.get(type.trim().toLowerCase()) ?? []),
  ]
}

/** Finds the filter of a response among those of the modules. */
export function chooserOf(filters: readonly OutputFilter[]): ChooseFilter {
  const byName = new Map(filters.map((filter) => [filter.name, filter]))
  return (request, length) => {
    if (!hasOutputFilters(request)) return undefined
    for (const name of namesFor(request)) {
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
