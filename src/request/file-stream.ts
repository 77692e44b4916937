/**
 * The body of a response out of a large file: ranges, each after its head. Where nothing stands between the file and the client's socket, the kernel
 * sends it (sendfile); else pieces are read and written, with no more than one or two in memory.
 *
 *     sendfile ──the socket is full──▶ a piece is written the ordinary way, which waits for the client ──▶ sendfile
 *
 * So a failing disk, a file that has become shorter and a client that is gone show in one place, where the piece is read and written.
 */
import { closeSync, read, readSync } from 'node:fs'
import { coreDir } from '../modules/core/settings.js'
import { isInMemory } from '../system/page-cache.js'
import { sendFile } from '../system/send-file.js'
import type { Range } from './conditions.js'
import type { Request } from './request.js'
import type { BodyWriter } from './response.js'

/** Fewer and larger reads cost less; a slow client holds one piece. */
const PIECE_BYTES = 128 * 1024
/** A piece that is there to wait: nearly everything else goes by sendfile. */
const WAITING_PIECE_BYTES = 16 * 1024

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
          const { bytes, next } = await sendFile(lend, fd, position, left)
          body.sentElsewhere?.(bytes)
          position += bytes
          isFull = next !== 'more'
          pieceBytes = next === 'unknown' ? PIECE_BYTES : WAITING_PIECE_BYTES
          continue
        }
        isFull = false
        // a client that keeps up leaves the last piece's buffer free for the next one
        if (buffer === undefined || buffer.length < pieceBytes || body.bufferedBytes > 0)
          buffer = Buffer.allocUnsafeSlow(pieceBytes)
        const into = buffer.subarray(0, Math.min(left, pieceBytes))
        const waits = pieceBytes === WAITING_PIECE_BYTES
        const piece = await (waits ? readWaitingPiece : readPiece)(fd, position, into)
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

/** A piece that is there to wait lies just behind what the kernel has read for the piece before. */
function readWaitingPiece(fd: number, position: number, into: Buffer): Promise<Buffer> | Buffer {
  if (!isInMemory(fd, position)) return readPiece(fd, position, into)
  return into.subarray(0, readSync(fd, into, 0, into.length, position))
}

function readPiece(fd: number, position: number, into: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, bytesRead, buffer) => {
      if (error) reject(error)
      else resolve(buffer.subarray(0, bytesRead))
    })
  })
}
