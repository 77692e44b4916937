/**
 * URLs as rules make them: absolute or not, their queries, and how they are escaped for the client. Pure.
 */
import { escapePath } from '../url-text.js'
import type { RuleFlags } from './rule.js'

const SCHEME =
  /^(?:(?:ajp|balancer|fcgi|ftp|gopher|h2c?|https?|ldap|nntp|scgi|uwsgi|wss?):\/\/|(?:mailto|news):|unix:)/i

/** Whether a text names its scheme, and one that this server knows. */
export function isAbsoluteUrl(text: string): boolean {
  return SCHEME.test(text)
}

/** Cuts the query off a substitution and joins it with the one that was there. */
export function splitQueryOff(
  target: string,
  before: string | undefined,
  { query: mode, queryLast, noQuery }: Pick<RuleFlags, 'query' | 'queryLast' | 'noQuery'>,
): { filename: string; query: string | undefined } {
  if (noQuery) return { filename: target, query: mode === 'append' ? before : undefined }
  const kept = mode === 'discard' ? undefined : before
  const mark = queryLast ? target.lastIndexOf('?') : target.indexOf('?')
  if (mark < 0) return { filename: target, query: kept }
  const own = target.slice(mark + 1)
  const query = mode === 'append' && kept ? (own === '' ? kept : `${own}&${kept}`) : own
  return { filename: target.slice(0, mark), query: query.replace(/&$/, '') || undefined }
}

/** `Location` of a redirection: the path escaped unless `NE`, the query escaped too where a rule has made it. */
export function redirectLocation(
  url: string,
  query: string | undefined,
  escaping: boolean,
  escapeQuery: boolean,
): string {
  const path = escaping ? escapeAbsolute(url) : url
  const whole = query === undefined ? path : `${path}?${escapeQuery ? escapePath(query) : query}`
  // what cannot stand in a header is escaped in any case
  return whole.replace(/[^\x21-\x7e]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

function escapeAbsolute(url: string): string {
  const origin = /^[a-z0-9+.-]+:(?:\/\/[^/]*\/?)?/i.exec(url)?.[0] ?? ''
  return origin + escapePath(url.slice(origin.length))
}

/** `input` with the directory at its beginning replaced, where it is there. */
export function replacePrefix(input: string, prefix: string, by: string): string {
  const bare = prefix.replace(/\/$/, '')
  if (!input.startsWith(`${bare}/`)) return input
  return `${by.replace(/\/$/, '')}/${input.slice(bare.length + 1)}`
}
