/** Opens lanes: a connection to a runtime process's socket and the line that says what it is for. */
import { connect, type Socket } from 'node:net'

/** The first line of a lane. */
export type LaneHello =
  | {
      readonly protocol: number
      readonly lane: 'control'
      readonly application_group: string
      readonly worker: number
      /** The group's name came about by a request: their number is limited. */
      readonly from_request: boolean
    }
  | { readonly lane: 'kick'; readonly channel: number }
  | { readonly lane: 'bulk'; readonly channel: number; readonly index: number }

/** Bytes taken from a control lane at a time, into one buffer that is used over and over. */
const CONTROL_READ_BYTES = 256 * 1024

/** Opens a lane whose bytes, if any come, are for the caller's own listeners. */
export function openLane(socketPath: string, hello: LaneHello): Socket {
  const socket = connect({ path: socketPath })
  socket.write(`${JSON.stringify(hello)}\n`)
  return socket
}

/** Opens a control lane; `received` sees each piece in a buffer that is reused afterwards. */
export function openControlLane(
  socketPath: string,
  hello: LaneHello,
  received: (bytes: Buffer) => void,
): Socket {
  const buffer = Buffer.allocUnsafeSlow(CONTROL_READ_BYTES)
  const socket = connect({
    path: socketPath,
    onread: {
      buffer,
      callback: (length) => {
        received(buffer.subarray(0, length))
        return true
      },
    },
  })
  socket.write(`${JSON.stringify(hello)}\n`)
  return socket
}
