/**
 * A client's connection to the service, as requests see it.
 */
import type { Socket } from 'node:net'
import { ClientConnection, type Listening } from '../request/connection.js'
import type { Front } from '../request/front.js'
import type { HostGroup } from '../request/vhost.js'
import type { AnyRequest } from './http-types.js'

class ServiceConnection extends ClientConnection {
  override readonly secure: boolean

  constructor(socket: Socket, listening: Listening, hosts: HostGroup) {
    super(socket, listening, hosts)
    this.secure = 'encrypted' in socket && socket.encrypted === true
  }
}

/** Finds the connection of a request: what is known of its client, and nothing of other requests that run. */
export class Connections {
  readonly #known = new WeakMap<Socket, ServiceConnection>()

  constructor(private readonly front: Front) {}

  of(request: AnyRequest): ClientConnection {
    const socket = socketOf(request)
    let connection = this.#known.get(socket)
    if (connection === undefined) {
      connection = new ServiceConnection(socket, this.front, this.front.groupOf(socket))
      this.#known.set(socket, connection)
    }
    // as a rule requests come one after the other, and need no object of their own
    if ('stream' in request || connection.latest !== undefined) return this.front.forStream(connection)
    connection.aborted = false
    connection.watched = undefined
    return connection
  }
}

/** HTTP/2 shows a stand-in for the socket that is another object for each stream. */
function socketOf(request: AnyRequest): Socket {
  return 'stream' in request ? (request.stream.session?.socket ?? request.socket) : request.socket
}
