/**
 * mod_mime: what the extensions of a file's name say about it: media type, charset, encoding, language, handler, filters. Runs in the type checker.
 *
 * The first part of a name is never an extension (leading dots belong to it). Every further part is looked up, wherever it stands: so
 * `a.html.wsgi` and `a.wsgi.html` both get the handler of `AddHandler wsgi-script .wsgi`.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_mime.html
 */
import {
  type Command,
  type Directive,
  directive,
  flag,
  iterate,
  iterate2,
  take1,
} from '../config/directive.js'
import { settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import { filterNames } from './filter.js'
import { readTypes, type TypeTable, typesDirective, typesOf } from './mime-types-config.js'
import type { HttpdModule, Outcome } from './module.js'

/** What one extension stands for. An empty `type` takes away what the types file says (`RemoveType`). */
interface Meaning {
  readonly type?: string
  readonly handler?: string
  readonly charset?: string
  readonly language?: string
  readonly encoding?: string
  /** Names as in `SetOutputFilter`, upper case, with semicolons. */
  readonly outputFilter?: string
}
type Attribute = keyof Meaning

export type MultiviewsMatch = 'NegotiatedOnly' | 'Any' | 'Handlers' | 'Filters'

interface MimeDir {
  /** By extension: lower case, without its dot. */
  readonly extensions: ReadonlyMap<string, Meaning>
  /** What this scope takes away from those outside of it. */
  readonly removed: readonly (readonly [extension: string, attribute: Attribute])[]
  readonly defaultLanguage: string | undefined
  readonly usePathInfo: boolean
  readonly multiviewsMatch: readonly MultiviewsMatch[]
}

export const mimeDir = settingsKey<MimeDir>(
  'mime directory',
  {
    extensions: new Map(),
    removed: [],
    defaultLanguage: undefined,
    usePathInfo: false,
    multiviewsMatch: ['NegotiatedOnly'],
  },
  mergeMime,
)

/** Extension by extension, attribute by attribute; then what the inner scope removes goes. */
function mergeMime(base: Readonly<Partial<MimeDir>>, added: Readonly<Partial<MimeDir>>): Partial<MimeDir> {
  const extensions = new Map(base.extensions)
  for (const [extension, meaning] of added.extensions ?? []) {
    extensions.set(extension, { ...extensions.get(extension), ...meaning })
  }
  for (const [extension, attribute] of added.removed ?? []) {
    const { [attribute]: _, ...rest } = extensions.get(extension) ?? {}
    extensions.set(extension, rest)
  }
  return { ...base, ...added, extensions, removed: [] }
}

const bare = (extension: string): string => extension.replace(/^\./, '').toLowerCase()

/** httpd lower-cases values as well as extensions. */
function add(cmd: Command, attribute: Attribute, value: string, extensions: readonly string[]): void {
  mean(cmd, { [attribute]: value.toLowerCase().replace(/\s*;\s*/g, '; ') }, extensions)
}

function mean(cmd: Command, meaning: Meaning, extensions: readonly string[]): void {
  const draft = cmd.dir.draft(mimeDir)
  const map = (draft.extensions ?? new Map()) as Map<string, Meaning>
  draft.extensions = map
  for (const extension of extensions) map.set(bare(extension), { ...map.get(bare(extension)), ...meaning })
}

function remove(cmd: Command, attribute: Attribute, extensions: readonly string[]): void {
  const draft = cmd.dir.draft(mimeDir)
  draft.removed = [
    ...(draft.removed ?? []),
    ...extensions.map((extension) => [bare(extension), attribute] as const),
  ]
}

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'FileInfo' } as const
const EXTENSIONS = 'one or more file extensions'

const adders = (
  [
    ['AddType', 'type', 'media-type', 'a mime type'],
    ['AddHandler', 'handler', 'handler-name', 'a handler name'],
    ['AddCharset', 'charset', 'charset', 'a charset (e.g., iso-2022-jp)'],
    ['AddLanguage', 'language', 'language-tag', 'a language (e.g., fr)'],
    ['AddEncoding', 'encoding', 'encoding', 'an encoding (e.g., gzip)'],
  ] as const
).map(([name, attribute, word, help]) =>
  directive({
    name,
    syntax: `${word} extension [extension] ...`,
    ...EVERYWHERE,
    help: `${help}, followed by ${EXTENSIONS}`,
    ...iterate2((cmd, value, extensions) => add(cmd, attribute, value, extensions)),
  }),
)

const removers = (['Handler', 'Charset', 'Language', 'Encoding'] as const).map((what) =>
  directive({
    name: `Remove${what}`,
    syntax: 'extension [extension] ...',
    ...EVERYWHERE,
    help: EXTENSIONS,
    ...iterate((cmd, extensions) => remove(cmd, what.toLowerCase() as Attribute, extensions)),
  }),
)

const NO_FILTERS = 'request bodies run through no filters'

const filters: readonly Directive[] = [
  directive({
    name: 'AddOutputFilter',
    syntax: 'filter[;filter...] extension [extension] ...',
    ...EVERYWHERE,
    help: `filter name (or ; delimited names) followed by ${EXTENSIONS}`,
    ...iterate2((cmd, words, extensions) =>
      mean(cmd, { outputFilter: filterNames(cmd, words).join(';') }, extensions),
    ),
  }),
  directive({
    name: 'AddInputFilter',
    syntax: 'filter[;filter...] extension [extension] ...',
    ...EVERYWHERE,
    help: `filter name (or ; delimited names) followed by ${EXTENSIONS}`,
    accepted: NO_FILTERS,
    ...iterate2((cmd, names) => cmd.warn(`${cmd.name} ${names} has no effect: ${NO_FILTERS}.`)),
  }),
  directive({
    name: 'RemoveOutputFilter',
    syntax: 'extension [extension] ...',
    ...EVERYWHERE,
    help: EXTENSIONS,
    ...iterate((cmd, extensions) => remove(cmd, 'outputFilter', extensions)),
  }),
  directive({
    name: 'RemoveInputFilter',
    syntax: 'extension [extension] ...',
    ...EVERYWHERE,
    help: EXTENSIONS,
    accepted: NO_FILTERS,
    ...iterate(() => {}),
  }),
]

const MULTIVIEWS_WORDS: readonly MultiviewsMatch[] = ['NegotiatedOnly', 'Any', 'Handlers', 'Filters']

const directives: readonly Directive[] = [
  typesDirective,
  ...adders,
  ...removers,
  directive({
    name: 'RemoveType',
    syntax: 'extension [extension] ...',
    ...EVERYWHERE,
    help: EXTENSIONS,
    ...iterate((cmd, extensions) => add(cmd, 'type', '', extensions)),
  }),
  directive({
    name: 'DefaultLanguage',
    syntax: 'language-tag',
    ...EVERYWHERE,
    help: 'language to use for documents with no other language file extension',
    ...take1((cmd, language) => {
      cmd.dir.draft(mimeDir).defaultLanguage = language
    }),
  }),
  ...filters,
  directive({
    name: 'ModMimeUsePathInfo',
    syntax: 'On|Off',
    contexts: ['directory'],
    default: 'Off',
    help: "Set to 'yes' to allow mod_mime to use path info for type checking",
    ...flag((cmd, on) => {
      cmd.dir.draft(mimeDir).usePathInfo = on
    }),
  }),
  directive({
    name: 'MultiviewsMatch',
    syntax: 'Any|NegotiatedOnly|Filters|Handlers [Handlers|Filters]',
    ...EVERYWHERE,
    default: 'NegotiatedOnly',
    help: 'NegotiatedOnly (default), Handlers and/or Filters, or Any',
    ...iterate((cmd, words) => {
      const wanted = words.map(
        (word) =>
          MULTIVIEWS_WORDS.find((one) => one.toLowerCase() === word.toLowerCase()) ??
          cmd.fail(`Unrecognized option '${word}'`),
      )
      const alone = wanted.find((one) => one === 'Any' || one === 'NegotiatedOnly')
      if (alone && wanted.some((one) => one !== alone)) {
        cmd.fail(`${alone} is incompatible with every other word of MultiviewsMatch`)
      }
      cmd.dir.draft(mimeDir).multiviewsMatch = wanted
    }),
  }),
]

/**
 * Whether MultiViews may offer a file: each of its extensions that is not part of the name asked for has a meaning of a kind that counts
 * here (`MultiviewsMatch`).
 */
export function isNegotiable(request: Request, name: string, asked: string): boolean {
  const { extensions, multiviewsMatch } = request.dir.get(mimeDir)
  if (multiviewsMatch.includes('Any')) return true
  const types = typesOf(request.server)
  const byHandler = multiviewsMatch.includes('Handlers')
  const byFilter = multiviewsMatch.includes('Filters')
  return extensionsOf(`x${name.slice(asked.length)}`).every((extension) => {
    const { type, charset, language, encoding, handler, outputFilter } = extensions.get(extension) ?? {}
    const known = [type ?? types.get(extension), charset, language, encoding].some(Boolean)
    return known || (byHandler && handler !== undefined) || (byFilter && outputFilter !== undefined)
  })
}

export const DIRECTORY_TYPE = 'httpd/unix-directory'

function typeChecker(request: Request): Outcome {
  if (request.finfo?.isDirectory()) {
    request.contentType = DIRECTORY_TYPE
    return 'ok'
  }
  if (request.filename === '') return undefined
  const settings = request.dir.get(mimeDir)
  const { type, charset, handler, language, encoding, outputFilters } = meaningOf(request, settings)
  if (outputFilters.length > 0) request.extensionFilters = outputFilters
  if (type !== undefined) request.contentType = type
  if (charset !== undefined) request.charset = charset
  if (handler !== undefined) request.handler = handler
  if (encoding.length > 0) request.contentEncoding = [...request.contentEncoding, ...encoding]
  if (language.length > 0) request.contentLanguages = [...request.contentLanguages, ...language]
  else if (request.contentLanguages.length === 0 && settings.defaultLanguage !== undefined) {
    request.contentLanguages = [settings.defaultLanguage]
  }
  return 'ok'
}

/** What all extensions of a name say together: the last one decides type, charset and handler; languages and encodings add up. */
interface NameMeaning {
  readonly type: string | undefined
  readonly charset: string | undefined
  readonly handler: string | undefined
  readonly language: readonly string[]
  readonly encoding: readonly string[]
  readonly outputFilters: readonly string[]
}

/** What was asked last: requests for one application ask for one file. */
let last: { settings: MimeDir; types: TypeTable; filename: string; meaning: NameMeaning } | undefined

function meaningOf({ filename, pathInfo, server }: Request, settings: MimeDir): NameMeaning {
  const types = typesOf(server)
  if (last?.filename === filename && last.settings === settings && last.types === types) return last.meaning
  const place = settings.usePathInfo ? filename + pathInfo : filename
  const meaning = nameMeaning(settings, types, place.slice(place.lastIndexOf('/') + 1))
  if (!settings.usePathInfo) last = { settings, types, filename, meaning }
  return meaning
}

/** Names that have been looked at, by the settings in force: a site has few of them, and each is asked for often. */
const known = new WeakMap<MimeDir, { readonly types: TypeTable; readonly names: Map<string, NameMeaning> }>()
const KNOWN_MAX = 4096
/** Longer names are not worth remembering. */
const KNOWN_NAME_MAX = 128

function nameMeaning(settings: MimeDir, types: TypeTable, name: string): NameMeaning {
  let cache = known.get(settings)
  if (cache === undefined || cache.types !== types) {
    cache = { types, names: new Map() }
    known.set(settings, cache)
  }
  let meaning = cache.names.get(name)
  if (meaning === undefined) {
    meaning = addMeanings(settings, types, extensionsOf(name))
    if (cache.names.size >= KNOWN_MAX) cache.names.clear()
    if (name.length <= KNOWN_NAME_MAX) cache.names.set(name, meaning)
  }
  return meaning
}

/** The extensions of a file's name in order, lower case: everything between dots after the first part. */
export function extensionsOf(name: string): readonly string[] {
  let start = 0
  while (name[start] === '.') start++
  const dot = name.indexOf('.', start)
  if (dot < 0) return []
  return name
    .slice(dot + 1)
    .toLowerCase()
    .split('.')
    .filter((part) => part !== '')
}

function addMeanings({ extensions }: MimeDir, types: TypeTable, parts: readonly string[]): NameMeaning {
  const found = parts.map((part) => ({ ...extensions.get(part), known: types.get(part) }))
  const last = (pick: (one: (typeof found)[number]) => string | undefined): string | undefined =>
    found.map(pick).findLast((value) => value !== undefined && value !== '')
  const every = (pick: (one: (typeof found)[number]) => string | undefined): string[] =>
    found.map(pick).filter((value) => value !== undefined)
  return {
    // an empty type takes away what the types file says, and has none to set
    type: last((one) => one.type ?? one.known),
    charset: last((one) => one.charset),
    handler: last((one) => one.handler),
    language: every((one) => one.language),
    encoding: every((one) => one.encoding),
    outputFilters: every((one) => one.outputFilter).flatMap((names) => names.split(';').filter(Boolean)),
  }
}

export const mime = {
  id: 'mime_module',
  source: 'mod_mime.c',
  directives,
  hooks: { typeChecker },
  check: (site) => readTypes(site),
} satisfies HttpdModule
