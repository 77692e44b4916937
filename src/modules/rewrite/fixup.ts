/**
 * Rules of `<Directory>`, `<Location>` and their kin and of `.htaccess` files: run in fixups. A result that is a path starts all over as an
 * internal redirect, unless it is what was there before.
 * Manual: https://httpd.apache.org/docs/2.4/rewrite/tech.html#InternalAPI
 */
import type { Request } from '../../request/request.js'
import { coreDir, coreServer, hasOption, OPTION } from '../core/settings.js'
import type { Outcome } from '../module.js'
import { escapePath } from '../url-text.js'
import { FORCED_HANDLER, FORCED_TYPE, hasEnded, type RunResult, runRules, trace } from './run.js'
import { type RewriteDir, rewriteDir } from './settings.js'
import { hasBadQuery, redirectClient, refuseFilename, toProxy } from './translate.js'
import { isAbsoluteUrl, replacePrefix } from './url.js'

/** The handler that carries an internal redirect out; mod_dir steps aside for it. */
export const REDIRECT_HANDLER = 'redirect-handler'
const REDIRECT_SCHEME = 'redirect:'

export function fixups(request: Request): Outcome | Promise<Outcome> {
  const settings = request.dir.get(rewriteDir)
  if (!settings.engine || settings.directory === undefined || settings.rules.length === 0) return undefined
  const { directory, options, rules } = settings
  // The directory itself without its slash: mod_dir sends the client to the right URL first.
  if (!options.has('allownoslash') && `${request.filename}/` === directory) return undefined
  if (hasEnded(request)) return undefined
  const dir = request.dir.get(coreDir)
  if (!hasOption(dir, OPTION.SymLinks) && !hasOption(dir, OPTION.SymLinksIfOwnerMatch)) {
    request.report(
      'rewrite',
      'error',
      `Options FollowSymLinks and SymLinksIfOwnerMatch are both off, so the RewriteRule directive is also forbidden due to its similar ability to circumvent directory restrictions : ${request.filename}`,
      'AH00670',
    )
    return 403
  }
  const before: Before = { filename: request.filename, query: request.query, pathInfo: request.pathInfo }
  const result = runRules(request, rules, directory)
  return result instanceof Promise
    ? result.then((late) => conclude(request, settings, late, before))
    : conclude(request, settings, result, before)
}

type Before = Readonly<Pick<Request, 'filename' | 'query' | 'pathInfo'>>

function conclude(request: Request, settings: RewriteDir, result: RunResult, before: Before): Outcome {
  const { directory } = settings
  if (result.kind === 'status') {
    request.filename = before.filename
    return result.status
  }
  if (result.kind === 'unchanged') {
    trace(request, directory, 1, () => `pass through ${request.filename}`)
    return undefined
  }
  if (isAbsoluteUrl(request.filename)) {
    const { filename, query } = request
    request.filename = withBaseUrl(filename, settings)
    const status = redirectClient(request, directory, result, before.query)
    Object.assign(request, { filename: before.filename, query })
    return status
  }
  if (hasBadQuery(request)) return 403
  if (request.filename.startsWith('proxy:')) return toProxy(request, result.noEscape)
  if (!request.filename.startsWith('/')) return refuseFilename(request, result.rule)
  if (request.filename === before.filename && request.query === before.query) {
    trace(
      request,
      directory,
      1,
      () => `initial URL equal rewritten URL: ${request.filename} [IGNORING REWRITE]`,
    )
    return undefined
  }
  const url = urlOf(request, settings)
  trace(request, directory, 1, () => `internal redirect with ${url} [INTERNAL REDIRECT]`)
  request.filename = REDIRECT_SCHEME + url
  request.handler = REDIRECT_HANDLER
  return 'ok'
}

/** A redirection to a file of the directory means the URL that `RewriteBase` gives it. */
function withBaseUrl(url: string, { baseUrl, directory = '' }: RewriteDir): string {
  const [, origin = '', path = ''] = /^([a-z0-9+.-]+:\/\/[^/]*)(\/.*)$/is.exec(url) ?? []
  if (baseUrl === undefined || path === '') return url
  return origin + replacePrefix(path, directory, baseUrl)
}

/** The URL path that leads to the file that a rule has made. */
function urlOf(request: Request, { baseUrl, directory = '', options }: RewriteDir): string {
  const { filename } = request
  if (baseUrl !== undefined) return replacePrefix(filename, directory, baseUrl)
  const { contextDocumentRoot, contextPrefix } = request
  if (!options.has('ignorecontextinfo') && contextDocumentRoot !== undefined && contextPrefix !== undefined) {
    const url = replacePrefix(filename, contextDocumentRoot, contextPrefix)
    if (url !== filename) return url
  }
  return replacePrefix(filename, request.server.settings.get(coreServer).documentRoot, '')
}

/** `H=` and `T=` have the last word on what makes the response. */
export function forceTypes(request: Request): Outcome {
  if (request.handler === REDIRECT_HANDLER) return undefined
  const handler = request.notes.get(FORCED_HANDLER)
  const type = request.notes.get(FORCED_TYPE)
  if (type !== undefined) request.contentType = type
  if (handler !== undefined) request.handler = handler
  return undefined
}

/** Starts over with the URL that the rules made. */
export function redirectInternally(request: Request): Outcome | Promise<Outcome> {
  if (request.handler !== REDIRECT_HANDLER || !request.filename.startsWith(REDIRECT_SCHEME)) return undefined
  if (request.dispatch === undefined) throw new Error('mod_rewrite: the request has no dispatcher')
  const path = escapePath(request.filename.slice(REDIRECT_SCHEME.length))
  return request.dispatch.redirect(request, request.query === undefined ? path : `${path}?${request.query}`)
}
