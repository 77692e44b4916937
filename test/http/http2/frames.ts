/**
 * Raw HTTP/2 frames over plain sockets, for what no well-behaved client does.
 */
import { connect, type Socket } from 'node:net'

export const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  rst: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9,
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A literal field without indexing. */
export function field(name: string, value: string): Buffer {
  const text = (part: string) => {
    const bytes = Buffer.from(part)
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
    const rest: number[] = []
    let left = bytes.length - 127
    while (left >= 128) {
      rest.push((left % 128) + 128)
      left = Math.floor(left / 128)
    }
    return Buffer.concat([Buffer.from([127, ...rest, left]), bytes])
  }
  return Buffer.concat([Buffer.from([0]), text(name), text(value)])
}

export function requestFields(path: string, method = 'GET', more: readonly Buffer[] = []): Buffer {
  return Buffer.concat([
    field(':method', method),
    field(':scheme', 'http'),
    field(':authority', 'localhost'),
    field(':path', path),
    ...more,
  ])
}

export const END_STREAM = 1
export const END_HEADERS = 4

/** A connection that has said hello. */
export class FrameClient {
  readonly socket: Socket
  received = Buffer.alloc(0)
  isClosed = false
  readonly closed: Promise<void>

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.write(
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(TYPE.settings, 0, 0)]),
    )
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
    })
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) =>
      this.socket.on('close', () => {
        this.isClosed = true
        resolve()
      }),
    )
  }

  send(...frames: Buffer[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(frames))
  }

  /** Types of the frames that have come. */
  get frames(): { type: number; stream: number; payload: Buffer }[] {
    const found: { type: number; stream: number; payload: Buffer }[] = []
    for (let at = 0; at + 9 <= this.received.length; ) {
      const length = this.received.readUIntBE(at, 3)
      found.push({
        type: this.received[at + 3] as number,
        stream: this.received.readUInt32BE(at + 5),
        payload: this.received.subarray(at + 9, at + 9 + length),
      })
      at += 9 + length
    }
    return found
  }

  /** The error code of a GOAWAY, if one has come. */
  get goaway(): number | undefined {
    return this.frames.find(({ type }) => type === TYPE.goaway)?.payload.readUInt32BE(4)
  }
}
