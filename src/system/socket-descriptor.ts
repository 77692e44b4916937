/** The descriptor of a socket, which Node keeps to itself: for what only the kernel can do with it. */
import type { Duplex } from 'node:stream'

/** The descriptor of a plain socket that is open; undefined for every other stream. It stays the socket's: never close it. */
export function descriptorOf(socket: Duplex): number | undefined {
  if (socket.destroyed || 'encrypted' in socket) return undefined
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}
