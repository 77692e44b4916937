/**
 * A connection that has become another protocol's: what one side sends, the other gets, until either closes or both are silent for too long.
 */
import type { Duplex } from 'node:stream'
import type { SwitchedConnection } from '../../http/message.js'
import type { Request } from '../../request/request.js'
import { switchProtocols } from '../../request/response.js'
import type { Outcome } from '../module.js'

/** @param silence seconds without a byte in either direction after which it is closed */
export function tunnel(
  request: Request,
  protocol: string,
  backend: SwitchedConnection,
  silence: number,
): Outcome {
  const client = switchProtocols(request, protocol)
  if (client === undefined) {
    backend.socket.destroy()
    return request.outgoing.isOver ? 'done' : 501
  }
  connect(client.socket, backend.socket)
  request.onAbort = undefined
  backend.socket.on('data', (chunk: Buffer) => {
    request.bytesSent += chunk.length
  })
  if (client.received.length > 0) backend.socket.write(client.received)
  if (backend.received.length > 0) client.socket.write(backend.received)
  client.socket.pipe(backend.socket)
  backend.socket.pipe(client.socket)
  if ('setTimeout' in backend.socket) {
    const socket = backend.socket as Duplex & { setTimeout(ms: number, late: () => void): void }
    socket.setTimeout(silence * 1000, () => socket.destroy())
  }
  return 'done'
}

/** The end of one is the end of the other. */
function connect(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
}
