/**
 * HTTPS requests of tests: each on a connection of its own, to 127.0.0.1, with any host name in the handshake and any other in the request.
 */
import { request } from 'node:https'
import type { ConnectionOptions, TLSSocket } from 'node:tls'

export interface SecureAnswer {
  readonly status: number
  readonly text: string
  /** Subject's common name of the server's certificate. */
  readonly certificate: string
  readonly protocol: string | null
}

export interface SecureAsk extends ConnectionOptions {
  /** In the handshake; also the `Host` unless `host` says otherwise. Empty: none. */
  readonly name: string
  readonly hostHeader?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export function askSecurely(port: number, place: string, ask: SecureAsk): Promise<SecureAnswer> {
  const { name, hostHeader, headers, body, ...tls } = ask
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        ...tls,
        host: '127.0.0.1',
        port,
        path: place,
        servername: name,
        rejectUnauthorized: false,
        agent: false,
        method: body === undefined ? 'GET' : 'POST',
        headers: { Host: hostHeader ?? name, ...headers },
      },
      (response) => {
        const socket = response.socket as TLSSocket
        const certificate = String(socket.getPeerCertificate().subject?.CN ?? '')
        const protocol = socket.getProtocol()
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.once('error', reject)
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text, certificate, protocol }))
      },
    )
    outgoing.setTimeout(20_000, () => outgoing.destroy(new Error('no answer')))
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}
