/**
 * Thousands of damaged requests, whole and in pieces, given to our HTTP/1 layer and to Node's own: both must read the same messages and refuse at
 * the same place. Each deliberate difference is a row with its reason. The cases follow from a seed; FUZZ_CASES and FUZZ_SEED choose others.
 */
import assert from 'node:assert/strict'
import { createServer, METHODS, type IncomingMessage as NodeIncoming, type ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { Http1Connection, type Http1Sink } from '../../src/http/http1/connection.js'
import type { IncomingMessage, OutgoingMessage } from '../../src/http/message.js'

const CASES = Number(process.env.FUZZ_CASES ?? 3000)
const SEED = Number(process.env.FUZZ_SEED ?? 20240607)

/** What became of the bytes: the messages that were read whole, and whether what followed was refused. */
interface Reading {
  readonly messages: string[]
  refused: boolean
  /** The last message said that nothing follows it: what comes then is nobody's business. */
  isLast?: boolean
}

/** One end of a connection: bytes go in by `push`, what is written is thrown away. */
class Wire extends Duplex {
  readonly remoteAddress = '192.0.2.1'
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
}

const CONTENT = ['Content-Length', '2', 'Connection', 'keep-alive'] as const

function record(
  method: string,
  target: string,
  version: string,
  headers: readonly string[],
  body: string,
): string {
  return JSON.stringify([method, target, version, headers, body])
}

async function readByNode(pieces: readonly Buffer[]): Promise<Reading> {
  const reading: Reading = { messages: [], refused: false }
  const server = createServer({ requireHostHeader: false, maxHeaderSize: 65536 })
  server.maxHeadersCount = 0
  const serve = (request: NodeIncoming, response: ServerResponse): void => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1')
    })
    request.on('end', () => {
      const { method = '', url = '', httpVersion, rawHeaders } = request
      reading.messages.push(record(method, url, httpVersion, rawHeaders, body))
      response.writeHead(200, [...CONTENT]).end('ok')
    })
  }
  server.on('request', serve).on('checkContinue', serve).on('checkExpectation', serve)
  server.on('connect', (request) => {
    reading.messages.push(record('CONNECT', request.url ?? '', request.httpVersion, request.rawHeaders, ''))
  })
  server.on('clientError', () => {
    reading.refused = true
  })
  await send(pieces, (wire) => server.emit('connection', wire))
  return reading
}

async function readByUs(pieces: readonly Buffer[]): Promise<Reading> {
  const reading: Reading = { messages: [], refused: false }
  let tunnel = false
  let over = (): boolean => false
  const sink: Http1Sink<undefined> = {
    serve(_, incoming: IncomingMessage, outgoing: OutgoingMessage) {
      const { method, target, version, rawHeaders } = incoming
      if (tunnel) return
      // Any token is a method here, for applications to know; Node has a list.
      if (!METHODS.includes(method)) {
        reading.refused = true
        outgoing.cut()
        return
      }
      reading.isLast = !outgoing.canKeep
      tunnel = method === 'CONNECT'
      let body = ''
      const end = (): void => {
        reading.messages.push(record(method, target, version, rawHeaders, body))
        const fields = ['Content-Length', '2']
        outgoing.respond(
          { status: 200, reason: '', fields, bodyless: false, hasLength: true, close: false },
          'ok',
        )
      }
      if (tunnel) end()
      else
        incoming.body.read({
          data: (chunk) => {
            body += chunk.toString('latin1')
          },
          end,
          aborted: () => {
            if (!over()) reading.refused = true
          },
        })
    },
    refuse() {
      if (!tunnel) reading.refused = true
    },
    rests() {},
    left() {},
    gone() {},
  }
  await send(pieces, (wire) => {
    over = () => wire.destroyed
    new Http1Connection(wire, sink, undefined, 65536)
  })
  return reading
}

async function send(pieces: readonly Buffer[], attach: (wire: Wire) => void): Promise<void> {
  const wire = new Wire()
  wire.on('error', () => {})
  attach(wire)
  for (const piece of pieces) {
    wire.push(piece)
    await turn()
  }
  for (let round = 0; round < 6; round++) await turn()
  wire.destroy()
  await turn()
}

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** mulberry32 */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const BASES = [
  'GET /a?b=c HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n',
  'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  'POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n',
  'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n',
  'POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPUT /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'GET http://h:80/x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\nCookie: a=b; c="d e"\r\nX-Y: \t z \r\n\r\n',
  'HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n',
]
const LINES = [
  'Content-Length: 5',
  'Content-Length: 0',
  'content-length: 05',
  'Content-Length: 5, 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Transfer-Encoding: chunked',
  'transfer-encoding: Chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:\tchunked ',
  'Transfer-Encoding: x',
  'Connection: close',
  'Connection: upgrade, close',
  'Expect: 100-continue',
  'Upgrade: h2c',
  ' folded',
  'X : y',
  'X',
  ': y',
  'X: \x80\xff',
  'X: \x7f',
]
const BYTES = '\r\n\t \0:;,/"\\\x7f\x80\xff\x0b0159aAfFzZ-_?#*@[]{}()<>=%+'

function damaged(next: () => number): string {
  const pick = <T>(list: readonly T[] | string): T => list[Math.floor(next() * list.length)] as T
  let text = pick(BASES)
  for (let count = Math.floor(next() * 4); count >= 0; count--) {
    const at = Math.floor(next() * (text.length + 1))
    const kind = Math.floor(next() * 9)
    if (kind === 0) text = text.slice(0, at) + pick<string>(BYTES) + text.slice(at)
    else if (kind === 1) text = text.slice(0, at) + text.slice(at + 1)
    else if (kind === 2) text = text.slice(0, at) + pick<string>(BYTES) + text.slice(at + 1)
    else if (kind === 3) text = text.replace('\r\n', pick(['\n', '\r', '\r\r\n', '\r\n\r\n']))
    else if (kind < 7) {
      const lines = text.split('\r\n')
      const line = 1 + Math.floor(next() * Math.max(1, lines.indexOf('') - 1))
      lines.splice(line, kind === 6 ? 1 : 0, pick(LINES))
      text = lines.join('\r\n')
    } else if (kind === 7) text = text.slice(0, at) + text.slice(Math.floor(next() * text.length))
    else text = text.slice(0, at) + pick(BASES)
  }
  return text
}

function pieces(text: string, next: () => number): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  if (next() < 0.5) return [bytes]
  const cut: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + Math.floor(next() * 12)
    cut.push(bytes.subarray(at, at + size))
    at += size
  }
  return cut
}

/** A deliberate difference: what it is, why, whom it refuses, and how it is told from others. */
interface Difference {
  readonly what: string
  readonly why: string
  readonly stricter: 'we' | 'node'
  readonly in: RegExp
}

const DIFFERENCES: readonly Difference[] = [
  {
    what: 'carriage returns and line feeds alone before a request',
    why: 'RFC 9112 section 2.2 lets us read over empty lines, which end in both',
    stricter: 'we',
    in: /(?:^|[^\r])\n|\r(?!\n)/,
  },
  {
    what: 'a target that is neither a path, nor "*" alone, nor a URL with a host',
    why: 'RFC 9112 section 3.2 has no other',
    stricter: 'we',
    in: / (?:\*[^\s]|[a-z]+:\/\/[/?])/i,
  },
  {
    what: 'a request line without version',
    why: 'HTTP/0.9 is not served, and what follows it cannot be told from a header',
    stricter: 'we',
    in: /(?:^|\n|\r|.)[A-Z]+ [^\r\n ]+(?:\r|\n)/,
  },
  {
    what: 'a header that does not end',
    why: 'Node refuses at the byte, we at the end of the line, or of the header where a value is wrong',
    stricter: 'node',
    in: /(?<!\r\n\r\n)$/,
  },
  {
    what: 'a tab after the transfer coding',
    why: 'blanks and tabs around a value are no part of it (RFC 9110 section 5.5)',
    stricter: 'node',
    in: /transfer-encoding:[ \t]*chunked[ ]*\t/i,
  },
  {
    what: 'close beside keep-alive in HTTP/1.0',
    why: 'who says that it closes gets no other answer, as in HTTP/1.1',
    stricter: 'we',
    in: /HTTP\/1\.0\r\n[^]*connection:[^\r]*close/i,
  },
  {
    what: 'a length beyond 2^53',
    why: 'a number that we cannot count to; nobody sends so much',
    stricter: 'we',
    in: /content-length:[ \t]*[0-9]{16,}/i,
  },
  {
    what: 'several blanks in a request line',
    why: 'RFC 9112 section 3 has one; who takes more may find another target than we do',
    stricter: 'we',
    in: /[A-Z]+(?: {2,}[^\r\n ]+ +| +[^\r\n ]+ {2,})HTTP/,
  },
  {
    what: 'a transfer coding that is not chunked alone',
    why: 'nobody could read the body; httpd refuses it, too',
    stricter: 'we',
    in: /transfer-encoding:[ \t]*(?!chunked[ \t]*\r)/i,
  },
]

const seen = new Map<string, number>()

test('damaged requests are read as Node reads them', async () => {
  const next = random(SEED)
  const failures: string[] = []
  let accepted = 0
  for (let count = 0; count < CASES; count++) {
    const text = damaged(next)
    const parts = pieces(text, next)
    const [node, us] = await Promise.all([readByNode(parts), readByUs(parts)])
    if (node.messages.length > 0) accepted++
    const isSame = JSON.stringify(node.messages) === JSON.stringify(us.messages)
    if (isSame && (node.refused === us.refused || us.isLast)) continue
    const fewer = us.messages.length < node.messages.length
    const stricter = fewer || (us.refused && !node.refused) ? 'we' : 'node'
    const row = DIFFERENCES.find((one) => one.stricter === stricter && one.in.test(text))
    if (row !== undefined) seen.set(row.what, (seen.get(row.what) ?? 0) + 1)
    else
      failures.push(
        `${JSON.stringify(text)} in ${parts.length}\n  node ${JSON.stringify(node)}\n  us   ${JSON.stringify(us)}`,
      )
  }
  // a row that nothing falls under any more should go
  if (CASES >= 100_000)
    assert.deepEqual(
      DIFFERENCES.filter(({ what }) => !seen.has(what)),
      [],
    )
  assert.ok(accepted > CASES / 10 && accepted < CASES, `${accepted} of ${CASES} were read`)
  assert.deepEqual(failures.slice(0, 25), [], `${failures.length} of ${CASES} differ`)
})
