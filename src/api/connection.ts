/**
 * A client's connection to the service, as requests see it.
 */
import type { Socket } from 'node:net'
import { ClientConnection, type Listening } from '../request/connection.js'
import type { HostGroup } from '../request/vhost.js'
import type { AnyRequest } from './http-types.js'

class ServiceConnection extends ClientConnection {
  override readonly secure: boolean

  constructor(socket: Socket, listening: Listening, hosts: HostGroup) {
    super(socket, listening, hosts)
    this.secure = 'encrypted' in socket && socket.encrypted === true
  }
}

/** Finds the connection of a request: one object for all requests that a client sends on it. */
export class Connections {
  readonly #known = new WeakMap<Socket, ServiceConnection>()

  constructor(
    private readonly listening: Listening,
    private readonly hosts: (socket: Socket) => HostGroup,
  ) {}

  of(request: AnyRequest): ClientConnection {
    const socket = socketOf(request)
    let connection = this.#known.get(socket)
    if (connection === undefined) {
      connection = new ServiceConnection(socket, this.listening, this.hosts(socket))
      this.#known.set(socket, connection)
    }
    return connection
  }
}

/** HTTP/2 shows a stand-in for the socket that is another object for each stream. */
function socketOf(request: AnyRequest): Socket {
  return 'stream' in request ? (request.stream.session?.socket ?? request.socket) : request.socket
}
