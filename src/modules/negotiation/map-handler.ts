/**
 * The handler of type maps (`AddHandler type-map .var`): reads which variants there are, chooses, and sends what the map holds itself, or goes on
 * with the URL of a file. The stock error documents of distributions are such maps.
 * Manual: https://httpd.apache.org/docs/2.4/mod/mod_negotiation.html#typemaps
 */
import { closeSync, constants, fstatSync, readFileSync, type Stats, statSync } from 'node:fs'
import { pathBytes } from '../../config/files.js'
import { dateNow } from '../../http/http-date.js'
import type { Request } from '../../request/request.js'
import { serveBytes } from '../../request/static-bytes.js'
import { openAnchored } from '../../request/walk/anchor.js'
import { versionOf } from '../../system/file-version.js'
import { coreDir, hasOption, OPTION } from '../core/settings.js'
import type { Outcome } from '../module.js'
import { escapePath } from '../url-text.js'
import { isTransparent, negotiate } from './negotiate.js'
import { negotiationServer } from './settings.js'
import { type MapVariant, parseTypeMap, type TypeMap } from './type-map.js'

/** Media type of type maps, for `AddType`. */
export const MAP_TYPE = 'application/x-type-map'

/** Larger files are no type maps, in bytes. */
const MAP_MAX_BYTES = 4 * 1024 * 1024
const KNOWN_MAX = 256
/** Maps as they were last read, by file. */
const known = new Map<string, { readonly version: string; readonly map: TypeMap }>()

export function isTypeMap({ handler, contentType }: Request): boolean {
  return handler === 'type-map' || (handler ?? contentType) === MAP_TYPE
}

export function handler(request: Request): Outcome | Promise<Outcome> {
  if (!isTypeMap(request)) return undefined
  const map = request.finfo?.isFile() === true ? readMap(request) : missing(request)
  if (typeof map === 'number') return map
  if (map.fault !== undefined) {
    request.report('negotiation', 'error', map.fault.message, map.fault.code)
    if (map.fault.fatal) return 500
  }
  const directory = request.filename.slice(0, request.filename.lastIndexOf('/') + 1)
  const variants = map.variants.map((one) => ({ ...one, size: one.size ?? sizeOf(directory, one.name) }))
  // a cache finds variants beside the map alone
  const transparent =
    isTransparent(request) && variants.every(({ body, name }) => body === undefined && !name.includes('/'))
  // in the table that survives the internal redirect to the variant
  const best = negotiate(request, variants, transparent, request.errHeadersOut)
  if (request.protocol === 'HTTP/1.0' && !request.server.settings.get(negotiationServer).cacheable)
    request.errHeadersOut.set('Expires', dateNow())
  if (typeof best === 'number') return best
  if (best.body !== undefined) return sendBody(request, best, best.body)
  if (!transparent) return goOn(request, best)
  const found = request.dispatch?.lookUpFile(request, directory + decoded(best.name))
  return found instanceof Promise
    ? found.then((late) => judge(request, best, late))
    : judge(request, best, found)
}

function missing(request: Request): number {
  request.report('negotiation', 'error', `cannot access type map file: ${request.filename}`, 'AH00679')
  return 404
}

function readMap(request: Request): TypeMap | number {
  const { filename } = request
  let fd: number | 'moved'
  try {
    fd = openAnchored(filename, constants.O_RDONLY | constants.O_NONBLOCK, request.anchor)
  } catch (error) {
    const cause = error as NodeJS.ErrnoException
    request.report('negotiation', 'error', `cannot access type map file: ${filename}`, 'AH00679', cause)
    return cause.code === 'ENOENT' || cause.code === 'ENOTDIR' ? 404 : 403
  }
  if (fd === 'moved') return 403
  try {
    const file = fstatSync(fd)
    if (!file.isFile() || file.size > MAP_MAX_BYTES) {
      request.report(
        'negotiation',
        'error',
        `${filename} is no type map: ${file.size} bytes; ${MAP_MAX_BYTES} are read`,
        'WSGH0012',
      )
      return 500
    }
    return parsed(filename, fd, file)
  } finally {
    closeSync(fd)
  }
}

function parsed(filename: string, fd: number, file: Stats): TypeMap {
  const version = versionOf(file)
  const before = known.get(filename)
  if (version !== undefined && version === before?.version) return before.map
  const map = parseTypeMap(readFileSync(fd, 'latin1'), filename)
  if (known.size >= KNOWN_MAX) known.clear()
  if (version !== undefined) known.set(filename, { version, map })
  return map
}

/** The name of a variant is written as in a URL. */
function decoded(name: string): string {
  return name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function sizeOf(directory: string, name: string): number {
  try {
    return statSync(pathBytes(directory + decoded(name))).size
  } catch {
    return 0
  }
}

/** The variant lies in the map itself. */
function sendBody(request: Request, variant: MapVariant, body: string): Outcome {
  if (body.includes('<!--#') && hasOption(request.dir.get(coreDir), OPTION.Includes)) {
    request.report(
      'negotiation',
      'error',
      `${request.filename} has server-side includes, which are not run here; their text is not shown. Write an error document without them, or as a WSGI application.`,
      'WSGH0013',
    )
    return 500
  }
  const { type, charset, languages, encodings } = variant
  if (type !== undefined) request.contentType = charset === undefined ? type : `${type}; charset=${charset}`
  request.contentLanguages = [...languages]
  request.contentEncoding = [...encodings]
  return serveBytes(request, Buffer.from(body, 'latin1'))
}

/** What has to be negotiated again is no variant: RFC 2295, 8.1. */
function judge(request: Request, best: MapVariant, found: Request | undefined): Outcome | Promise<Outcome> {
  if (found !== undefined && found.status === 200 && isTypeMap(found)) {
    for (const name of ['Vary', 'TCN', 'Alternates']) request.errHeadersOut.unset(name)
    request.report(
      'negotiation',
      'error',
      `${request.filename}: the variant ${best.name} is a type map itself`,
      'WSGH0014',
    )
    return 506
  }
  request.errHeadersOut.set('Content-Location', best.name)
  return goOn(request, best)
}

function goOn(request: Request, { name }: MapVariant): Outcome | Promise<Outcome> {
  const { pathInfo, query } = request
  if (pathInfo !== '') request.path = request.path.slice(0, request.path.length - pathInfo.length)
  const directory = request.path.slice(0, request.path.lastIndexOf('/') + 1)
  const url = `${escapePath(directory)}${name}${escapePath(pathInfo)}`
  return request.dispatch?.redirect(request, query === undefined ? url : `${url}?${query}`)
}
