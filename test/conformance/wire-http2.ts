/**
 * The client of the conformance suite over HTTP/2: one request, sent at once, and its answer in the form of wire.ts.
 */
import { connect } from 'node:http2'
import type { Conversation, Step } from './wire.js'

const TIMEOUT_MS = 30_000
/** Of HTTP/1.1 alone (RFC 9113, 8.2.2). */
const NOT_SENT = new Set(['host', 'connection'])

/**
 * @param steps As for HTTP/1.1; more than bytes to send cannot be told here.
 * @param over `h2`: over TLS; `h2c`: with prior knowledge.
 */
export function converseOverHttp2(
  over: 'h2' | 'h2c',
  port: number,
  steps: readonly Step[],
): Promise<Conversation> {
  const text = steps.map((step) => ('send' in step ? step.send : fault(step))).join('')
  const end = text.indexOf('\r\n\r\n')
  const [line = '', ...fields] = text.slice(0, end).split('\r\n')
  const [method = '', path = ''] = line.split(' ')
  const body = text.slice(end + 4)
  const headers: Record<string, string | string[]> = {}
  for (const field of fields) {
    const colon = field.indexOf(':')
    const name = field.slice(0, colon).toLowerCase()
    if (name === 'host') headers[':authority'] = field.slice(colon + 1).trim()
    if (NOT_SENT.has(name)) continue
    const value = field.slice(colon + 1).trim()
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return new Promise((resolve, reject) => {
    const scheme = over === 'h2' ? 'https' : 'http'
    const session = connect(`${scheme}://localhost:${port}`, {
      rejectUnauthorized: false,
      host: '127.0.0.1',
    } as object)
    const timer = setTimeout(() => {
      session.destroy()
      reject(new Error(`no end of the answer within ${TIMEOUT_MS} ms`))
    }, TIMEOUT_MS)
    session.once('error', reject)
    const stream = session.request(
      { ':method': method, ':path': path, ':scheme': scheme, ...headers },
      { endStream: body === '' },
    )
    const interim: number[] = []
    const pieces: Buffer[] = []
    let reply: { status: number; headers: [string, string][] } | undefined
    stream.on('headers', (got) => interim.push(Number(got[':status'])))
    stream.on('response', (got) => {
      const all = Object.entries(got).flatMap(([name, value]) =>
        [value ?? []].flat().map((one): [string, string] => [name, String(one)]),
      )
      reply = { status: Number(got[':status']), headers: all.filter(([name]) => !name.startsWith(':')) }
    })
    stream.on('data', (data: Buffer) => pieces.push(data))
    // What a reset says is that the answer has been cut.
    stream.on('error', () => {})
    stream.once('close', () => {
      clearTimeout(timer)
      session.close()
      const answered = reply && {
        ...reply,
        version: '2',
        reason: '',
        body: Buffer.concat(pieces).toString('latin1'),
        cut: stream.rstCode !== 0,
      }
      resolve({ interim, replies: answered ? [answered] : [], rest: '' })
    })
    if (body !== '') stream.end(body, 'latin1')
  })
}

function fault(step: Step): never {
  throw new Error(`not over HTTP/2: ${JSON.stringify(step)}`)
}
