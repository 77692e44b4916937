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
  const begin = { bytes: socket.bytesRead, at: Date.now() }
  let before = socket.bytesRead
  const timer = setInterval(() => {
    const { bytesRead } = socket
    const isOver = bytesRead - begin.bytes > LINGER_MAX_BYTES || Date.now() - begin.at > LINGER_MAX_MS
    if (isOver || bytesRead === before) socket.destroy()
    before = bytesRead
  }, LINGER_IDLE_MS)
  timer.unref()
  socket.once('close', () => clearInterval(timer))
  socket.once('end', () => socket.destroy())
  socket.end()
  // Node's parser goes on and throws the body away. A listener for data here would take the bytes from it and stop the reading.
  socket.resume()
}
