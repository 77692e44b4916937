/** The URL of a backend in the ways in which a `<Proxy>` section may have written it. Pure. */

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443', ws: '80', wss: '443' }

/**
 * @param name a request's file name: `proxy:` and the URL
 * @returns the URL with and without its port where that is the scheme's own, with and without the socket file in front
 */
export function proxyPlaces(name: string): readonly string[] {
  const url = name.slice(name.indexOf(':') + 1)
  const found = /^(unix:[^|]*\|)?([a-z]+):\/\/([^/?]*)(.*)$/is.exec(url)
  if (found === null) return [url]
  const [, socket = '', written = '', authority = '', rest = ''] = found
  const scheme = written.toLowerCase()
  const bare = authority.toLowerCase().replace(new RegExp(`:${DEFAULT_PORTS[scheme] ?? ''}$`), '')
  const hosts = /:\d+$/.test(bare) ? [bare] : [bare, `${bare}:${DEFAULT_PORTS[scheme] ?? ''}`]
  // ws:// is http:// whose clients may change to WebSocket
  const schemes = scheme === 'http' ? ['http', 'ws'] : scheme === 'https' ? ['https', 'wss'] : [scheme]
  const urls = schemes.flatMap((one) => hosts.map((host) => `${one}://${host}${rest}`))
  return socket === '' ? urls : urls.flatMap((one) => [one, socket + one])
}
