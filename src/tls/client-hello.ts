/**
 * The first thing a TLS client sends, read before the handshake begins: it names the host, which decides everything else (certificate, protocol
 * versions, whether a client certificate is asked for). Pure.
 * Rules: RFC 8446 sections 4.1.2 and 5.1, RFC 6066 section 3.
 */

/** A ClientHello is seldom over 2 KiB; what is over this is no client of ours. */
export const CLIENT_HELLO_MAX_BYTES = 64 * 1024

export type Greeting =
  | { readonly kind: 'more' }
  /** `serverName`: lower case, undefined where the client names none. */
  | { readonly kind: 'tls'; readonly serverName: string | undefined }
  /** HTTP without TLS. */
  | { readonly kind: 'http' }
  | { readonly kind: 'unknown' }

const MORE: Greeting = { kind: 'more' }
const UNKNOWN: Greeting = { kind: 'unknown' }

/** What the bytes received so far begin. */
export function readGreeting(bytes: Buffer): Greeting {
  const first = bytes[0]
  if (first === undefined) return MORE
  if (first !== 0x16) return looksLikeHttp(bytes) ? { kind: 'http' } : UNKNOWN
  const message = handshakeMessage(bytes)
  if (message === 'more') return bytes.length >= CLIENT_HELLO_MAX_BYTES ? UNKNOWN : MORE
  if (message === undefined) return UNKNOWN
  return { kind: 'tls', serverName: serverNameOf(message) }
}

/** A method, or blank lines before one. */
function looksLikeHttp(bytes: Buffer): boolean {
  return /^[\r\n]*[A-Za-z]/.test(bytes.toString('latin1', 0, 16))
}

/** The ClientHello without its own head, put together from as many records as it takes; undefined: something else. */
function handshakeMessage(bytes: Buffer): Buffer | 'more' | undefined {
  const parts: Buffer[] = []
  let have = 0
  let at = 0
  for (;;) {
    if (at + 5 > bytes.length) return 'more'
    if (bytes[at] !== 0x16 || bytes[at + 1] !== 3) return undefined
    const length = bytes.readUInt16BE(at + 3)
    if (length === 0) return undefined
    const part = bytes.subarray(at + 5, at + 5 + length)
    parts.push(part)
    have += part.length
    const message = parts.length === 1 ? part : Buffer.concat(parts)
    if (message.length > 0 && message[0] !== 1) return undefined
    if (have >= 4) {
      const wanted = message.readUIntBE(1, 3)
      if (wanted > CLIENT_HELLO_MAX_BYTES) return undefined
      if (have >= 4 + wanted) return message.subarray(4, 4 + wanted)
    }
    if (part.length < length) return 'more'
    at += 5 + length
  }
}

/** `host_name` of the extension `server_name`. A malformed message has none: the TLS library will say what is wrong with it. */
function serverNameOf(hello: Buffer): string | undefined {
  try {
    let at = 2 + 32 // version, random
    at += 1 + hello.readUInt8(at) // session id
    at += 2 + hello.readUInt16BE(at) // cipher suites
    at += 1 + hello.readUInt8(at) // compression methods
    if (at >= hello.length) return undefined
    const end = at + 2 + hello.readUInt16BE(at)
    at += 2
    while (at + 4 <= end) {
      const type = hello.readUInt16BE(at)
      const length = hello.readUInt16BE(at + 2)
      if (type === 0) return hostName(hello.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return undefined
}

function hostName(extension: Buffer): string | undefined {
  if (extension.readUInt8(2) !== 0) return undefined
  const name = extension.subarray(5, 5 + extension.readUInt16BE(3)).toString('latin1')
  return name === '' ? undefined : name.toLowerCase()
}
