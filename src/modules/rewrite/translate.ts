/**
 * Rules of a server or virtual host: run in translation, before aliases.
 * Manual: https://httpd.apache.org/docs/2.4/rewrite/tech.html#InternalAPI
 */
import { lstatSync } from 'node:fs'
import { pathBytes } from '../../config/files.js'
import type { Request } from '../../request/request.js'
import { coreServer } from '../core/settings.js'
import type { Outcome } from '../module.js'
import { selfOrigin } from '../self-url.js'
import type { Rule } from './rule.js'
import { hasEnded, type RunResult, runRules, trace } from './run.js'
import { rewriteDir, rewriteServer } from './settings.js'
import { isAbsoluteUrl, redirectLocation } from './url.js'

export function translateName(request: Request): Outcome | Promise<Outcome> {
  const settings = request.server.settings.get(rewriteServer)
  // a <Location> may switch the engine off for server rules too
  if (!request.dir.get(rewriteDir).engine || settings.serverIndex !== request.server.index) return undefined
  if (hasEnded(request)) return undefined
  if (!request.path.startsWith('/') && !settings.options.has('allowanyuri')) return undefined
  nameScript(request)
  if (settings.rules.length === 0) return undefined
  const query = request.query
  request.filename = request.path
  trace(request, undefined, 2, () => `init rewrite engine with requested uri ${request.path}`)
  const result = runRules(request, settings.rules, undefined)
  return result instanceof Promise
    ? result.then((late) => conclude(request, late, query))
    : conclude(request, result, query)
}

/** SCRIPT_URL and SCRIPT_URI: what was asked for, before any rule. */
function nameScript(request: Request): void {
  const url = request.env.get('REDIRECT_SCRIPT_URL') ?? request.main?.env.get('SCRIPT_URL') ?? request.path
  request.env.set('SCRIPT_URL', url)
  request.env.set('SCRIPT_URI', selfOrigin(request) + url)
}

function conclude(request: Request, result: RunResult, query: string | undefined): Outcome {
  if (result.kind === 'status') return result.status
  if (result.kind === 'unchanged') {
    trace(request, undefined, 1, () => `pass through ${request.filename}`)
    request.filename = ''
    return undefined
  }
  if (isAbsoluteUrl(request.filename)) return redirectClient(request, undefined, result, query)
  if (hasBadQuery(request)) return 403
  if (request.filename.startsWith('proxy:')) return toProxy(request, result.noEscape)
  if (result.passThrough) {
    request.path = request.filename
    request.filename = ''
    return undefined
  }
  if (!request.filename.startsWith('/')) return refuseFilename(request, result.rule)
  const { documentRoot } = request.server.settings.get(coreServer)
  if (!isFilePath(request.filename, result.rule, documentRoot)) {
    request.filename = documentRoot === '/' ? request.filename : documentRoot + request.filename
    trace(request, undefined, 2, () => `prefixed with document_root to ${request.filename}`)
  }
  trace(request, undefined, 1, () => `go-ahead with ${request.filename} [OK]`)
  return 'ok'
}

/**
 * Whether a path is one of the file system: its first component is there. A rule has to write that component itself, or else a client could
 * name any file with `/$1`; what lies below the document root already needs no rule's word.
 */
function isFilePath(path: string, { flags, output }: Rule, documentRoot: string): boolean {
  const first = /^\/(?!\.{1,2}(?:\/|$))[^/]+/.exec(path)?.[0]
  if (first === undefined) return false
  if (!flags.prefixStat && !output.startsWith(first) && !path.startsWith(`${documentRoot}/`)) return false
  try {
    return lstatSync(pathBytes(first), { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

/** Blanks and control characters in a query come from groups that should have been escaped (flag `B`). */
export function hasBadQuery(request: Request): boolean {
  if (request.query === undefined || !/[\x00-\x20\x7f]/.test(request.query)) return false
  request.report(
    'rewrite',
    'error',
    'Rewritten query string contains control characters or spaces',
    'AH10410',
  )
  return true
}

/** A rule made something that leads nowhere. */
export function refuseFilename(request: Request, rule: { readonly text: string }): Outcome {
  request.report(
    'rewrite',
    'error',
    `RewriteRule '${rule.text}' made '${request.filename}', which is neither a path nor a URL`,
  )
  return 400
}

/** mod_proxy takes it from here. @param noEscape the path is as it shall be sent */
export function toProxy(request: Request, noEscape: boolean): Outcome {
  if (noEscape) request.notes.set('proxy-nocanon', '1')
  if (request.query !== undefined) request.filename += `?${request.query}`
  request.handler = 'proxy-server'
  trace(request, undefined, 1, () => `go-ahead with proxy request ${request.filename} [OK]`)
  return 'ok'
}

/** @param query as it was before the rules */
export function redirectClient(
  request: Request,
  directory: string | undefined,
  result: Extract<RunResult, { kind: 'changed' }>,
  query: string | undefined,
): number {
  const { noEscape, status } = result
  const location = redirectLocation(
    request.filename,
    request.query,
    !noEscape,
    !noEscape && request.query !== query,
  )
  request.headersOut.set('Location', location)
  trace(request, directory, 1, () => `redirect to ${location} [REDIRECT/${status}]`)
  return status
}
