/** Opens lanes: a connection to a runtime process's socket and the line that says what it is for. */
import { connect, type OnReadOpts, type Socket } from 'node:net'
import { LaneReads } from './lane-reads.js'
import type { LaneAddress } from './types.js'

/** The first line of a lane, beside the secret. */
export type LaneHello =
  | {
      readonly protocol: number
      readonly lane: 'control'
      readonly application_group: string
      readonly worker: number
      /** The group's name came about by a request: their number is limited. */
      readonly from_request: boolean
      /** The interpreter may ask for a client's connection. */
      readonly lends: boolean
    }
  | { readonly lane: 'kick'; readonly channel: number }
  | { readonly lane: 'bulk'; readonly channel: number; readonly index: number }

/** Bytes taken from a control lane at a time, into one buffer that is used over and over. */
const CONTROL_READ_BYTES = 256 * 1024

/** What passes by itself: the process accepts again, descriptors become free. */
const PASSING = new Set(['EAGAIN', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])
const AGAIN_MS = 20
const ATTEMPTS_MAX = 500

function openLane({ socketPath, secret }: LaneAddress, hello: LaneHello, onread: OnReadOpts): Socket {
  const socket = connect({ path: socketPath, onread })
  socket.write(`${JSON.stringify({ secret, ...hello })}\n`)
  return socket
}

/** Who needs a lane. */
export interface LaneOwner {
  /** Is given the socket of each attempt, before it is connected, and what its bytes are read with. */
  opened(socket: Socket, reads: LaneReads): void
  /** The lane is closed, and not tried again. */
  closed(): void
  /** False: do not try again. */
  isWanted(): boolean
  /** No attempt has succeeded. */
  lost(error: Error): void
}

/** Opens a lane that the interpreter is waiting for, and tries again for ten seconds where it is only short of something. */
export function openNeededLane(
  address: LaneAddress,
  hello: LaneHello,
  owner: LaneOwner,
  attempts = ATTEMPTS_MAX,
): void {
  const reads = new LaneReads()
  const socket = openLane(address, hello, reads.onread)
  let isOver = true
  const failed = (error: NodeJS.ErrnoException) => {
    if (!owner.isWanted()) return
    if (attempts > 1 && PASSING.has(error.code ?? '')) {
      isOver = false
      setTimeout(() => {
        if (owner.isWanted()) openNeededLane(address, hello, owner, attempts - 1)
      }, AGAIN_MS)
    } else owner.lost(error)
  }
  socket.once('error', failed).once('connect', () => socket.off('error', failed))
  socket.once('close', () => {
    if (isOver) owner.closed()
  })
  owner.opened(socket, reads)
}

/** Opens a control lane; `received` sees each piece in a buffer that is reused afterwards. */
export function openControlLane(
  address: LaneAddress,
  hello: LaneHello,
  received: (bytes: Buffer) => void,
): Socket {
  const buffer = Buffer.allocUnsafeSlow(CONTROL_READ_BYTES)
  return openLane(address, hello, {
    buffer,
    callback: (length) => {
      received(buffer.subarray(0, length))
      return true
    },
  })
}
