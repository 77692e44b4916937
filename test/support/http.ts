/**
 * A small HTTP client for tests: every request has a connection of its own, and nothing is retried, decoded or followed.
 */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'

export interface Answer {
  readonly status: number
  readonly reason: string
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn, as sent. */
  readonly rawHeaders: readonly string[]
  readonly bytes: Buffer
  /** The body as UTF-8. */
  readonly text: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 30_000

/** Sends one request to 127.0.0.1 and reads the whole response. Rejects when the response is cut short. */
export function ask(port: number, path: string, options: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body, timeoutMs = TIMEOUT_MS } = options
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        agent: false,
        headers: { Host: `localhost:${port}`, ...length, ...headers },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () => {
          const bytes = Buffer.concat(chunks)
          const { statusCode = 0, statusMessage = '', rawHeaders } = response
          resolve({
            status: statusCode,
            reason: statusMessage,
            headers: response.headers,
            rawHeaders,
            bytes,
            text: bytes.toString(),
          })
        })
      },
    )
    outgoing.setTimeout(timeoutMs, () =>
      outgoing.destroy(new Error(`no answer to ${method} ${path} within ${timeoutMs} ms`)),
    )
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

/** Sends bytes as they are and returns everything that comes back until the server closes the connection. */
export function raw(port: number, bytes: string | Buffer, timeoutMs = TIMEOUT_MS): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('latin1')
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new Error(`connection still open after ${timeoutMs} ms; received: ${received}`)),
    )
    socket.on('data', (text: string) => {
      received += text
    })
    socket.once('error', reject)
    socket.once('close', () => resolve(received))
  })
}
