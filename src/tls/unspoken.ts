/**
 * A connection whose client has not said yet what it speaks.
 */
import type { Socket } from 'node:net'
import type { Ends } from '../http/proxy-protocol.js'

export interface Unspoken extends Ends {
  /** To be called once. @param received gets each piece that arrives, and undefined at the end of the connection or an error */
  read(received: (bytes: Buffer | undefined) => void): void
  close(): void
  /** Stops reading. @returns the connection's socket, with `bytes` as the first that can be read from it */
  plain(bytes: Buffer): Socket
}

/** One that has a socket: where something else was read from it before, and where there is no other way. */
export class SocketConnection implements Unspoken {
  #leave: () => void = () => {}

  constructor(private readonly socket: Socket) {}

  get remoteAddress(): string | undefined {
    return this.socket.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.socket.remotePort
  }

  get localAddress(): string | undefined {
    return this.socket.localAddress
  }

  get localPort(): number | undefined {
    return this.socket.localPort
  }

  read(received: (bytes: Buffer | undefined) => void): void {
    const { socket } = this
    const onReadable = (): void => {
      const bytes: Buffer | null = socket.read()
      if (bytes !== null) received(bytes)
    }
    const onGone = (): void => received(undefined)
    this.#leave = () => {
      socket.off('readable', onReadable)
      for (const event of ['end', 'close', 'error'] as const) socket.off(event, onGone)
    }
    socket.on('readable', onReadable)
    for (const event of ['end', 'close', 'error'] as const) socket.on(event, onGone)
  }

  close(): void {
    this.#leave()
    this.socket.destroy()
  }

  plain(bytes: Buffer): Socket {
    this.#leave()
    this.socket.unshift(bytes)
    return this.socket
  }
}
