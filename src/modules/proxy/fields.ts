/**
 * Header fields on their way to a backend and back: what concerns one connection alone is taken out, and the backend learns whom it serves.
 * Rules: RFC 9110 sections 7.6.1 and 7.6.3. Pure.
 */

/** Fields that are about the connection, never forwarded (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authorization',
])

/** Methods of which a request without a body is the common one. */
const BODYLESS = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'])

/** The fields without those that are about the connection, those that `Connection` names among them. Names and values in turn. */
export function endToEnd(fields: readonly string[]): string[] {
  const named = new Set<string>()
  for (let at = 0; at < fields.length; at += 2)
    if ((fields[at] as string).toLowerCase() === 'connection')
      for (const token of (fields[at + 1] as string).split(',')) named.add(token.trim().toLowerCase())
  const kept: string[] = []
  for (let at = 0; at < fields.length; at += 2) {
    const name = (fields[at] as string).toLowerCase()
    if (!HOP_BY_HOP.has(name) && !named.has(name)) kept.push(fields[at] as string, fields[at + 1] as string)
  }
  return kept
}

export interface Forwarding {
  readonly method: string
  /** `Host` that the backend gets. */
  readonly host: string
  /** Who asks, for `X-Forwarded-*`; undefined: they are left alone. */
  readonly client:
    | { readonly address: string; readonly host: string | undefined; readonly server: string }
    | undefined
  /** Value of our `Via`; undefined: none. */
  readonly via: string | undefined
  /** `Via` fields of others are taken out. */
  readonly dropVia: boolean
  /** Bytes of the body; `chunked`: not known beforehand; undefined: there is none. */
  readonly body: number | 'chunked' | undefined
  /** Protocol to change to, as the client wrote it. */
  readonly upgrade: string | undefined
  readonly keepAlive: boolean
}

/** The request's fields as the backend gets them. Names and values in turn. */
export function requestFields(fields: readonly string[], forwarding: Forwarding): string[] {
  const sent: string[] = ['Host', forwarding.host]
  const forwarded: Record<string, string[]> = {
    'x-forwarded-for': [],
    'x-forwarded-host': [],
    'x-forwarded-server': [],
  }
  const { client } = forwarding
  const kept = endToEnd(fields)
  for (let at = 0; at < kept.length; at += 2) {
    const name = kept[at] as string
    const value = kept[at + 1] as string
    const lower = name.toLowerCase()
    // whether to go on is settled between the client and us
    if (lower === 'host' || lower === 'content-length' || lower === 'expect') continue
    if (lower === 'via' && forwarding.dropVia) continue
    const joined = client === undefined ? undefined : forwarded[lower]
    if (joined !== undefined) joined.push(value)
    else sent.push(name, value)
  }
  if (forwarding.via !== undefined) sent.push('Via', forwarding.via)
  if (client !== undefined) {
    const add = (name: string, value: string | undefined): void => {
      const values = [...(forwarded[name.toLowerCase()] as string[]), ...(value === undefined ? [] : [value])]
      if (values.length > 0) sent.push(name, values.join(', '))
    }
    add('X-Forwarded-For', client.address)
    add('X-Forwarded-Host', client.host)
    add('X-Forwarded-Server', client.server)
  }
  if (forwarding.body === 'chunked') sent.push('Transfer-Encoding', 'chunked')
  else if (forwarding.body !== undefined) sent.push('Content-Length', String(forwarding.body))
  // a body might be meant: it is told that there is none (RFC 9110 section 8.6)
  else if (!BODYLESS.has(forwarding.method)) sent.push('Content-Length', '0')
  if (forwarding.upgrade !== undefined) sent.push('Upgrade', forwarding.upgrade, 'Connection', 'Upgrade')
  else sent.push('Connection', forwarding.keepAlive ? 'Keep-Alive' : 'close')
  return sent
}
