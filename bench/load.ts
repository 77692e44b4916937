/**
 * Makes load: `wrk` for plain requests, sockets of our own for what it cannot do. Nothing here is counted as a server's time.
 */
import { spawn, spawnSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
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

/** Keep-alive requests as fast as they are answered. @throws for answers that are no success */
export function wrk(url: string, { seconds, connections, headers = [] }: LoadOptions): Promise<Load> {
  const words = [
    '-t1',
    `-c${connections}`,
    `-d${Math.max(1, Math.round(seconds))}s`,
    '--timeout',
    '30',
    '--latency',
  ]
  const child = spawn('wrk', [...words, ...headers.flatMap((header) => ['-H', header]), url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((done, failed) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    child.once('error', failed)
    child.once('close', () => {
      const found = /(\d+) requests in ([\d.]+)(m?s|m), ([\d.]+)([KMGT]?)B read/.exec(text)
      const errors = /Non-2xx or 3xx responses: \d+/.exec(text)
      if (!found || errors)
        return failed(new Error(`wrk ${url}: ${errors?.[0] ?? (text.split('\n')[0] || 'no connection')}`))
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

/** One request on a connection of its own, until the server closes it. @returns the whole response */
export function once(port: number, path: string, headers = ''): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (piece) => {
      text += piece
    })
    socket.on('error', failed)
    socket.on('close', () => done(text))
    socket.end(`GET ${path} HTTP/1.0\r\nHost: localhost\r\n${headers}\r\n`)
  })
}

/** Sends a body of so many bytes, in pieces of 1 MiB. @returns the response's body */
export function upload(port: number, path: string, bytes: number): Promise<string> {
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

/** Connections that have had one answer each and are kept. Fewer than asked for where the server closes them or takes no more. */
export async function idleConnections(port: number, count: number): Promise<Socket[]> {
  const open: Socket[] = []
  const one = () =>
    new Promise<void>((done) => {
      const socket = connect(port, '127.0.0.1')
      const settled = () => {
        clearTimeout(timer)
        done()
      }
      const timer = setTimeout(() => socket.destroy(), 5000)
      socket.on('error', () => {})
      socket.once('close', settled)
      socket.once('data', () => {
        open.push(socket)
        settled()
      })
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    })
  let left = count
  const next = async () => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: 100 }, next))
  return open.filter((socket) => !socket.destroyed)
}

/** Clients that send a header with one byte in a second. @returns what ends them */
export function slowSenders(port: number, count: number): () => void {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
    return socket
  })
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('x')
  }, 1000)
  return () => {
    clearInterval(timer)
    for (const socket of sockets) socket.destroy()
  }
}

/** A handshake, a request and the end of the connection, eight at a time. */
export async function handshakes(
  port: number,
  seconds: number,
  resume: boolean,
): Promise<{ count: number; resumed: number; seconds: number }> {
  const began = performance.now()
  const until = began + seconds * 1000
  let count = 0
  let resumed = 0
  const client = async () => {
    let session: Buffer | undefined
    while (performance.now() < until) {
      const one = await handshake(port, resume ? session : undefined)
      session = one.session ?? session
      if (one.resumed) resumed++
      count++
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
  return { count, resumed, seconds: (performance.now() - began) / 1000 }
}

function handshake(port: number, session?: Buffer): Promise<{ session?: Buffer; resumed: boolean }> {
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
