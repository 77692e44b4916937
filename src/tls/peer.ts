/**
 * A client connection for log lines that are written before HTTP knows of it.
 */
import { type Ends, proxiedClient } from '../http/proxy-protocol.js'
import { canonicalAddress } from '../modules/core/listen.js'
import type { Connection } from '../request/request.js'

/** The addresses of a socket in the shape that log records take. */
export function peerOf(socket: Ends): Connection {
  const client = proxiedClient(socket)
  return {
    id: '-',
    remoteAddress: canonicalAddress(client?.address ?? socket.remoteAddress ?? ''),
    remotePort: client?.port ?? socket.remotePort ?? 0,
    localAddress: canonicalAddress(socket.localAddress ?? ''),
    localPort: socket.localPort ?? 0,
    secure: false,
    listenerHost: '',
    listenerPort: socket.localPort ?? 0,
    keepalives: 0,
    aborted: false,
  }
}
