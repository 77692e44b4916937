/**
 * `WSGITrustedProxyHeaders` and `WSGITrustedProxies`: what a proxy in front says about the client and its request, taken over into the environ
 * of applications; what nobody may say is taken out. Access control and logs go by the connection. Pure.
 * Rules: mod_wsgi 6, including which of several headers of a category wins (the one that is listed last).
 */
import { isIP } from 'node:net'

/** What a header can be about. */
type Category = 'client' | 'host' | 'server' | 'port' | 'mount' | 'scheme'

/** Every header that is known, in lower case. Others in the directive have no effect. */
const CATEGORIES: Readonly<Record<string, Category>> = {
  'x-forwarded-for': 'client',
  'x-client-ip': 'client',
  'x-real-ip': 'client',
  'x-forwarded-host': 'host',
  'x-host': 'host',
  'x-forwarded-server': 'server',
  'x-forwarded-port': 'port',
  'x-script-name': 'mount',
  'x-forwarded-script-name': 'mount',
  'x-forwarded-proto': 'scheme',
  'x-forwarded-scheme': 'scheme',
  'x-scheme': 'scheme',
  'x-forwarded-https': 'scheme',
  'x-forwarded-ssl': 'scheme',
  'x-https': 'scheme',
}

/** Values of the scheme headers that mean TLS; all others mean none. */
const SECURE = /^(?:https|on|true|1)$/i

/** The directives of one place. */
export interface ProxyTrust {
  /** Listed header names, lower case. */
  readonly headers: readonly string[]
  /** Whether an address belongs to a proxy, `''` being that of a UNIX socket; undefined: everybody is believed. */
  readonly isProxy: ((address: string) => boolean) | undefined
}

/** Among the proxies of a place: whoever comes through a UNIX socket, and so has no address. */
export const overUnixSocket = (address: string): boolean => address === ''

/** What a request becomes; undefined: as it is. */
export interface ProxyFacts {
  /** Names and values in turn, for the environ. */
  readonly rawHeaders: readonly string[]
  readonly remoteAddress: string | undefined
  readonly serverName: string | undefined
  readonly serverPort: string | undefined
  readonly mountPoint: string | undefined
  readonly scheme: 'http' | 'https' | undefined
}

/**
 * @param rawHeaders names and values in turn
 * @param peer the address that the request came from
 */
export function believeProxy(trust: ProxyTrust, rawHeaders: readonly string[], peer: string): ProxyFacts {
  const used = new Set(trust.headers.flatMap((name) => CATEGORIES[name] ?? []))
  const winners =
    trust.isProxy === undefined || (peer === '' ? trust.isProxy(peer) : isTrusted(trust.isProxy, peer))
      ? winnersOf(trust.headers, rawHeaders)
      : undefined
  const said = (category: Category) => winners?.get(category)?.value
  const client = winners?.get('client')
  const forwarded = client?.name === 'x-forwarded-for' ? clientOf(client.value, trust.isProxy) : undefined
  const port = said('port')
  const scheme = said('scheme')
  return {
    rawHeaders: rewrite(rawHeaders, used, winners, forwarded?.header),
    remoteAddress: forwarded?.address ?? (client?.name === 'x-forwarded-for' ? undefined : client?.value),
    serverName: said('server'),
    serverPort: port !== undefined && /^\d{1,5}$/.test(port) ? port : undefined,
    mountPoint: said('mount'),
    scheme: scheme === undefined ? undefined : SECURE.test(scheme) ? 'https' : 'http',
  }
}

interface Winner {
  readonly name: string
  readonly value: string
}

/** The header of each category that counts: of those listed and sent with a value, the one that is listed last. */
function winnersOf(listed: readonly string[], rawHeaders: readonly string[]): Map<Category, Winner> {
  const winners = new Map<Category, Winner>()
  for (const name of listed) {
    const category = CATEGORIES[name]
    const value = category === undefined ? '' : joinedValue(rawHeaders, name)
    if (category !== undefined && value !== '') winners.set(category, { name, value })
  }
  return winners
}

/** All fields of that name, joined as applications see them. */
function joinedValue(rawHeaders: readonly string[], name: string): string {
  const values: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2)
    if ((rawHeaders[at] as string).toLowerCase() === name) values.push(rawHeaders[at + 1] as string)
  return values.join(', ').trim()
}

/**
 * The client in `X-Forwarded-For`. With a list of proxies: what stands left of the unbroken row of proxies at the end, since everything
 * further left may be the client's invention; `header` is what is left of the header then. Without: the first element.
 */
function clientOf(
  value: string,
  isProxy: ProxyTrust['isProxy'],
): { address: string; header?: string } | undefined {
  const hops = value
    .split(',')
    .map((hop) => hop.trim())
    .filter((hop) => hop !== '')
  if (hops.length === 0) return undefined
  if (isProxy === undefined) return { address: hops[0] as string }
  let at = hops.length
  while (at > 0 && isTrusted(isProxy, hops[at - 1] as string)) at--
  const from = Math.max(at - 1, 0)
  return { address: hops[from] as string, header: hops.slice(from).join(', ') }
}

function isTrusted(isProxy: (address: string) => boolean, text: string): boolean {
  return isIP(text) !== 0 && isProxy(text)
}

/** The headers without those of used categories that did not win, with what the winners put elsewhere. */
function rewrite(
  rawHeaders: readonly string[],
  used: ReadonlySet<Category>,
  winners: ReadonlyMap<Category, Winner> | undefined,
  forwardedFor: string | undefined,
): string[] {
  const host = winners?.get('host')?.value
  const kept: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const lower = name.toLowerCase()
    const category = CATEGORIES[lower]
    if (host !== undefined && lower === 'host') continue
    if (category !== undefined && used.has(category)) {
      if (winners?.get(category)?.name !== lower) continue
      if (lower === 'x-forwarded-for' && forwardedFor !== undefined) continue
    }
    kept.push(name, rawHeaders[at + 1] as string)
  }
  if (host !== undefined) kept.push('Host', host)
  if (forwardedFor !== undefined) kept.push('X-Forwarded-For', forwardedFor)
  return kept
}
