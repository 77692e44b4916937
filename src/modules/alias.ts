/**
 * mod_alias: maps URL paths to files outside of the document root, and sends clients elsewhere.
 * Server-level `Redirect` and `Alias` run in translation (redirects first), those of a directory in fixups.
 *
 * @see https://httpd.apache.org/docs/2.4/mod/mod_alias.html
 */
import { readdirSync } from 'node:fs'
import {
  type Command,
  type Context,
  type Directive,
  directive,
  type EnclosingSection,
  flag,
  take,
  take2,
  take12,
} from '../config/directive.js'
import { pathBytes } from '../config/files.js'
import { compileRegex } from '../config/regex.js'
import { settingsKey } from '../config/settings.js'
import type { Request } from '../request/request.js'
import { matchPrefix } from '../wsgi/alias-match.js'
import type { HttpdModule, Outcome } from './module.js'
import { selfOrigin } from './self-url.js'
import { type StringTemplate, stringTemplate } from './string-template.js'
import { compileSubstitution, type Substitution } from './substitution.js'
import { escapePath, escapeTarget, isUrl } from './url-text.js'

/** A URL path prefix, or a pattern with what it is replaced by. */
type Source =
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'pattern'; readonly pattern: RegExp; readonly fill: Substitution }

interface AliasEntry {
  readonly source: Source
  /** Absolute path of a file or directory; for patterns the text that `source.fill` was made of. */
  readonly target: string
  /** `cgi-script` for `ScriptAlias`. */
  readonly handler: string | undefined
}

interface RedirectEntry {
  readonly source: Source
  /** Where to; undefined for statuses that are no redirections. */
  readonly target: string | undefined
  readonly status: number
}

interface AliasServer {
  readonly aliases: readonly AliasEntry[]
  readonly redirects: readonly RedirectEntry[]
}

interface AliasDir {
  readonly redirects: readonly RedirectEntry[]
  /** `Redirect` without a path, inside `<Location>` and its kin. */
  readonly redirect: { readonly status: number; readonly target: StringTemplate | undefined } | undefined
  /** `Alias` without a path, inside `<Location>`. */
  readonly alias:
    | {
        readonly target: StringTemplate
        /** The path of the `<Location>`; undefined where it is a pattern. */
        readonly prefix: string | undefined
        readonly handler: string | undefined
      }
    | undefined
  readonly relative: boolean
  readonly preservePath: boolean
}

/** A virtual host's entries come before those of the main server. */
export const aliasServer = settingsKey<AliasServer>(
  'alias server',
  { aliases: [], redirects: [] },
  (base, added) => ({
    aliases: [...(added.aliases ?? []), ...(base.aliases ?? [])],
    redirects: [...(added.redirects ?? []), ...(base.redirects ?? [])],
  }),
)

/** Redirects of the innermost section come first. */
export const aliasDir = settingsKey<AliasDir>(
  'alias directory',
  { redirects: [], redirect: undefined, alias: undefined, relative: false, preservePath: false },
  (base, added) => ({
    ...base,
    ...added,
    redirects: [...(added.redirects ?? []), ...(base.redirects ?? [])],
  }),
)

const SERVER_OR_SECTION: readonly Context[] = ['server', 'vhost', 'directory']
const EVERYWHERE: readonly Context[] = ['server', 'vhost', 'directory', 'htaccess']
const LOCATION = /^<location/i

const directives: Directive[] = [
  ...(['Alias', 'ScriptAlias'] as const).map((name) =>
    directive({
      name,
      syntax: '[URL-path] file-path|directory-path',
      contexts: SERVER_OR_SECTION,
      help: 'a fakename and a realname, or a realname in a Location',
      ...take12((cmd, first, second) => {
        if (second === undefined) setPlaceAlias(cmd, first)
        else addAlias(cmd, { kind: 'prefix', prefix: first }, cmd.resolve(second))
      }),
    }),
  ),
  ...(['AliasMatch', 'ScriptAliasMatch'] as const).map((name) =>
    directive({
      name,
      syntax: 'regex file-path|directory-path',
      contexts: ['server', 'vhost'],
      help: 'a regular expression and a filename',
      ...take2((cmd, regex, target) => {
        const path = target.startsWith('$') ? target : cmd.resolve(target)
        addAlias(
          cmd,
          { kind: 'pattern', pattern: pattern(cmd, regex), fill: compileSubstitution(path) },
          path,
        )
      }),
    }),
  ),
  directive({
    name: 'Redirect',
    syntax: '[status] [URL-path] URL',
    contexts: EVERYWHERE,
    override: 'FileInfo',
    help: 'an optional status, then document to be redirected and destination URL',
    ...take([1, 2, 3], (cmd, words) => addRedirect(cmd, words, false, 302)),
  }),
  directive({
    name: 'RedirectMatch',
    syntax: '[status] regex URL',
    contexts: EVERYWHERE,
    override: 'FileInfo',
    help: 'an optional status, then a regular expression and destination URL',
    ...take([1, 2, 3], (cmd, words) => addRedirect(cmd, words, true, 302)),
  }),
  ...(
    [
      ['RedirectTemp', 302],
      ['RedirectPermanent', 301],
    ] as const
  ).map(([name, status]) =>
    directive({
      name,
      syntax: 'URL-path URL',
      contexts: EVERYWHERE,
      override: 'FileInfo',
      help: 'a document to be redirected, then the destination URL',
      ...take2((cmd, path, url) => addRedirect(cmd, [path, url], false, status)),
    }),
  ),
  directive({
    name: 'RedirectRelative',
    syntax: 'On|Off',
    contexts: SERVER_OR_SECTION,
    default: 'Off',
    help: 'whether redirects to a path stay without scheme and host',
    ...flag((cmd, on) => {
      cmd.dir.draft(aliasDir).relative = on
    }),
  }),
  directive({
    name: 'AliasPreservePath',
    syntax: 'On|Off',
    contexts: SERVER_OR_SECTION,
    default: 'Off',
    help: 'whether an Alias inside a Location keeps the rest of the path',
    ...flag((cmd, on) => {
      cmd.dir.draft(aliasDir).preservePath = on
    }),
  }),
]

function pattern(cmd: Command, regex: string): RegExp {
  try {
    return compileRegex(regex)
  } catch (error) {
    return cmd.fail(`Regular expression could not be compiled: ${(error as Error).message}`)
  }
}

/** Stock configurations have a directory for CGI scripts that is empty: that is worth a note and no warning. */
function handlerOf(cmd: Command, target: string): string | undefined {
  if (!cmd.name.startsWith('Script')) return undefined
  const message = `${cmd.name}: CGI scripts are not run here; requests for them get 403. WSGI applications are mounted with WSGIScriptAlias.`
  if (!target.includes('$') && isEmpty(target)) cmd.note(message)
  else cmd.warn(message)
  return 'cgi-script'
}

function isEmpty(directory: string): boolean {
  try {
    return readdirSync(pathBytes(directory)).length === 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function addAlias(cmd: Command, source: Source, target: string): void {
  if (cmd.context === 'directory')
    cmd.fail(`${cmd.name} with a URL path not allowed in ${place(cmd)} context`)
  const draft = cmd.server.draft(aliasServer)
  const earlier = draft.aliases ?? []
  if (source.kind === 'prefix') {
    const hider = earlier.find((alias) => covers(alias.source, source.prefix))
    if (hider) {
      cmd.warn(
        `The ${cmd.name} directive in ${cmd.at.file} at line ${cmd.at.line} will probably never match because it overlaps an earlier ${
          hider.handler ? 'Script' : ''
        }Alias${hider.source.kind === 'pattern' ? 'Match' : ''}.`,
        'AH00671',
      )
    }
  }
  draft.aliases = [...earlier, { source, target, handler: handlerOf(cmd, target) }]
}

function covers(source: Source, path: string): boolean {
  return source.kind === 'prefix' ? matchPrefix(source.prefix, path) > 0 : source.pattern.test(path)
}

function place(cmd: Command): string {
  return `${cmd.enclosing[0]?.name ?? '<Directory'}>`
}

/** `Alias` with one word: the section says which URL. */
function setPlaceAlias(cmd: Command, target: string): void {
  if (cmd.context !== 'directory') cmd.fail(`${cmd.name} must have two arguments when used globally`)
  const around = cmd.enclosing[0]
  if (!around || !LOCATION.test(around.name)) cmd.fail(`${cmd.name} not allowed in ${place(cmd)} context`)
  cmd.dir.draft(aliasDir).alias = {
    target: stringTemplate(cmd, cmd.resolve(target)),
    prefix: locationPath(cmd, around),
    handler: handlerOf(cmd, cmd.resolve(target)),
  }
}

/** The path of a plain `<Location>`; undefined for patterns. */
function locationPath(cmd: Command, around: EnclosingSection): string | undefined {
  return around.data === 'plain' ? cmd.words(around.text)[0] : undefined
}

const STATUS_WORDS: Readonly<Record<string, number>> = { permanent: 301, temp: 302, seeother: 303, gone: 410 }

/** A status at the start of the words, by name or number. */
function statusOf(word: string): number | undefined {
  const named = STATUS_WORDS[word.toLowerCase()]
  if (named !== undefined) return named
  return /^\d/.test(word) ? Number.parseInt(word, 10) : undefined
}

const isRedirection = (status: number): boolean => status >= 300 && status < 400

function addRedirect(cmd: Command, words: readonly string[], regex: boolean, preset: number): void {
  const written = statusOf(words[0] as string)
  if (words.length === 3 && written === undefined) cmd.fail('Redirect: invalid first argument (of three)')
  const status = written ?? preset
  if (status < 100 || status > 599) cmd.fail(`${cmd.name}: ${status} is not an HTTP status`)
  const inSection = cmd.context === 'directory' || cmd.context === 'htaccess'
  const rest = written === undefined ? words : words.slice(1)
  const targetCount = isRedirection(status) ? 1 : 0
  if (inSection && !regex && rest.length === targetCount) {
    const target = rest[0] === undefined ? undefined : stringTemplate(cmd, rest[0])
    cmd.dir.draft(aliasDir).redirect = { status, target }
    return
  }
  const [from, target] = rest
  if (from === undefined || (isRedirection(status) && target === undefined)) {
    cmd.fail('URL to redirect to is missing')
  }
  if (!isRedirection(status) && target !== undefined) cmd.fail('Redirect URL not valid for this status')
  if (!regex && target !== undefined && !isUrl(target) && !target.startsWith('/'))
    cmd.fail('Redirect to non-URL')
  const source: Source = regex
    ? { kind: 'pattern', pattern: pattern(cmd, from), fill: compileSubstitution(target ?? '') }
    : { kind: 'prefix', prefix: from }
  const draft = inSection ? cmd.dir.draft(aliasDir) : cmd.server.draft(aliasServer)
  draft.redirects = [...(draft.redirects ?? []), { source, target, status }]
}

/** Server-level redirects, then aliases. */
function translateName(request: Request): Outcome {
  const server = request.server.settings.get(aliasServer)
  const dir = request.dir.get(aliasDir)
  if (server === aliasServer.defaults && dir === aliasDir.defaults) return undefined
  if (!request.path.startsWith('/')) return undefined
  return (
    redirectPlace(request, dir) ??
    redirectBy(request, server.redirects, dir.relative) ??
    mapPlace(request, dir) ??
    mapBy(request, server.aliases)
  )
}

/** Redirects of `<Directory>`, `<Location>` and `.htaccess`. */
function fixups(request: Request): Outcome {
  const dir = request.dir.get(aliasDir)
  if (dir === aliasDir.defaults) return undefined
  return redirectPlace(request, dir) ?? redirectBy(request, dir.redirects, dir.relative)
}

function redirectPlace(request: Request, dir: AliasDir): Outcome {
  const { redirect } = dir
  if (redirect === undefined) return undefined
  return answer(
    request,
    redirect.status,
    redirect.target && escapeTarget(redirect.target(request)),
    dir.relative,
  )
}

function redirectBy(request: Request, entries: readonly RedirectEntry[], relative: boolean): Outcome {
  for (const { source, target, status } of entries) {
    if (source.kind === 'prefix') {
      const end = matchPrefix(source.prefix, request.path)
      if (end > 0) {
        const to = target === undefined ? undefined : target + escapePath(request.path.slice(end))
        return answer(request, status, to, relative)
      }
    } else {
      const found = source.pattern.exec(request.path)
      if (found) {
        return answer(
          request,
          status,
          target === undefined ? undefined : escapeTarget(source.fill(found)),
          relative,
        )
      }
    }
  }
  return undefined
}

/** Sets `Location` and returns the status to end the request with. The request's query goes along unless the target has its own. */
function answer(request: Request, status: number, target: string | undefined, relative: boolean): Outcome {
  if (target === undefined || !isRedirection(status)) return status
  let to = target
  if (to.startsWith('/')) {
    if (!relative) to = selfOrigin(request) + to
  } else if (!isUrl(to)) {
    request.report(
      'alias',
      'error',
      `cannot redirect '${request.path}' to '${to}'; target is not a valid absoluteURI or abs_path`,
      'AH00674',
    )
    return 500
  }
  if (request.query !== undefined && !to.includes('?')) to += `?${request.query}`
  request.headersOut.set('Location', to)
  return status
}

function mapPlace(request: Request, dir: AliasDir): Outcome {
  const { alias } = dir
  if (alias === undefined) return undefined
  let file = alias.target(request)
  if (alias.prefix !== undefined && dir.preservePath) {
    const end = matchPrefix(alias.prefix, request.path)
    if (end > 0) {
      setContext(request, alias.prefix, file)
      file += request.path.slice(end)
    }
  }
  return map(request, file, alias.handler)
}

function mapBy(request: Request, aliases: readonly AliasEntry[]): Outcome {
  for (const { source, target, handler } of aliases) {
    if (source.kind === 'prefix') {
      const end = matchPrefix(source.prefix, request.path)
      if (end > 0) {
        setContext(request, source.prefix, target)
        return map(request, target + request.path.slice(end), handler)
      }
    } else {
      const found = source.pattern.exec(request.path)
      if (found) return map(request, source.fill(found), handler)
    }
  }
  return undefined
}

function map(request: Request, file: string, handler: string | undefined): Outcome {
  request.filename = file
  if (handler !== undefined) request.handler = handler
  return 'ok'
}

function setContext(request: Request, prefix: string, documentRoot: string): void {
  request.contextPrefix = prefix
  request.contextDocumentRoot = documentRoot
}

/** What `ScriptAlias` maps to is never run and never shown. */
function handler(request: Request): Outcome {
  if (request.handler !== 'cgi-script') return undefined
  request.report(
    'alias',
    'error',
    `${request.filename} is a CGI script (ScriptAlias, or handler cgi-script); CGI is not supported, and its text is not shown`,
  )
  return 403
}

export const alias = {
  id: 'alias_module',
  source: 'mod_alias.c',
  directives,
  hooks: { translateName, fixups, handler },
  needs: { translateName: [aliasServer, aliasDir], fixups: [aliasDir] },
} satisfies HttpdModule
