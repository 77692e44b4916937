/**
 * Closing a connection whose client is still sending: a plain close would answer the rest with a reset, which can destroy the response before
 * the client has read it. So the sending side is closed first, and what still comes is read and thrown away for a while.
 * Rules: RFC 9112 section 9.6; httpd's lingering close.
 */
import type { Socket } from 'node:net'

/** As httpd: at most this long, */
const LINGER_MAX_MS = 30_000
/** as long as something comes at least this often, */
const LINGER_IDLE_MS = 2000
/** and no more than this. */
const LINGER_MAX_BYTES = 16 * 1024 * 1024

/** From now on, Node's own close of the connection after the response (`destroySoon`) lingers. */
export function lingerOnClose(socket: Socket): void {
  socket.destroySoon = () => linger(socket)
}

function linger(socket: Socket): void {
  if (socket.destroyed) return
  const limit = socket.bytesRead + LINGER_MAX_BYTES
  const destroy = (): void => {
    clearTimeout(timer)
    socket.destroy()
  }
  const timer = setTimeout(destroy, LINGER_MAX_MS)
  timer.unref()
  socket.end()
  socket.removeAllListeners('timeout')
  socket.setTimeout(LINGER_IDLE_MS, destroy)
  socket.once('end', destroy)
  socket.once('close', () => clearTimeout(timer))
  socket.on('data', () => {
    if (socket.bytesRead > limit) destroy()
  })
  socket.resume()
}
