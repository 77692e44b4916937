/** The descriptor of a socket, which Node keeps to itself: for what only the kernel can do with it. */
import type { Duplex } from 'node:stream'

/** The descriptor of a plain socket that is open; undefined for every other stream. It stays the socket's: never close it. */
export function descriptorOf(socket: Duplex): number | undefined {
  if (socket.destroyed || 'encrypted' in socket) return undefined
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd
  return fd !== undefined && fd >= 0 ? fd : undefined
}

/**
 * Has the kernel send what it holds back of a TCP connection since more was said to follow (`MSG_MORE`): that is what setting `TCP_NODELAY` does, also
 * where it is set already (tcp(7)). Undefined where Node has no such call.
 */
export function pushOf(socket: Duplex): (() => void) | undefined {
  const handle = (socket as { _handle?: { setNoDelay?(on: boolean): number } | null })._handle
  return typeof handle?.setNoDelay === 'function' ? () => void handle.setNoDelay?.(true) : undefined
}
