/**
 * `Options MultiViews`: a URL whose file does not exist is answered with the file `name.*` that suits the request best. Runs in fixups, before
 * mod_dir; the file found is looked up like any other URL, so that access rules and handlers hold for it.
 */
import { readdir } from 'node:fs/promises'
import type { Request } from '../../request/request.js'
import { coreDir, hasOption, OPTION } from '../core/settings.js'
import { isNegotiable } from '../mime.js'
import type { Outcome } from '../module.js'
import { escapePath } from '../url-text.js'
import { choose, type Variant } from './choose.js'
import { negotiationDir } from './settings.js'

/** What a file with a handler and without a type counts as, in httpd too. */
const HANDLED = 'application/x-httpd-cgi'
/** Each is looked up; nobody has so many languages. */
const CANDIDATES_MAX = 64

export function negotiate(request: Request): Outcome | Promise<Outcome> {
  if (request.finfo !== undefined || request.filename === '') return undefined
  if (!hasOption(request.dir.get(coreDir), OPTION.MultiViews)) return undefined
  if (request.handler === 'proxy-server' || request.dispatch === undefined) return undefined
  return multiViews(request)
}

async function multiViews(request: Request): Promise<Outcome> {
  const slash = request.filename.lastIndexOf('/')
  const [directory, base] = [request.filename.slice(0, slash + 1), request.filename.slice(slash + 1)]
  if (base === '') return undefined
  let names: string[]
  try {
    names = await readdir(Buffer.from(directory, 'latin1'), { encoding: 'latin1' })
  } catch {
    return undefined // there is no such directory: 404 as without negotiation
  }
  const candidates = names
    .filter((name) => name.startsWith(`${base}.`) && isNegotiable(request, name, base))
    .slice(0, CANDIDATES_MAX)
  const place = request.path.slice(0, request.path.length - request.pathInfo.length)
  const folder = place.slice(0, place.lastIndexOf('/') + 1)
  const found: Request[] = []
  for (const name of candidates) {
    const one = await lookUp(request, escapePath(folder + name))
    if (one?.status === 200 && one.finfo?.isFile()) found.push(one)
  }
  if (found.length === 0) return undefined
  return take(request, found)
}

function lookUp(request: Request, url: string): Request | Promise<Request> | undefined {
  return request.dispatch?.lookUp(request, request.query === undefined ? url : `${url}?${request.query}`)
}

function take(request: Request, found: readonly Request[]): Outcome {
  const { languagePriority, force } = request.dir.get(negotiationDir)
  const variants = found.map(variantOf)
  const wish = (name: string) => {
    const values = request.headersIn.all(name)
    return values.length === 0 ? undefined : values.join(', ')
  }
  const wishes = {
    accept: wish('Accept'),
    language: wish('Accept-Language'),
    charset: wish('Accept-Charset'),
    encoding: wish('Accept-Encoding'),
  }
  const at = choose(variants, wishes, {
    priority: languagePriority.map((language) => language.toLowerCase()),
    prefer: force.includes('prefer'),
    fallback: force.includes('fallback'),
  })
  request.errHeadersOut.append('Vary', varyOf(variants))
  if (at === undefined) {
    const listed = found.map(({ filename }) => nameOf(filename)).join(', ')
    request.report(
      'negotiation',
      'error',
      `no acceptable variant: ${request.filename} (there are ${listed})`,
      'AH00690',
    )
    return 406
  }
  const best = found[at] as Request
  const { pathInfo } = request
  request.adopt(best)
  // What follows the name in the URL follows the file.
  request.pathInfo = pathInfo
  request.path += pathInfo
  request.headersOut.set('Content-Location', escapePath(nameOf(best.filename)))
  request.headersOut.set('TCN', 'choice')
  return undefined
}

function variantOf({ contentType, contentLanguages, charset, contentEncoding, finfo }: Request): Variant {
  return {
    type: (contentType ?? HANDLED).split(';')[0]?.trim().toLowerCase() as string,
    languages: contentLanguages,
    charset,
    encodings: contentEncoding,
    size: finfo?.size ?? 0,
  }
}

/** The headers that could have changed the choice. */
function varyOf(variants: readonly Variant[]): string {
  const differ = (value: (variant: Variant) => string) => new Set(variants.map(value)).size > 1
  return [
    'negotiate',
    ...(differ(({ type }) => type) ? ['accept'] : []),
    ...(differ(({ languages }) => languages.join()) ? ['accept-language'] : []),
    ...(differ(({ charset }) => charset ?? '') ? ['accept-charset'] : []),
    ...(differ(({ encodings }) => encodings.join()) ? ['accept-encoding'] : []),
  ].join(',')
}

const nameOf = (file: string): string => file.slice(file.lastIndexOf('/') + 1)
