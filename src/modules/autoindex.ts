/**
 * mod_autoindex: a listing for a directory without an index file, where `Options Indexes` allows it; elsewhere 403. A handler.
 * Entries that the client may not have are left out.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_autoindex.html
 */
import { closeSync } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import { type Directive, directive, flag, iterate, iterate2, take1, take2 } from '../config/directive.js'
import { fnmatch } from '../config/fnmatch.js'
import { settingsKey } from '../config/settings.js'
import type { Dispatch, Request } from '../request/request.js'
import { openAnchored } from '../request/walk/anchor.js'
import { READ_AT_ONCE, readOpened } from '../system/regular-file.js'
import { type IconFacts, type Icons, iconDirectives, iconOf } from './autoindex/icons.js'
import {
  type Column,
  type Entry,
  type Look,
  type Order,
  orderOf,
  renderListing,
  sortEntries,
} from './autoindex/listing.js'
import {
  hasFlag,
  type IndexOptions,
  mergeOptions,
  NO_OPTIONS,
  PRESET_VALUES,
  readOptions,
} from './autoindex/options.js'
import { coreDir, hasOption, OPTION } from './core/settings.js'
import { escapeHtml } from './html-text.js'
import { DIRECTORY_TYPE } from './mime.js'
import type { HttpdModule, Outcome } from './module.js'
import { escapePath } from './url-text.js'

interface AutoindexDir extends Icons {
  readonly options: IndexOptions
  readonly order: Order
  readonly ignore: readonly RegExp[]
  /** The outer `IndexIgnore` does not count. */
  readonly ignoreReset: boolean
  readonly descriptions: readonly { readonly pattern: RegExp; readonly text: string }[]
  readonly headerName: string | undefined
  readonly readmeName: string | undefined
  readonly styleSheet: string | undefined
  readonly headInsert: string
}

export const autoindexDir = settingsKey<AutoindexDir>(
  'autoindex',
  {
    options: NO_OPTIONS,
    order: { column: 'N', descending: false },
    ignore: [],
    ignoreReset: false,
    descriptions: [],
    headerName: undefined,
    readmeName: undefined,
    styleSheet: undefined,
    headInsert: '',
    icons: [],
    alts: [],
    defaultIcon: undefined,
  },
  (base, added) => ({
    ...base,
    ...added,
    options: mergeOptions(base.options ?? NO_OPTIONS, added.options ?? NO_OPTIONS),
    ignore: added.ignoreReset ? (added.ignore ?? []) : [...(added.ignore ?? []), ...(base.ignore ?? [])],
    icons: [...(added.icons ?? []), ...(base.icons ?? [])],
    alts: [...(added.alts ?? []), ...(base.alts ?? [])],
    descriptions: [...(added.descriptions ?? []), ...(base.descriptions ?? [])],
  }),
)

const EVERYWHERE = { contexts: ['server', 'vhost', 'directory', 'htaccess'], override: 'Indexes' } as const
type TextSetting = 'headerName' | 'readmeName' | 'styleSheet' | 'headInsert'
const texts = (
  [
    ['HeaderName', 'headerName', 'filename', 'a filename'],
    ['ReadmeName', 'readmeName', 'filename', 'a filename'],
    ['IndexStyleSheet', 'styleSheet', 'url-path', 'URL to style sheet'],
    ['IndexHeadInsert', 'headInsert', '"markup ..."', 'String to insert in HTML HEAD section'],
  ] as const satisfies readonly (readonly [string, TextSetting, string, string])[]
).map(([name, setting, syntax, help]) =>
  directive({
    name,
    syntax,
    ...EVERYWHERE,
    help,
    ...take1((cmd, text) => {
      cmd.dir.draft(autoindexDir)[setting] = setting === 'headInsert' ? `${text}\n` : text
    }),
  }),
)

const COLUMNS: Readonly<Record<string, Column>> = { name: 'N', date: 'M', size: 'S', description: 'D' }

const directives: readonly Directive[] = [
  ...iconDirectives((cmd) => cmd.dir.draft(autoindexDir)),
  ...texts,
  directive({
    name: 'IndexOptions',
    syntax: '[+|-]option [[+|-]option] ...',
    ...EVERYWHERE,
    help: 'one or more index options [+|-][]',
    ...iterate((cmd, words) => {
      const draft = cmd.dir.draft(autoindexDir)
      const options = readOptions(draft.options ?? NO_OPTIONS, words)
      draft.options = typeof options === 'string' ? cmd.fail(options) : options
    }),
  }),
  directive({
    name: 'IndexOrderDefault',
    syntax: 'Ascending|Descending Name|Date|Size|Description',
    ...EVERYWHERE,
    default: 'Ascending Name',
    help: '{Ascending,Descending} {Name,Size,Description,Date}',
    ...take2((cmd, direction, key) => {
      const descending = direction.toLowerCase() === 'descending'
      if (!descending && direction.toLowerCase() !== 'ascending') {
        cmd.fail("First keyword must be 'Ascending' or 'Descending'")
      }
      const column = COLUMNS[key.toLowerCase()]
      cmd.dir.draft(autoindexDir).order = {
        column: column ?? cmd.fail("Second keyword must be 'Name', 'Date', 'Size', or 'Description'"),
        descending,
      }
    }),
  }),
  directive({
    name: 'IndexIgnore',
    syntax: 'file [file] ...',
    ...EVERYWHERE,
    help: 'one or more file extensions',
    ...iterate((cmd, patterns) => {
      const draft = cmd.dir.draft(autoindexDir)
      draft.ignore = [...(draft.ignore ?? []), ...patterns.map((pattern) => fnmatch(pattern))]
    }),
  }),
  directive({
    name: 'IndexIgnoreReset',
    syntax: 'ON|OFF',
    ...EVERYWHERE,
    help: 'Reset the inherited list of IndexIgnore filenames',
    ...flag((cmd, on) => {
      cmd.dir.draft(autoindexDir).ignoreReset = on
    }),
  }),
  directive({
    name: 'AddDescription',
    syntax: 'string file [file] ...',
    ...EVERYWHERE,
    help: 'Descriptive text followed by one or more filenames',
    ...iterate2((cmd, text, files) => {
      const draft = cmd.dir.draft(autoindexDir)
      const added = files.map((file) => ({
        pattern: fnmatch(`*${file.slice(file.lastIndexOf('/') + 1)}`),
        text,
      }))
      draft.descriptions = [...(draft.descriptions ?? []), ...added]
    }),
  }),
]

function handler(request: Request): Outcome | Promise<Outcome> {
  if (request.handler !== DIRECTORY_TYPE || !request.finfo?.isDirectory()) return undefined
  if (request.method !== 'GET' && request.method !== 'HEAD') return undefined
  if (hasOption(request.dir.get(coreDir), OPTION.Indexes)) return sendListing(request)
  const tried = request.notes.get('dir-index-names') ?? 'none'
  request.report(
    'autoindex',
    'error',
    `Cannot serve directory ${request.filename}: No matching DirectoryIndex (${tried}) found, and server-generated directory index forbidden by Options directive`,
    'AH01276',
  )
  return 403
}

async function sendListing(request: Request): Promise<Outcome> {
  const settings = request.dir.get(autoindexDir)
  let entries: Entry[]
  try {
    entries = await readEntries(request, settings)
  } catch (error) {
    request.report(
      'autoindex',
      'error',
      `Can't open directory for index: ${request.filename} (${(error as Error).message})`,
      'AH01275',
    )
    return 403
  }
  const look = lookOf(settings)
  const order = look.sortable ? orderOf(request.query, settings.order) : settings.order
  const page = renderListing({
    path: request.path,
    entries: sortEntries(entries, order, look),
    order,
    look,
    parentIcon: icon(settings, { name: '..', isDirectory: true, type: '', encoding: '' }),
    header: await insert(request, settings.headerName),
    footer: await insert(request, settings.readmeName),
  })
  const { charset, type } = { ...PRESET_VALUES, ...settings.options.values }
  request.contentType = `${type};charset=${charset}`
  dispatchOf(request).send(request, page)
  return 'done'
}

function lookOf({ options, styleSheet, headInsert }: AutoindexDir): Look {
  const has = (name: Parameters<typeof hasFlag>[1]): boolean => hasFlag(options, name)
  const fancy = has('FancyIndexing')
  const hidden: readonly (Column | false)[] = [
    has('SuppressLastModified') && 'M',
    has('SuppressSize') && 'S',
    has('SuppressDescription') && 'D',
  ]
  const { nameWidth, descriptionWidth } = { ...PRESET_VALUES, ...options.values }
  return {
    fancy,
    sortable: !has('SuppressColumnSorting') && !has('IgnoreClient'),
    columns: (['N', 'M', 'S', 'D'] as const).filter((column) => !hidden.includes(column)),
    foldersFirst: has('FoldersFirst'),
    iconsAreLinks: has('IconsAreLinks'),
    ignoreCase: has('IgnoreCase'),
    versionSort: has('VersionSort'),
    nameWidth,
    descriptionWidth,
    preamble: !has('SuppressHTMLPreamble'),
    headInsert,
    styleSheet,
  }
}

/** The file system's bytes for a path of one character per byte. */
const bytes = (path: string): Buffer => Buffer.from(path, 'latin1')

async function readEntries(request: Request, settings: AutoindexDir): Promise<Entry[]> {
  const directory = request.filename.endsWith('/') ? request.filename : `${request.filename}/`
  const names = await readdir(bytes(directory), { encoding: 'latin1' })
  const showForbidden = hasFlag(settings.options, 'ShowForbidden')
  const entries: Entry[] = []
  for (const name of names) {
    if (settings.ignore.some((pattern) => pattern.test(name))) continue
    const entry = await readEntry(request, settings, directory + name, name, showForbidden)
    if (entry !== undefined) entries.push(entry)
  }
  return entries
}

/** Left out: what the client would be refused, what is no file and no directory, what has gone in the meantime. */
async function readEntry(
  request: Request,
  settings: AutoindexDir,
  file: string,
  name: string,
  showForbidden: boolean,
): Promise<Entry | undefined> {
  try {
    const facts = await stat(bytes(file)).catch(() => lstat(bytes(file)))
    if (!facts.isFile() && !facts.isDirectory()) return undefined
    const found = await lookUp(request, `${linkTo(name)}${facts.isDirectory() ? '/' : ''}`)
    const refused = found.status === 401 || found.status === 403
    // a directory without index file or listing is still there to go to
    if (found.status >= 400 && !(refused && showForbidden)) return undefined
    return {
      name,
      isDirectory: facts.isDirectory(),
      size: facts.size,
      modified: facts.mtimeMs,
      icon: icon(settings, {
        name,
        isDirectory: facts.isDirectory(),
        type: found.contentType ?? '',
        encoding: found.contentEncoding.join(', '),
      }),
      description: settings.descriptions.find(({ pattern }) => pattern.test(name))?.text ?? '',
    }
  } catch {
    return undefined
  }
}

/** The image of an entry, where listings have icons. */
function icon(settings: AutoindexDir, facts: IconFacts): string {
  const { options } = settings
  if (!hasFlag(options, 'FancyIndexing') || hasFlag(options, 'SuppressIcon')) return ''
  return iconOf(settings, facts, { height: options.values.iconHeight, width: options.values.iconWidth })
}

/** A name as a relative link; the dot keeps `a:b` from being read as a scheme. */
const linkTo = (name: string): string => `./${escapePath(name)}`

function lookUp(request: Request, url: string): Request | Promise<Request> {
  return dispatchOf(request).lookUp(request, url)
}

function dispatchOf(request: Request): Dispatch {
  if (request.dispatch === undefined) throw new Error('mod_autoindex: nothing drives this request')
  return request.dispatch
}

/** Longest text that is put above or below a listing, in bytes. */
const INSERT_MAX_BYTES = 1 << 20

/** `HeaderName` or `ReadmeName`: HTML goes in as it is, other text with its line ends; nothing where there is no such file. */
async function insert(request: Request, name: string | undefined): Promise<string> {
  if (name === undefined) return ''
  const found = await lookUp(request, name)
  const type = found.contentType?.split(';')[0]?.trim() ?? ''
  if (
    found.status !== 200 ||
    !found.finfo?.isFile() ||
    !type.startsWith('text/') ||
    found.handler !== undefined
  )
    return ''
  const text = textOf(found)
  return type === 'text/html' ? text : `<pre>\n${escapeHtml(text)}</pre>\n`
}

/** What a file holds that a look-up has found: no other, should a link have taken its place since. */
function textOf({ filename, anchor }: Request): string {
  try {
    const fd = openAnchored(filename, READ_AT_ONCE, anchor)
    if (fd === 'moved') return ''
    try {
      return readOpened(fd, INSERT_MAX_BYTES)
    } finally {
      closeSync(fd)
    }
  } catch {
    return ''
  }
}

export const autoindex = {
  id: 'autoindex_module',
  source: 'mod_autoindex.c',
  directives,
  hooks: { handler },
} satisfies HttpdModule
