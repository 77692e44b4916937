/**
 * Connections before a socket is made of them. Node makes a socket of each connection that a server accepts, and a TLS socket around that one: two
 * streams with all their events, of which the first only carries bytes past JavaScript. Here the connection stays what the listening socket gave, a
 * handle, while the client's first words are read; then one socket is made of it, encrypted or plain. Against `tls.createServer` that is a fifth
 * of the CPU time of a connection with a full handshake (720 in place of 890 µs, Node 20, the answer included; alternating seconds).
 *
 * This goes round Node's interface: by the listening handle's `onconnection`, by `_wrapHandle` of TLS sockets, by the count of a server's
 * connections. Node 20 to 26 have all of them in one form; where one has others, every connection is given to Node's own machinery as ever.
 */
import { type Server, Socket } from 'node:net'
import { TLSSocket, type TLSSocketOptions } from 'node:tls'
import { lazily } from '../system/lazily.js'
import type { Unspoken } from './unspoken.js'

interface Address {
  readonly address?: string
  readonly port?: number
}

/** Node's handle of a TCP connection. */
interface Handle {
  onread: (bytes?: ArrayBuffer) => void
  /** Whether reading has been asked for. */
  reading: boolean
  readStart(): number
  setNoDelay(enable: boolean): number
  getsockname(into: object): number
  getpeername(into: object): number
  close(): void
}

/** Node's handle of a listening socket. */
interface ListeningHandle {
  onconnection(error: number | undefined, handle: Handle | undefined): void
}

/** What Node has on a server without saying so. */
interface Counting {
  _handle?: ListeningHandle | null
  _connections: number
  _emitCloseIfDrained(): void
}

/** What Node has on a TLS socket without saying so. */
interface Wrapping {
  _handle: { receive(bytes: Buffer): void } | null
  _wrapHandle(parent: null, handle: Handle, isWriting: boolean): object
  _releaseControl(): boolean
  secureConnecting: boolean
  connecting: boolean
  _server: unknown
}

/** Turned off by the first connection that shows this Node to be another one. */
let isPossible = true

/**
 * What makes a server's side of TLS directly on a connection's handle; undefined: this Node's sockets have other methods. Where nothing is encrypted Node's TLS
 * need not be read.
 */
const socketMaker = lazily(() => {
  const { _wrapHandle: wrapHandle, _releaseControl: releaseControl } =
    TLSSocket.prototype as unknown as Partial<Wrapping>
  if (typeof wrapHandle !== 'function' || typeof releaseControl !== 'function') return undefined
  /** What the constructor of a socket is called for. */
  let wrapped: Handle

  class HandleTlsSocket extends TLSSocket {
    constructor(options: TLSSocketOptions) {
      super(undefined as unknown as Socket, options)
      // Node takes a socket without another one below it for a client's
      ;(this as unknown as Wrapping).connecting = false
    }

    /** Called by the constructor to make the handle that encrypts. */
    _wrapHandle(): object {
      return (wrapHandle as Wrapping['_wrapHandle']).call(this as unknown as Wrapping, null, wrapped, false)
    }
  }

  return (handle: Handle, options: TLSSocketOptions): TLSSocket => {
    wrapped = handle
    return new HandleTlsSocket(options)
  }
})

/** A connection of which no socket has been made. It counts as one of its server's until it, or its socket, is closed. */
export class RawConnection implements Unspoken {
  readonly #local: Address = {}
  #peer: Address | undefined

  constructor(
    private readonly handle: Handle,
    private readonly server: Counting,
  ) {
    handle.getsockname(this.#local)
  }

  get localAddress(): string | undefined {
    return this.#local.address
  }

  get localPort(): number | undefined {
    return this.#local.port
  }

  get remoteAddress(): string | undefined {
    return this.#remote.address
  }

  get remotePort(): number | undefined {
    return this.#remote.port
  }

  get #remote(): Address {
    if (this.#peer === undefined) {
      this.#peer = {}
      this.handle.getpeername(this.#peer)
    }
    return this.#peer
  }

  read(received: (bytes: Buffer | undefined) => void): void {
    const { handle } = this
    this.server._connections++
    handle.setNoDelay(true)
    handle.onread = (bytes) => received(bytes === undefined ? undefined : Buffer.from(bytes))
    handle.reading = true
    if (handle.readStart() !== 0) received(undefined)
  }

  close(): void {
    this.handle.onread = ignore
    this.handle.close()
    this.server._connections--
    this.server._emitCloseIfDrained()
  }

  plain(bytes: Buffer): Socket {
    const socket = new Socket({ handle: this.handle, allowHalfOpen: true } as object)
    this.#belong(socket)
    socket.unshift(bytes)
    return socket
  }

  /** A socket for the handshake, which {@link shakeHands} begins. Undefined: this Node cannot, and the connection is closed. */
  secure(options: TLSSocketOptions): TLSSocket | undefined {
    try {
      const socket = (socketMaker() as NonNullable<ReturnType<typeof socketMaker>>)(this.handle, options)
      this.handle.onread = ignore
      this.#belong(socket)
      return socket
    } catch {
      isPossible = false
      this.close()
      return undefined
    }
  }

  #belong(socket: Socket): void {
    ;(socket as unknown as Wrapping)._server = this.server
  }
}

/** Gives a socket of {@link RawConnection.secure} what the client has sent so far. */
export function shakeHands(socket: TLSSocket, bytes: Buffer): void {
  ;(socket as unknown as Wrapping)._handle?.receive(bytes)
}

/** After the handshake: errors of the connection are events of the socket from now on. */
export function handshakeDone(socket: TLSSocket): void {
  const wrapping = socket as unknown as Wrapping
  wrapping._releaseControl()
  wrapping.secureConnecting = false
}

/**
 * Offers each connection that a server accepts before Node makes a socket of it, which it does where the answer is false.
 * To be called before the server listens.
 */
export function offerConnections(server: Server, take: (connection: RawConnection) => boolean): void {
  const counting = server as unknown as Counting
  if (typeof counting._connections !== 'number' || typeof counting._emitCloseIfDrained !== 'function') return
  if (socketMaker() === undefined) return
  server.on('listening', () => {
    const listening = counting._handle
    if (typeof listening?.onconnection !== 'function') return
    const { onconnection } = listening
    listening.onconnection = (error, handle) => {
      const isTaken = !error && isPossible && isComplete(handle) && take(new RawConnection(handle, counting))
      if (!isTaken) onconnection.call(listening, error, handle)
    }
  })
}

function isComplete(handle: Handle | undefined): handle is Handle {
  return (
    typeof handle?.readStart === 'function' &&
    typeof handle.getsockname === 'function' &&
    typeof handle.getpeername === 'function' &&
    typeof handle.setNoDelay === 'function'
  )
}

function ignore(): void {}
