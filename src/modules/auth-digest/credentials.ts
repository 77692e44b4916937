/**
 * What an `Authorization: Digest …` field says, and the hashes that prove it. Pure.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7616
 */
import { createHash } from 'node:crypto'
import type { DigestAlgorithm } from '../authn-provider.js'

/** Texts have one character per byte. */
export interface DigestCredentials {
  readonly user: string
  readonly realm: string
  readonly nonce: string
  readonly uri: string
  readonly response: string
  /** undefined: MD5. */
  readonly algorithm: string | undefined
  /** undefined: in the manner of RFC 2069, without client nonce and count. */
  readonly protection: { readonly qop: string; readonly count: string; readonly cnonce: string } | undefined
}

/** `name=value` or `name="value"`, up to the next comma. RFC 9110 section 11.2. */
const PARAMETER =
  /[\s,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))[ \t]*(?=,|$)/y
const COUNT = /^[0-9a-f]{8}$/i

/**
 * Reads a field's value after its scheme.
 * @returns undefined where something is missing, doubled or malformed
 */
export function readDigestCredentials(text: string): DigestCredentials | undefined {
  const values = readParameters(text.trimEnd())
  if (values === undefined || values.get('userhash')?.toLowerCase() === 'true') return undefined
  const user = values.get('username') ?? extendedValue(values.get('username*'))
  const [realm, nonce, uri, response] = ['realm', 'nonce', 'uri', 'response'].map((name) => values.get(name))
  if (user === undefined || realm === undefined || nonce === undefined) return undefined
  if (uri === undefined || response === undefined) return undefined
  const [qop, count, cnonce] = ['qop', 'nc', 'cnonce'].map((name) => values.get(name))
  if (qop !== undefined && (cnonce === undefined || !COUNT.test(count ?? ''))) return undefined
  return {
    user,
    realm,
    nonce,
    uri,
    response,
    algorithm: values.get('algorithm'),
    protection: qop === undefined ? undefined : { qop, count: count as string, cnonce: cnonce as string },
  }
}

function readParameters(text: string): Map<string, string> | undefined {
  const values = new Map<string, string>()
  PARAMETER.lastIndex = 0
  while (PARAMETER.lastIndex < text.length) {
    const match = PARAMETER.exec(text)
    if (match === null) return undefined
    const name = (match[1] as string).toLowerCase()
    if (values.has(name)) return undefined
    values.set(name, match[3] ?? (match[2] as string).replace(/\\(.)/g, '$1'))
  }
  return values
}

/** `UTF-8''…` of RFC 5987, for user names that cannot stand between quotes. */
function extendedValue(text: string | undefined): string | undefined {
  const encoded = /^UTF-8'[^']*'((?:[^%'\s]|%[0-9a-f]{2})*)$/i.exec(text ?? '')?.[1]
  return encoded?.replace(/%(..)/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))
}

/** @param text one character per byte */
export function digestOf(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text, 'latin1')
    .digest('hex')
}

/**
 * The hash that proves knowledge of a password: of a request, with its method; of a response (`rspauth`), with an empty one.
 * @param secret hash of user, realm and password
 */
export function proofOf(
  algorithm: DigestAlgorithm,
  secret: string,
  method: string,
  { nonce, uri, protection }: DigestCredentials,
): string {
  const what = digestOf(algorithm, `${method}:${uri}`)
  const middle =
    protection === undefined ? nonce : `${nonce}:${protection.count}:${protection.cnonce}:${protection.qop}`
  return digestOf(algorithm, `${secret}:${middle}:${what}`)
}

/**
 * Whether the `uri` of the credentials is the request's target, however either is escaped, and whether it has scheme and host or not.
 * @param origin the host asked for: lower case, and with the port that the client connects to
 */
export function isSameTarget(
  uri: string,
  target: string,
  origin: { readonly hostname: string; readonly port: number; readonly defaultPort: number },
  ignoreMissingQuery = false,
): boolean {
  if (uri === target) return true
  const [given, real] = [splitUri(uri), splitUri(target)]
  if (given.host !== '') {
    const { hostname = '', port } = /^(?<hostname>.*?)(?::(?<port>\d+))?$/.exec(given.host)?.groups ?? {}
    if (hostname.toLowerCase() !== origin.hostname) return false
    if (Number(port ?? origin.defaultPort) !== origin.port) return false
  }
  if (given.path !== real.path) return false
  return given.query === real.query || (given.query === undefined && ignoreMissingQuery)
}

function splitUri(uri: string): { host: string; path: string; query: string | undefined } {
  const [, host = '', rest = ''] = /^(?:[a-z][a-z0-9+.-]*:\/\/([^/?#]*))?([^#]*)/i.exec(uri) ?? []
  const mark = rest.indexOf('?')
  const decode = (text: string): string =>
    text.replace(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))
  return {
    host,
    path: decode(mark < 0 ? rest : rest.slice(0, mark)),
    query: mark < 0 ? undefined : decode(rest.slice(mark + 1)),
  }
}
