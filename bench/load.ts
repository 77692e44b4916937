/**
 * Makes load: `wrk` for plain requests, sockets of our own for what it cannot do. Nothing here is counted as a server's time.
 */
import { spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from 'node:tls'

export interface Load {
  readonly requests: number
  readonly seconds: number
  /** Of all responses together, those cut at the end included. */
  readonly bytes: number
  /** Milliseconds that 99 of 100 requests stayed below. */
  readonly p99: number
}

export interface LoadOptions {
  readonly seconds: number
  readonly connections: number
  readonly headers?: readonly string[]
}

/** @throws when wrk is not there */
export function checkTools(): void {
  if (spawnSync('wrk', ['-v']).error) throw new Error('wrk is not installed: on Debian, apt-get install wrk')
}

/** wrk looks that often whether its time is over, and prints what it has found. */
const WRK_END_MS = 5000

/** Keep-alive requests as fast as they are answered. @throws for no answer and for answers that are no success */
export function wrk(url: string, { seconds, connections, headers = [] }: LoadOptions): Promise<Load> {
  const lasts = Math.max(1, Math.round(seconds))
  const words = ['-t1', `-c${connections}`, `-d${lasts}s`, '--timeout', '30', '--latency']
  const child = spawn('wrk', [...words, ...headers.flatMap((header) => ['-H', header]), url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), lasts * 1000 + WRK_END_MS)
  return new Promise((done, failed) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    child.once('error', failed)
    child.once('close', () => {
      clearTimeout(timer)
      const found = /(\d+) requests in ([\d.]+)(m?s|m), ([\d.]+)([KMGT]?)B read/.exec(text)
      const errors = /Non-2xx or 3xx responses: (\d+)/.exec(text)
      if (errors) return failed(new Error(`${errors[1]} answers were no success`))
      if (!found && text !== '') return failed(new Error('refused connections'))
      if (!found || found[1] === '0') return failed(new Error(`no answer within ${lasts} s`))
      done({
        requests: Number(found[1]),
        seconds: (Number(found[2]) * (UNITS[found[3] as string] ?? Number.NaN)) / 1000,
        bytes: Number(found[4]) * 1024 ** ' KMGT'.indexOf(found[5] || ' '),
        p99: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(text)),
      })
    })
  })
}

const UNITS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1000, m: 60_000 }

function milliseconds(found: RegExpExecArray | null): number {
  return found === null ? Number.NaN : Number(found[1]) * (UNITS[found[2] as string] ?? Number.NaN)
}

export interface Wait {
  /** Seconds without an answer, or a part of it, after which there is none. */
  readonly patience: number
}

/** One request on a connection of its own, until the server closes it. @returns the whole response @throws when it takes too long */
export function once(port: number, path: string, { patience }: Wait): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1')
    const over = setTimeout(() => socket.destroy(silence(patience)), patience * 1000)
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (piece) => {
      text += piece
    })
    socket.on('error', failed)
    socket.on('close', () => {
      clearTimeout(over)
      if (text === '') failed(new Error('closed a connection without an answer'))
      else done(text)
    })
    socket.write(`GET ${path} HTTP/1.0\r\nHost: localhost\r\n\r\n`)
  })
}

function silence(patience: number): Error {
  return new Error(`no answer within ${patience} s`)
}

/** Sends a body of so many bytes, in pieces of 1 MiB. @returns the response's body @throws when the server stops taking it */
export function upload(port: number, path: string, bytes: number, { patience }: Wait): Promise<string> {
  const piece = Buffer.alloc(1 << 20, 'u')
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1')
    let left = bytes
    let text = ''
    const send = () => {
      while (left > 0) {
        const part = left >= piece.length ? piece : piece.subarray(0, left)
        left -= part.length
        if (!socket.write(part)) return
      }
    }
    socket.setTimeout(patience * 1000, () => socket.destroy(silence(patience)))
    socket.setEncoding('latin1')
    socket.on('data', (more) => {
      text += more
    })
    socket.on('drain', send)
    socket.on('error', failed)
    socket.on('close', () => done(text.slice(text.indexOf('\r\n\r\n') + 4)))
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`,
    )
    send()
  })
}

/** A handshake, a request and the end of the connection, eight at a time. */
export async function handshakes(
  port: number,
  seconds: number,
  resume: boolean,
  wait: Wait,
): Promise<{ count: number; resumed: number; seconds: number }> {
  const began = performance.now()
  const until = began + seconds * 1000
  let count = 0
  let resumed = 0
  const client = async () => {
    let session: Buffer | undefined
    while (performance.now() < until) {
      const one = await handshake(port, wait, resume ? session : undefined)
      session = one.session ?? session
      if (one.resumed) resumed++
      count++
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
  return { count, resumed, seconds: (performance.now() - began) / 1000 }
}

function handshake(
  port: number,
  { patience }: Wait,
  session?: Buffer,
): Promise<{ session?: Buffer; resumed: boolean }> {
  const options: ConnectionOptions = {
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    // a certificate made for this run
    rejectUnauthorized: false,
    ...(session !== undefined && { session }),
  }
  return new Promise((done, failed) => {
    const socket: TLSSocket = tlsConnect(options)
    let ticket: Buffer | undefined
    let resumed = false
    socket.setTimeout(patience * 1000, () => socket.destroy(silence(patience)))
    socket.on('session', (given: Buffer) => {
      ticket = given
    })
    socket.on('error', failed)
    socket.once('secureConnect', () => {
      resumed = socket.isSessionReused()
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    })
    socket.on('data', () => {})
    socket.once('end', () => socket.end())
    socket.once('close', () => done({ ...(ticket !== undefined && { session: ticket }), resumed }))
  })
}
