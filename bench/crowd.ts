/**
 * Crowds of clients that are slow or do nothing. Nothing here is counted as a server's time.
 */
import { connect, type Socket } from 'node:net'

/** How many connections are being made at a time. */
const LANES = 100
/** How long one waits for its answer. */
const ANSWER_MAX_MS = 5000

export interface Crowd {
  readonly open: readonly Socket[]
  /** What kept the others away, as a phrase; undefined where all are there. */
  readonly trouble: string | undefined
}

/**
 * Connections that have had one answer each and are kept. A server that closes them, takes no more of them or is slow has fewer.
 * @param seconds until no more are made
 */
export async function idleConnections(port: number, count: number, seconds: number): Promise<Crowd> {
  const answered: Socket[] = []
  const until = performance.now() + seconds * 1000
  let [refused, unanswered, left] = [0, 0, count]
  const one = () =>
    new Promise<void>((done) => {
      const socket = connect(port, '127.0.0.1')
      let open = false
      const timer = setTimeout(
        () => {
          unanswered++
          socket.destroy()
        },
        Math.min(ANSWER_MAX_MS, Math.max(1, until - performance.now())),
      )
      const settled = () => {
        clearTimeout(timer)
        done()
      }
      socket.on('error', () => {
        if (!open) refused++
      })
      socket.once('close', settled)
      socket.once('data', () => {
        open = true
        answered.push(socket)
        settled()
      })
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    })
  // where as many as are being made at a time have been waiting in vain, nothing can be expected from the rest
  const next = async () => {
    while (left > 0 && unanswered < LANES && performance.now() < until) {
      left--
      await one()
    }
  }
  await Promise.all(Array.from({ length: LANES }, next))
  const open = answered.filter(({ destroyed }) => !destroyed)
  const trouble =
    unanswered + left > 0
      ? `did not accept them all${unanswered < LANES ? ` within ${seconds} s` : ''}`
      : refused > 0
        ? `refused ${refused} of them`
        : open.length < count
          ? `closed ${count - open.length} of them`
          : undefined
  return { open, trouble }
}

/** How many parts of a second the bytes of a second are spread over. */
const PARTS = 10

export interface SlowSenders {
  /** How many the server has not closed. */
  left(): number
  end(): void
}

/** Clients that send a header with one byte in a second. */
export function slowSenders(port: number, count: number): SlowSenders {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    // what is not read is not seen to end
    socket.resume()
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
    return socket
  })
  let part = 0
  const timer = setInterval(() => {
    part = (part + 1) % PARTS
    for (let at = part; at < count; at += PARTS) {
      const socket = sockets[at] as Socket
      if (socket.writable) socket.write('x')
    }
  }, 1000 / PARTS)
  return {
    left: () => sockets.filter(({ writable }) => writable).length,
    end() {
      clearInterval(timer)
      for (const socket of sockets) socket.destroy()
    },
  }
}
