/** Sends bytes as attackers do, and reads what comes back. */
import { connect } from 'node:net'

const TIMEOUT_MS = 30_000

/**
 * Sends the bytes in pieces of that size, each by itself, and returns what came back until the connection closed; a reset ends it like any other close.
 * @param closes whether the client closes its side after them
 */
export function exchange(port: number, bytes: Buffer, size: number, closes = false): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    socket.setEncoding('latin1')
    socket.setTimeout(TIMEOUT_MS, () =>
      socket.destroy(new Error(`still open; received ${received.slice(0, 200)}`)),
    )
    socket.on('data', (text: string) => {
      received += text
    })
    socket.on('timeout', () => reject(new Error('no end')))
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => resolve(received))
    const send = (at: number): void => {
      if (at < bytes.length && socket.writable)
        socket.write(bytes.subarray(at, at + size), () => setImmediate(send, at + size))
      else if (closes) socket.end()
    }
    socket.on('connect', () => send(0))
  })
}

/** The statuses of all answers. The file and the error pages never hold such a line. */
export function statuses(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map(([, status]) => Number(status))
}

/** Runs tasks, a few at a time. */
export async function inTurns(tasks: (() => Promise<void>)[], atATime = 12): Promise<void> {
  const work = async (): Promise<void> => {
    for (let next = tasks.shift(); next !== undefined; next = tasks.shift()) await next()
  }
  await Promise.all(Array.from({ length: atATime }, work))
}
