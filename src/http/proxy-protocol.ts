/**
 * The PROXY protocol, versions 1 and 2: what a load balancer says about the client before the connection proper begins.
 * Rules: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
import { isIPv4, isIPv6, type Socket } from 'node:net'

const SIGNATURE = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const VERSION_1_MAX_BYTES = 107
/** Version 2 allows 64 KiB of additions, none of which is of interest here. */
const VERSION_2_MAX_BYTES = 8 * 1024

/** Who the client is. */
export interface ProxiedClient {
  readonly address: string
  readonly port: number
}

export type ProxyHeader =
  | { readonly kind: 'more' }
  | { readonly kind: 'invalid'; readonly why: string }
  /** `client` undefined: the balancer speaks for itself (health checks), or does not know. */
  | { readonly kind: 'header'; readonly client: ProxiedClient | undefined; readonly bytes: number }

const MORE: ProxyHeader = { kind: 'more' }
const invalid = (why: string): ProxyHeader => ({ kind: 'invalid', why })

/** Reads the header at the beginning of what has been received. Pure. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  const length = Math.min(bytes.length, SIGNATURE.length)
  if (bytes.compare(SIGNATURE, 0, length, 0, length) === 0)
    return length < SIGNATURE.length ? MORE : version2(bytes)
  const start = bytes.toString('latin1', 0, 6)
  if (!'PROXY '.startsWith(start)) return invalid('the connection does not begin with a PROXY header')
  return version1(bytes)
}

function version1(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n')
  if (end < 0 || end + 2 > VERSION_1_MAX_BYTES)
    return bytes.length < VERSION_1_MAX_BYTES ? MORE : invalid('the PROXY line is too long')
  const line = bytes.toString('latin1', 0, end)
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { kind: 'header', client: undefined, bytes: end + 2 }
  const [, family, address = '', other = '', port = '', otherPort = ''] =
    /^PROXY TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(line) ?? []
  const isAddress = family === '4' ? isIPv4 : isIPv6
  if (
    family === undefined ||
    !isAddress(address) ||
    !isAddress(other) ||
    Number(port) > 65535 ||
    Number(otherPort) > 65535
  )
    return invalid('the PROXY line cannot be understood')
  return { kind: 'header', client: { address, port: Number(port) }, bytes: end + 2 }
}

function version2(bytes: Buffer): ProxyHeader {
  if (bytes.length < 16) return MORE
  const command = bytes[12] as number
  const family = (bytes[13] as number) >> 4
  const length = bytes.readUInt16BE(14)
  if (command >> 4 !== 2) return invalid(`PROXY protocol of version ${command >> 4}`)
  if (16 + length > VERSION_2_MAX_BYTES) return invalid('the PROXY header is too long')
  if (bytes.length < 16 + length) return MORE
  const local: ProxyHeader = { kind: 'header', client: undefined, bytes: 16 + length }
  if ((command & 15) === 0) return local
  if ((command & 15) !== 1) return invalid(`unknown PROXY command ${command & 15}`)
  if (family === 1) {
    if (length < 12) return invalid('the PROXY header is too short')
    const address = bytes.subarray(16, 20).join('.')
    return { ...local, client: { address, port: bytes.readUInt16BE(24) } }
  }
  if (family === 2) {
    if (length < 36) return invalid('the PROXY header is too short')
    const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(16 + 2 * at).toString(16))
    return { ...local, client: { address: groups.join(':'), port: bytes.readUInt16BE(48) } }
  }
  return local
}

/** Clients of connections that are open, by the balancer's end of each: the same for the plain socket and for TLS on top of it. */
const clients = new Map<string, ProxiedClient>()

/** The two ends of a connection, as sockets have them. */
export interface Ends {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Ends): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

/** Who a connection is from by its PROXY header; undefined where it had none. */
export function proxiedClient(socket: Ends): ProxiedClient | undefined {
  return clients.size === 0 ? undefined : clients.get(keyOf(socket))
}

/** Takes the header from a connection that was just accepted. Exactly one of the two is called, unless the client goes first. */
export function takeProxyHeader(
  socket: Socket,
  timeoutMs: number,
  done: () => void,
  refused: (why: string) => void,
): void {
  let received: Buffer = Buffer.alloc(0)
  const leave = (): void => {
    clearTimeout(timer)
    socket.off('readable', look)
    for (const event of ['end', 'close', 'error'] as const) socket.off(event, gone)
  }
  const refuse = (why: string): void => {
    leave()
    refused(why)
  }
  const gone = (): void => {
    leave()
    socket.destroy()
  }
  const look = (): void => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    if (received.length === 0) return
    const header = parseProxyHeader(received)
    if (header.kind === 'more') return
    if (header.kind === 'invalid') {
      refuse(header.why)
      return
    }
    leave()
    if (header.client !== undefined) {
      const key = keyOf(socket)
      clients.set(key, header.client)
      socket.once('close', () => clients.delete(key))
    }
    if (received.length > header.bytes) socket.unshift(received.subarray(header.bytes))
    done()
  }
  const timer = setTimeout(() => refuse('no PROXY header came in time'), timeoutMs).unref()
  socket.on('readable', look)
  for (const event of ['end', 'close', 'error'] as const) socket.on(event, gone)
}
