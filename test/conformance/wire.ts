/**
 * The client of the conformance suite: sends a case's bytes step by step, and takes the answer apart without forgiving anything.
 */
import { connect, type Socket } from 'node:net'

const TIMEOUT_MS = 30_000

/** What a client does in turn. */
export type Step =
  | { readonly send: string }
  /** Sends what it makes of the answer so far. */
  | { readonly answer: (received: string) => string }
  /** Waits until the answer so far contains this. */
  | { readonly until: string }
  /** Sends this request on another connection, and waits for its answer. */
  | { readonly other: string }
  /** Closes its side, or everything. */
  | { readonly leave: 'half' | 'reset' }

/** Makes a connection, plain or secure. */
export type Open = () => Socket

export function openPlain(port: number): Open {
  return () => connect({ port, host: '127.0.0.1', allowHalfOpen: true })
}

export interface Reply {
  readonly version: string
  readonly status: number
  readonly reason: string
  /** In the order sent, names as sent. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
  /** The connection ended before the body did. */
  readonly cut: boolean
}

export interface Conversation {
  /** Status codes of interim responses that came first. */
  readonly interim: readonly number[]
  readonly replies: readonly Reply[]
  /** Bytes after the last response that are none. */
  readonly rest: string
}

/** All text is Latin-1: a character is a byte. Resolves when the server has closed the connection; an answer that never ends is an error. */
export function converse(
  open: Open,
  steps: readonly Step[],
  methods: readonly string[],
): Promise<Conversation> {
  return new Promise((resolve, reject) => {
    let received = ''
    let look = (): void => {}
    const socket = open()
    socket.setEncoding('latin1')
    const timer = setTimeout(
      () =>
        fail(new Error(`no end of the answer within ${TIMEOUT_MS} ms; received: ${received.slice(0, 500)}`)),
      TIMEOUT_MS,
    )
    function fail(error: Error): void {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    socket.on('data', (text: string) => {
      received += text
      look()
    })
    // A reset after the answer is the server's right where it has not read everything.
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      clearTimeout(timer)
      look()
      try {
        resolve(parse(received, methods))
      } catch (error) {
        reject(error)
      }
    })
    const run = async (): Promise<void> => {
      for (const step of steps) {
        if (socket.destroyed) return
        if ('send' in step) socket.write(step.send, 'latin1')
        else if ('answer' in step) socket.write(step.answer(received), 'latin1')
        else if ('other' in step) await converse(open, [{ send: step.other }], [''])
        else if ('leave' in step) {
          if (step.leave === 'half') socket.end()
          else socket.resetAndDestroy()
        } else {
          await new Promise<void>((met) => {
            look = () => {
              if (received.includes(step.until) || socket.destroyed) met()
            }
            look()
          })
          look = () => {}
        }
      }
    }
    run().catch(fail)
  })
}

/** Takes what a server sent apart (RFC 9112, sections 2 to 7). `methods` are those of the requests. */
export function parse(received: string, methods: readonly string[]): Conversation {
  const interim: number[] = []
  const replies: Reply[] = []
  let at = 0
  while (at < received.length && replies.length < methods.length) {
    const end = received.indexOf('\r\n\r\n', at)
    if (end < 0) break
    const [line = '', ...fields] = received.slice(at, end).split('\r\n')
    const match = /^HTTP\/(\d\.\d) (\d{3})(?: (.*))?$/.exec(line)
    if (match === null) break
    const [, version = '', code, reason = ''] = match
    at = end + 4
    const status = Number(code)
    if (status < 200) {
      interim.push(status)
      continue
    }
    const headers = fields.map((field) => {
      const colon = field.indexOf(':')
      if (colon < 1) throw new Error(`not a header: ${JSON.stringify(field)}`)
      return [field.slice(0, colon), field.slice(colon + 1).trim()] as const
    })
    const find = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1]
    const reply = { version, status, reason, headers }
    const length = find('content-length')
    if (methods[replies.length] === 'HEAD' || status === 204 || status === 304) {
      replies.push({ ...reply, body: '', cut: false })
    } else if (find('transfer-encoding') === 'chunked') {
      const chunked = dechunk(received, at)
      at = chunked.at
      replies.push({ ...reply, body: chunked.body, cut: chunked.cut })
    } else if (length !== undefined) {
      const body = received.slice(at, at + Number(length))
      at += body.length
      replies.push({ ...reply, body, cut: body.length < Number(length) })
    } else {
      replies.push({ ...reply, body: received.slice(at), cut: false })
      at = received.length
    }
  }
  return { interim, replies, rest: received.slice(at) }
}

function dechunk(text: string, start: number): { body: string; cut: boolean; at: number } {
  let at = start
  let body = ''
  for (;;) {
    const end = text.indexOf('\r\n', at)
    if (end < 0) return { body, cut: true, at: text.length }
    const size = Number.parseInt(text.slice(at, end), 16)
    at = end + 2
    if (size === 0) {
      const cut = text.slice(at, at + 2) !== '\r\n'
      return { body, cut, at: at + 2 }
    }
    if (!(size > 0)) return { body, cut: true, at: end }
    body += text.slice(at, at + size)
    if (text.length < at + size + 2) return { body, cut: true, at: text.length }
    at += size + 2
  }
}
