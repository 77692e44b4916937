/**
 * Whether a response may be compressed for a client, and what its header says then: what mod_deflate and mod_brotli have in common.
 * Rules: RFC 9110 sections 8.4 and 12.5.3; httpd's mod_deflate. Pure but for the tables of the request that it is given.
 */
import type { Request } from '../../request/request.js'
import { variable } from '../variables.js'

/** Shorter bodies would grow. */
const LEAST_BYTES = 69

export type AlterETag = 'AddSuffix' | 'NoChange' | 'Remove'

/** How one coding takes part. */
export interface Coding {
  /** As in `Accept-Encoding`. */
  readonly token: 'gzip' | 'br'
  /** Variable that forbids it for a request. */
  readonly offVariable: 'no-gzip' | 'no-brotli'
  readonly alterETag: AlterETag
}

/** Decides, and changes the header accordingly. @returns whether the body has to be compressed */
export function takeOn(request: Request, length: number | undefined, coding: Coding): boolean {
  const { status, headersOut } = request
  if (status === 204 || status === 304 || status < 200 || request.isBuiltInPage || request.main !== undefined)
    return false
  if (length !== undefined && length < LEAST_BYTES) return false
  const type = (headersOut.get('Content-Type') ?? request.contentType ?? '').split(';', 1)[0] as string
  if (request.hasEnv) {
    if (variable(request.env, coding.offVariable) !== undefined) return false
    if (variable(request.env, 'gzip-only-text/html') === '1' && type.trim().toLowerCase() !== 'text/html')
      return false
  }
  if (headersOut.has('Content-Range') || isEncoded(request)) return false
  const forced =
    coding.token === 'gzip' && request.hasEnv && variable(request.env, 'force-gzip') !== undefined
  addVary(request)
  if (!forced && !accepts(request.headersIn.all('Accept-Encoding').join(','), coding.token)) return false
  headersOut.unset('Content-Length')
  headersOut.unset('Content-MD5')
  headersOut.set('Content-Encoding', coding.token)
  markETag(request, coding)
  return true
}

function isEncoded(request: Request): boolean {
  if (request.contentEncoding.length > 0) return true
  const encoding = request.headersOut.get('Content-Encoding') ?? request.errHeadersOut.get('Content-Encoding')
  return encoding !== undefined && encoding.toLowerCase() !== 'identity'
}

function addVary({ headersOut }: Request): void {
  const vary = headersOut.get('Vary')
  if (vary === undefined) headersOut.set('Vary', 'Accept-Encoding')
  else if (!/(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(vary))
    headersOut.append('Vary', 'Accept-Encoding')
}

/** Whether `Accept-Encoding` takes that coding: named, or through `*`, with a quality above 0. */
export function accepts(header: string, token: string): boolean {
  let any = false
  for (const item of header.split(',')) {
    const [name = '', ...parameters] = item.split(';')
    const coding = name.trim().toLowerCase()
    const isNamed = coding === token || (token === 'gzip' && coding === 'x-gzip')
    if (!isNamed && coding !== '*') continue
    const quality = parameters.map((text) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(text)?.[1]).find((q) => q)
    const wanted = quality === undefined || Number(quality) > 0
    if (isNamed) return wanted
    any = wanted
  }
  return any
}

function markETag({ headersOut }: Request, { alterETag, token }: Coding): void {
  const etag = headersOut.get('ETag')
  if (etag === undefined || alterETag === 'NoChange') return
  if (alterETag === 'Remove') headersOut.unset('ETag')
  else headersOut.set('ETag', etag.replace(/"$/, `${SUFFIX[token]}"`))
}

const SUFFIX = { gzip: '-gzip', br: '-br' } as const

/** An entity tag as it was before {@link takeOn} marked it, for comparing what clients send back. */
export function withoutCoding(tags: string): string {
  return tags.replace(/-(?:gzip|br)"/g, '"')
}
