/**
 * The body of a response out of a large file: ranges, each after its head. Where nothing stands between the file and the client's socket, the kernel
 * sends it (sendfile); else pieces are read and written, with no more than one or two in memory.
 *
 *     sendfile ──the socket is full──▶ a piece is written the ordinary way, which waits for the client ──▶ sendfile
 *
 * So a failing disk, a file that has become shorter and a client that is gone show in one place, where the piece is read and written.
 */
import { closeSync, read } from 'node:fs'
import { coreDir } from '../modules/core/settings.js'
import { sendFile } from '../system/send-file.js'
import type { Range } from './conditions.js'
import type { Request } from './request.js'
import type { BodyWriter } from './response.js'

/** Fewer and larger reads cost less; a slow client holds one piece. */
const PIECE_BYTES = 128 * 1024
/** A piece that is there to wait: nearly everything else goes by sendfile. */
const WAITING_PIECE_BYTES = 16 * 1024
/** How much one client gets before it is another one's turn (0.15 to 0.5 ms of a thread). 4 MiB would save a tenth, 256 KiB cost a quarter more. */
const CALL_MAX_BYTES = 1024 * 1024

/** Sends the ranges of a file, waits while the client is slow, stops when it is gone. Closes the descriptor. */
export async function streamFile(
  request: Request,
  fd: number,
  ranges: readonly Range[],
  body: BodyWriter,
  heads: readonly string[] = [],
  tail = '',
): Promise<void> {
  const { outgoing } = request
  const sends = request.dir.get(coreDir).enableSendfile
  const lend = (): number | undefined => body.lend?.()
  let pieceBytes = PIECE_BYTES
  let isFull = false
  let buffer: Buffer | undefined
  let wake: (() => void) | undefined
  const proceed = (): void => wake?.()
  body.onDrain(proceed)
  outgoing.onOver(proceed)
  try {
    for (const [at, { start, end }] of ranges.entries()) {
      if (heads[at] !== undefined) body.write(heads[at])
      for (let position = start; position <= end; ) {
        if (outgoing.isOver || request.connection.aborted) return
        const left = end - position + 1
        if (sends && !isFull && left > WAITING_PIECE_BYTES) {
          const count = Math.min(left, CALL_MAX_BYTES)
          const sent = await sendFile(lend, fd, position, count)
          body.sentElsewhere?.(sent)
          position += sent
          isFull = sent < count
          pieceBytes = sent === 0 ? PIECE_BYTES : WAITING_PIECE_BYTES
          continue
        }
        isFull = false
        // a client that keeps up leaves the last piece's buffer free for the next one
        if (buffer === undefined || buffer.length < pieceBytes || body.bufferedBytes > 0)
          buffer = Buffer.allocUnsafeSlow(pieceBytes)
        const piece = await readPiece(fd, position, buffer.subarray(0, Math.min(left, pieceBytes)))
        if (piece.length === 0) break
        position += piece.length
        if (!body.write(piece) && !outgoing.isOver)
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    }
    if (tail !== '') body.write(tail)
    body.end()
  } catch (error) {
    request.report(
      'core',
      'error',
      `reading ${request.filename} failed: ${(error as Error).message}`,
      'WSGH0007',
    )
    body.cut()
  } finally {
    closeSync(fd)
  }
}

function readPiece(fd: number, position: number, into: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, bytesRead, buffer) => {
      if (error) reject(error)
      else resolve(buffer.subarray(0, bytesRead))
    })
  })
}
