/**
 * A virtual host's side of handshakes: its keys, certificates and settings in the two forms that Node takes them.
 */
import {
  createSecureContext,
  createServer,
  type Server,
  type TLSSocket,
  type TLSSocketOptions,
} from 'node:tls'
import type { HostTls } from './contexts.js'

export class HandshakeHost {
  /** What comes of the handshakes of {@link server}. */
  secured: (socket: TLSSocket) => void = () => {}
  failed: (error: Error, socket: TLSSocket) => void = () => {}
  #server: Server | undefined
  #direct: TLSSocketOptions | undefined

  constructor(readonly tls: HostTls) {}

  /** A server of Node's that never listens: connections are given to it. */
  get server(): Server {
    if (this.#server === undefined) {
      this.#server = createServer(this.tls.options)
      this.#server.on('secureConnection', (socket) => this.secured(socket))
      this.#server.on('tlsClientError', (error, socket) => this.failed(error, socket))
    }
    return this.#server
  }

  /** The same for sockets without such a server. */
  get direct(): TLSSocketOptions {
    if (this.#direct === undefined) {
      const { options } = this.tls
      const { ALPNProtocols, ALPNCallback } = options
      this.#direct = {
        isServer: true,
        secureContext: createSecureContext(options),
        // in the form that it is sent in; made once
        ...(Array.isArray(ALPNProtocols) && { ALPNProtocols: lengthsAndNames(ALPNProtocols) }),
        ...(ALPNCallback !== undefined && { ALPNCallback }),
      }
    }
    return this.#direct
  }
}

/** Each name after a byte with its length: RFC 7301 section 3.1. */
function lengthsAndNames(names: readonly string[]): Buffer {
  return Buffer.concat(
    names.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`, 'latin1')),
  )
}
