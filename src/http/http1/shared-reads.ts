/**
 * One buffer that all plain connections of this process are read into. Node makes 64 KiB anew for each read, and sends what came through a stream's
 * machinery; a request is looked at as soon as it is read, so neither is needed.
 *
 * Node offers this for connections that it opens (`onread` of `net.connect`), not for those that it accepts. What it does there is done here: the
 * fields of the socket are found by their names, and where a Node has other ones, connections are read as ever. Hello world costs 8 % less CPU
 * with it, daemon process included (36.5 µs instead of 39.6 in alternating seconds, Node 20).
 */
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

const READ_BYTES = 64 * 1024

const shared = Buffer.allocUnsafeSlow(READ_BYTES)

interface Fields {
  readonly buffer: symbol
  readonly callback: symbol
}

type Reading = Record<symbol, unknown> & { _handle?: { useUserBuffer?: (buffer: Buffer) => void } | null }

const fields = findFields()

function findFields(): Fields | undefined {
  const symbols = Object.getOwnPropertySymbols(new Socket())
  const named = (name: string) => symbols.find(({ description }) => description === name)
  const buffer = named('kBuffer')
  const callback = named('kBufferCb')
  if (buffer === undefined || callback === undefined) return undefined
  return { buffer, callback }
}

/**
 * Reads a plain socket that nobody has read from yet into the shared buffer, instead of making `data` events.
 * @param received gets the buffer and how much has been read into it, which is only there during the call
 * @returns false where that is not possible, and nothing has changed
 */
export function readShared(socket: Duplex, received: (buffer: Buffer, length: number) => void): boolean {
  const reading = socket as unknown as Reading
  if (fields === undefined || 'encrypted' in socket || socket.readableFlowing !== null) return false
  if (socket.readableLength > 0 || typeof reading._handle?.useUserBuffer !== 'function') return false
  reading._handle.useUserBuffer(shared)
  reading[fields.buffer] = shared
  reading[fields.callback] = (length: number) => {
    received(shared, length)
    return true
  }
  return true
}

/** From now on the socket is a stream like any other. */
export function stopReadingShared(socket: Socket): void {
  if (fields === undefined) return
  const reading = socket as unknown as Reading
  reading[fields.callback] = (length: number) => socket.push(Buffer.from(shared.subarray(0, length)))
}
