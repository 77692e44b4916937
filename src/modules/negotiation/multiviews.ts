/**
 * `Options MultiViews`: a URL that leads to no file stands for the files that are called like it with extensions. Runs in the type checker,
 * before extensions are looked at; the file that is chosen takes the request over.
 * Manual: https://httpd.apache.org/docs/2.4/content-negotiation.html#multiviews
 */
import { readdirSync } from 'node:fs'
import { pathBytes } from '../../config/files.js'
import type { Request } from '../../request/request.js'
import { coreDir, hasOption, OPTION } from '../core/settings.js'
import { isNegotiable } from '../mime.js'
import type { Outcome } from '../module.js'
import { escapePath } from '../url-text.js'
import type { Variant } from './choose.js'
import { isTypeMap } from './map-handler.js'
import { isTransparent, negotiate } from './negotiate.js'

/** Files that one URL may stand for; more are not looked at. */
const CANDIDATES_MAX = 256

export function typeChecker(request: Request): Outcome | Promise<Outcome> {
  if (request.finfo !== undefined || !hasOption(request.dir.get(coreDir), OPTION.MultiViews)) return undefined
  if (!request.filename.startsWith('/') || request.filename.endsWith('/')) return undefined
  const slash = request.filename.lastIndexOf('/')
  const directory = request.filename.slice(0, slash + 1)
  const name = request.filename.slice(slash + 1)
  // extensions that nobody knows are part of the name, so they have to be asked for
  const names = candidates(directory, name).filter((one) => isNegotiable(request, one, name))
  if (names.length === 0) return undefined
  const found = names.map((one) => request.dispatch?.lookUpFile(request, directory + one))
  return found.some((one) => one instanceof Promise)
    ? Promise.all(found).then((late) => decide(request, late))
    : decide(request, found as (Request | undefined)[])
}

/** Names in the directory that begin with the one asked for and a dot. */
function candidates(directory: string, name: string): string[] {
  try {
    return readdirSync(pathBytes(directory), { encoding: 'buffer' })
      .map((entry) => entry.toString('latin1'))
      .filter((entry) => entry.startsWith(`${name}.`))
      .sort()
      .slice(0, CANDIDATES_MAX)
  } catch {
    return []
  }
}

function decide(request: Request, looked: readonly (Request | undefined)[]): Outcome {
  // a type map says which variants there are; its handler chooses
  const map = looked.find((one) => one?.status === 200 && isTypeMap(one))
  if (map !== undefined) {
    take(request, map)
    return 'ok'
  }
  const found = new Map<Variant, Request>()
  for (const one of looked) {
    if (one?.status !== 200 || one.finfo?.isFile() !== true) continue
    const name = one.filename.slice(one.filename.lastIndexOf('/') + 1)
    const { contentType, charset, contentLanguages, contentEncoding } = one
    // what has neither a type nor a handler is nothing that could be chosen
    if (contentType === undefined && one.handler === undefined) continue
    found.set(
      {
        name,
        type: contentType ?? (one.handler === undefined ? undefined : 'application/x-httpd-cgi'),
        charset,
        languages: contentLanguages,
        encodings: contentEncoding,
        quality: 1,
        size: one.finfo.size,
      },
      one,
    )
  }
  const variants = [...found.keys()]
  if (variants.length === 0) return undefined
  const transparent = isTransparent(request)
  const best = negotiate(request, variants, transparent, request.headersOut)
  if (typeof best === 'number') return best
  take(request, found.get(best) as Request)
  if (transparent) request.headersOut.set('Content-Location', escapePath(best.name))
  return 'ok'
}

/** The file's request goes on in place of the one that asked, with its query and path info. */
function take(request: Request, found: Request): void {
  found.pathInfo = request.pathInfo
  found.path += request.pathInfo
  found.query = request.query
  request.adopt(found)
}
