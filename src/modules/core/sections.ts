/**
 * The sections that say where directives hold: `<VirtualHost>`, `<Directory>`, `<Files>`, `<Location>`, their `Match` forms, and `<Limit>`.
 * Here their arguments become matchers; which sections apply to a request is decided in src/request/walk/.
 * Manual: https://httpd.apache.org/docs/2.4/sections.html
 */
import { execFileSync } from 'node:child_process'
import {
  type Command,
  type NewSection,
  type OpenedSection,
  type SectionCommand,
  type SectionDirective,
  section,
} from '../../config/directive.js'
import { fnmatch, hasWildcards } from '../../config/fnmatch.js'
import { compileRegex } from '../../config/regex.js'
import type { VhostAddress } from '../../config/site.js'
import { conditionOf } from '../string-template.js'
import { parseVhostAddress } from './listen.js'
import { coreDir, coreServer } from './settings.js'

/** What `<Limit>` and `<LimitExcept>` leave in `enclosing[…].data` for the access directives inside. */
export interface LimitData {
  /** Upper-case method names; with `GET` comes `HEAD`. */
  readonly methods: ReadonlySet<string>
  /** True for `<LimitExcept>`: every method but these. */
  readonly except: boolean
}

/** Whether directives inside the section hold for that method. */
export function limitApplies(limit: LimitData, method: string): boolean {
  return limit.methods.has(method) !== limit.except
}

/** What sections of places leave in `enclosing[…].data`: whether they match by regular expression. */
export type PlaceData = 'plain' | 'regex'

/** A `<Directory>` path in the form it is compared in: absolute, no `//`, `.` or `..`, a `/` at the end. */
export function directoryPath(path: string): string | undefined {
  if (!path.startsWith('/')) return undefined
  const kept: string[] = []
  for (const part of path.split('/'))
    if (part === '..') kept.pop()
    else if (part !== '' && part !== '.') kept.push(part)
  return kept.length === 0 ? '/' : `/${kept.join('/')}/`
}

/** Number of components: 0 for `/`. */
function depthOf(path: string): number {
  let depth = 0
  for (let at = 1; at < path.length; at++) if (path[at] === '/') depth++
  return depth
}

/** A `<Location>` matches a URL path that it is a prefix of, up to a `/` or the end; with wildcards, the whole path. */
export function locationMatcher(url: string): NewSection['matches'] {
  if (hasWildcards(url)) {
    const pattern = fnmatch(url, { pathname: true })
    return (place) => pattern.test(place)
  }
  const ends = url.endsWith('/')
  return (place) =>
    place.startsWith(url) && (ends || place.length === url.length || place[url.length] === '/')
}

function regexMatcher(cmd: Command, pattern: string): NewSection['matches'] {
  let regex: RegExp
  try {
    regex = compileRegex(pattern)
  } catch (error) {
    return cmd.fail(`Regex "${pattern}" could not be compiled: ${(error as Error).message}`)
  }
  return (place) => regex.exec(place) ?? false
}

interface Words {
  readonly value: string
  readonly isRegex: boolean
}

/** The one argument of a section of places, `~` before a regular expression taken off. */
function argument(cmd: SectionCommand, text: string, match: boolean): Words {
  const words = cmd.words(text)
  const tilde = !match && words[0] === '~'
  const [value, more] = tilde ? words.slice(1) : words
  if (value === undefined || value === '')
    return cmd.fail(`${cmd.name}> directive requires additional arguments`)
  if (more !== undefined) cmd.fail(`Multiple ${cmd.name}> arguments not (yet) supported.`)
  return { value, isRegex: match || tilde }
}

function openDirectory(match: boolean): SectionDirective['open'] {
  return (cmd, text) => {
    const { value, isRegex } = argument(cmd, text, match)
    if (isRegex)
      return place(
        cmd,
        { kind: 'DirectoryMatch', pattern: text.trim(), matches: regexMatcher(cmd, value) },
        true,
      )
    const path = directoryPath(value)
    if (path === undefined) return openNowhere(cmd, value)
    const wild = hasWildcards(path)
    const pattern = wild ? fnmatch(path, { pathname: true }) : undefined
    return place(cmd, {
      kind: 'Directory',
      pattern: text.trim(),
      matches: pattern ? (dir) => pattern.test(dir) : (dir) => dir === path,
      depth: depthOf(path),
      wild,
      ...(wild ? {} : { path }),
    })
  }
}

/** httpd takes such a section and finds nothing in it: what it was to protect lies open there, too. */
function openNowhere(cmd: SectionCommand, path: string): OpenedSection {
  cmd.warn(`<Directory "${path}"> is no absolute path: it never applies, and protects nothing`)
  const { settings } = cmd.newSection({ kind: 'Directory', pattern: path, matches: () => false })
  return { dir: settings, data: 'plain' satisfies PlaceData }
}

function openLocation(match: boolean): SectionDirective['open'] {
  return (cmd, text) => {
    const { value, isRegex } = argument(cmd, text, match)
    const kind = 'Location'
    const pattern = text.trim()
    if (isRegex) return place(cmd, { kind, pattern, matches: regexMatcher(cmd, value), isRegex }, true)
    const matches = locationMatcher(value)
    return place(cmd, { kind, pattern, matches, ...(hasWildcards(value) ? {} : { path: value }) })
  }
}

function openFiles(match: boolean): SectionDirective['open'] {
  return (cmd, text) => {
    const location = cmd.enclosing.find((one) => /^<Location/i.test(one.name))
    if (location !== undefined) cmd.fail(`${cmd.name}> cannot occur within ${location.name}> section`)
    const { value, isRegex } = argument(cmd, text, match)
    const kind = 'Files'
    const pattern = text.trim()
    if (isRegex) return place(cmd, { kind, pattern, matches: regexMatcher(cmd, value) }, true)
    if (!hasWildcards(value))
      return place(cmd, { kind, pattern, matches: (name) => name === value, path: value })
    const wildcard = fnmatch(value)
    return place(cmd, { kind, pattern, matches: (name) => wildcard.test(name) })
  }
}

function place(cmd: SectionCommand, added: NewSection, regex = false): OpenedSection {
  return { dir: cmd.addSection(added), data: (regex ? 'regex' : 'plain') satisfies PlaceData }
}

function openVirtualHost(cmd: SectionCommand, text: string): OpenedSection {
  const words = cmd.words(text)
  if (words.length === 0) cmd.fail('<VirtualHost> directive requires additional arguments')
  const addresses: VhostAddress[] = []
  for (const word of words) addresses.push(...vhostAddresses(cmd, word))
  const port = addresses[0]?.port ?? 0
  const settings = cmd.addVirtualHost(addresses)
  // `*:*` leaves the main server's; a ServerName inside has its own, even if it has none
  if (port !== 0) settings.draft(coreServer).serverPort = port
  return {}
}

/** An argument of `<VirtualHost>`; a host name stands for all addresses it has when the configuration is read. */
function vhostAddresses(cmd: SectionCommand, word: string): VhostAddress[] {
  const name = /^([a-z0-9][\w.-]*)(?::(\d+|\*))?$/i.exec(word)
  if (name === null || /^[\d.]+$/.test(name[1] as string) || /^_default_$/i.test(name[1] as string))
    return [parseVhostAddress(cmd, word)]
  const found = resolveName(name[1] as string)
  if (found.length === 0) cmd.warn(`Could not resolve host name ${name[1]} -- ignoring!`, 'AH00547')
  return found.map((address) =>
    parseVhostAddress(
      cmd,
      `${address.includes(':') ? `[${address}]` : address}${name[2] ? `:${name[2]}` : ''}`,
    ),
  )
}

/** Addresses of a host name, by the system's own resolver; there is no synchronous one in Node. */
function resolveName(name: string): string[] {
  try {
    const lines = execFileSync('getent', ['ahosts', name], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: 'pipe',
    })
    return [...new Set(lines.split('\n').map((line) => line.split(/\s/)[0] as string))].filter(Boolean)
  } catch {
    return []
  }
}

function openLimit(except: boolean): SectionDirective['open'] {
  return (cmd, text) => {
    const methods = new Set(cmd.words(text))
    if (methods.size === 0) cmd.fail(`${cmd.name}> directive requires additional arguments`)
    if (methods.has('TRACE')) cmd.fail(`TRACE cannot be controlled by ${cmd.name}, see TraceEnable`)
    if (methods.has('GET')) methods.add('HEAD')
    return { data: { methods, except } satisfies LimitData }
  }
}

const IF_KINDS = { '<If': 'if', '<ElseIf': 'elseif', '<Else': 'else' } as const

/** `<If>` and its kin: which hold is decided per request, after all other sections (src/request/walk/). */
function openIf(cmd: SectionCommand, text: string): OpenedSection {
  const kind = IF_KINDS[cmd.name as keyof typeof IF_KINDS]
  const words = cmd.words(text)
  if (kind === 'else') {
    if (words.length > 0) cmd.fail('<Else> directive does not take additional arguments')
  } else if (words.length === 0) cmd.fail(`${cmd.name}> directive requires additional arguments`)
  if (words.length > 1)
    cmd.fail(`Multiple ${cmd.name}> arguments not supported: put the whole expression into quotes.`)
  const condition =
    kind === 'else' ? undefined : conditionOf(cmd, words[0] as string, 'Cannot parse condition clause: ')
  const draft = cmd.dir.draft(coreDir)
  const before = draft.ifs ?? []
  if (kind !== 'if' && (before.length === 0 || before.at(-1)?.kind === 'else'))
    cmd.fail('<Else> or <ElseIf> section without previous <If> or <ElseIf> section in same scope')
  const section = cmd.newSection({ kind: 'If', pattern: text.trim(), matches: () => false })
  draft.ifs = [...before, { kind, condition, section }]
  return { dir: section.settings, data: 'plain' satisfies PlaceData }
}

const SERVER = ['server', 'vhost'] as const
const ANYWHERE = ['server', 'vhost', 'directory', 'htaccess'] as const

function placeSection(
  name: string,
  contexts: SectionDirective['contexts'],
  syntax: string,
  help: string,
  open: SectionDirective['open'],
): SectionDirective {
  return section({ name, syntax, contexts, override: 'All', help, open })
}

export const sectionDirectives: readonly SectionDirective[] = [
  section({
    name: '<VirtualHost',
    syntax: 'addr[:port] [addr[:port]] ...>',
    contexts: ['server'],
    help: 'Container to map directives to a particular virtual host, takes one or more host addresses',
    open: openVirtualHost,
  }),
  placeSection(
    '<Directory',
    SERVER,
    'directory-path>',
    'Container for directives affecting resources located in the specified directories',
    openDirectory(false),
  ),
  placeSection(
    '<DirectoryMatch',
    SERVER,
    'regex>',
    'Container for directives affecting resources located in the directories a regular expression matches',
    openDirectory(true),
  ),
  placeSection(
    '<Files',
    ANYWHERE,
    'filename>',
    'Container for directives affecting files matching specified patterns',
    openFiles(false),
  ),
  placeSection(
    '<FilesMatch',
    ANYWHERE,
    'regex>',
    'Container for directives affecting files a regular expression matches',
    openFiles(true),
  ),
  placeSection(
    '<Location',
    SERVER,
    'URL-path|URL>',
    'Container for directives affecting resources accessed through the specified URL paths',
    openLocation(false),
  ),
  placeSection(
    '<LocationMatch',
    SERVER,
    'regex>',
    'Container for directives affecting resources accessed through the URL paths a regular expression matches',
    openLocation(true),
  ),
  section({
    name: '<Limit',
    syntax: 'method [method] ...>',
    contexts: ['directory', 'htaccess'],
    override: 'Limit',
    help: 'Container for authentication directives when accessed using specified HTTP methods',
    open: openLimit(false),
  }),
  section({
    name: '<LimitExcept',
    syntax: 'method [method] ...>',
    contexts: ['directory', 'htaccess'],
    override: 'Limit',
    help: 'Container for authentication directives to be applied when any HTTP method other than those specified is used to access the resource',
    open: openLimit(true),
  }),
  placeSection(
    '<If',
    ANYWHERE,
    'expression>',
    'Container for directives to be conditionally applied',
    openIf,
  ),
  placeSection(
    '<ElseIf',
    ANYWHERE,
    'expression>',
    'Container for directives to be conditionally applied',
    openIf,
  ),
  placeSection('<Else', ANYWHERE, '>', 'Container for directives to be conditionally applied', openIf),
]
