/**
 * One choice between variants for one request, and what the response's header says of it (RFC 2295): what MultiViews and type maps share.
 */
import type { HeaderTable } from '../../request/headers.js'
import type { Request } from '../../request/request.js'
import { escapeHtml } from '../html-text.js'
import { alternatesOf, choose, type Variant, varyOf } from './choose.js'
import { negotiationDir } from './settings.js'

/** Note with the list of variants as HTML, for the page that says that none was sent. */
export const VARIANT_LIST = 'variant-list'

/** Whether a cache may choose in our place: what depends on more than the URL is nothing that it could choose from. */
export function isTransparent(request: Request): boolean {
  return (request.method === 'GET' || request.method === 'HEAD') && request.pathInfo === ''
}

/**
 * @param transparent see {@link isTransparent}
 * @param table where the fields of a choice go
 * @returns the variant to send; else the status that ends the request: 406, or 300 for a client that wants to choose itself
 */
export function negotiate<V extends Variant>(
  request: Request,
  variants: readonly V[],
  transparent: boolean,
  table: HeaderTable,
): V | 300 | 406 {
  const { languagePriority, force } = request.dir.get(negotiationDir)
  const { headersIn } = request
  const best = choose(
    variants,
    {
      accept: headersIn.value('Accept'),
      language: headersIn.value('Accept-Language'),
      charset: headersIn.value('Accept-Charset'),
      encoding: headersIn.value('Accept-Encoding'),
    },
    {
      priority: languagePriority.map((language) => language.toLowerCase()),
      prefer: force.includes('prefer'),
      fallback: force.includes('fallback'),
    },
  ) as V | undefined
  const asked = transparent ? headersIn.value('Negotiate') : undefined
  // `*` leaves the choice to us; whoever names anything else wants the list (RFC 2295, 8.4)
  const list = asked !== undefined && !asked.split(',').some((one) => one.trim() === '*')
  const sent = list ? undefined : best
  const out = sent === undefined ? request.errHeadersOut : table
  const vary = varyOf(variants, transparent)
  if (vary !== '' && !request.env.has('force-no-vary')) out.append('Vary', vary)
  if (transparent) out.set('TCN', sent === undefined ? 'list' : 'choice')
  if ((sent === undefined || asked !== undefined) && variants.length > 0)
    out.set('Alternates', alternatesOf(variants))
  if (sent !== undefined) return sent
  request.notes.set(VARIANT_LIST, pageOf(variants))
  if (asked !== undefined) return 300
  const names = variants.map(({ name }) => name).join(', ') || 'none'
  request.report(
    'negotiation',
    'error',
    `no acceptable variant: ${request.filename} (there are ${names})`,
    'AH00690',
  )
  return 406
}

function pageOf(variants: readonly Variant[]): string {
  const items = variants.map(({ name, type, languages, charset, encodings }) => {
    const about = [type, ...languages, charset, ...encodings].filter(Boolean).join(', ')
    return `<li><a href="${escapeHtml(encodeURI(name))}">${escapeHtml(name)}</a>${about === '' ? '' : ` (${escapeHtml(about)})`}</li>\n`
  })
  return `<p>There is:</p>\n<ul>\n${items.join('')}</ul>\n`
}
