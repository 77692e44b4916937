/** Backends that do not keep to HTTP: what clients get, and that nothing of it is taken for more than it is. */
import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { withServer } from '../../support/server.js'
import { until } from '../../support/wait.js'

const OK = 'HTTP/1.1 200 OK\r\n'

/** By the last part of the path: what the backend writes, after which it closes. */
const ANSWERS: Readonly<Record<string, string>> = {
  nothing: '',
  garbage: 'this is no HTTP\r\n\r\n',
  'bad-field': `${OK}Bad Name: x\r\nContent-Length: 1\r\n\r\nx`,
  'no-colon': `${OK}NoColon\r\nContent-Length: 1\r\n\r\nx`,
  'two-lengths': `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy`,
  'length-and-chunks': `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n`,
  'large-header': `${OK}X: ${'y'.repeat(100_000)}\r\nContent-Length: 1\r\n\r\nx`,
  'bare-lf': 'HTTP/1.1 200 OK\nContent-Length: 1\n\nx',
  unasked: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\n',
  'cut-length': `${OK}Content-Length: 100\r\n\r\nhalf`,
  'cut-chunks': `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`,
  'bad-chunks': `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n`,
  'until-close': 'HTTP/1.0 200 OK\r\n\r\nold',
  hints: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`,
  trailers: `${OK}Transfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nxy\r\n0\r\nX-T: 1\r\n\r\n`,
  'early-refusal': 'HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig',
  'no-content': 'HTTP/1.1 204 No Content\r\n\r\n',
}

/** What clients get. `cut`: the response is not complete. */
const EXPECTED: readonly (readonly [name: string, status: number | 'cut', body?: string])[] = [
  ['nothing', 502],
  ['garbage', 502],
  ['bad-field', 502],
  ['no-colon', 502],
  ['two-lengths', 502],
  ['length-and-chunks', 502],
  ['large-header', 502],
  ['bare-lf', 502],
  ['unasked', 502],
  ['cut-length', 'cut'],
  ['cut-chunks', 'cut'],
  ['bad-chunks', 'cut'],
  ['until-close', 200, 'old'],
  ['hints', 200, 'x'],
  ['trailers', 200, 'xy'],
  ['early-refusal', 413, 'big'],
  ['no-content', 204, ''],
]

let backend: Server
let port = 0
/** Header blocks of the requests that came. */
const seen: string[] = []
const held: Socket[] = []
/** Whom a large response is sent. */
const sending: Socket[] = []
/** More than all buffers between the backend and a client that does not read. */
const DOWNLOAD_BYTES = 40_000_000

before(async () => {
  backend = createServer((socket) => {
    let received = ''
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1')
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      const name = /^\S+ \S*\/([\w-]+) /.exec(received)?.[1] ?? ''
      if (name === 'upload' && !received.endsWith('all of it')) return
      seen.push(received.slice(0, end))
      received = ''
      if (name === 'hold') held.push(socket)
      else if (name === 'download') {
        sending.push(socket)
        socket.write(`${OK}Content-Length: ${DOWNLOAD_BYTES}\r\nConnection: close\r\n\r\n`)
        socket.end(Buffer.alloc(DOWNLOAD_BYTES))
      } else if (name === 'half') socket.write(`${OK}Content-Length: 100\r\n\r\nhalf`)
      else socket.end(ANSWERS[name] ?? `${OK}Content-Length: 0\r\n\r\n`, 'latin1')
    })
  })
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  port = (backend.address() as AddressInfo).port
})

after(() => {
  backend.close()
  for (const socket of held) socket.destroy()
})

test('what backends do wrong', async () => {
  const conf = `
ServerLimit 1
ProxyPass /few http://127.0.0.1:${port}/few max=1 acquire=50
ProxyPass /short http://127.0.0.1:${port}/short timeout=1
ProxyPass / http://127.0.0.1:${port}/ enablereuse=off
`
  await withServer({ conf }, async (server) => {
    for (const [name, status, body] of EXPECTED) {
      if (status === 'cut') {
        await assert.rejects(server.get(`/${name}`), name)
        continue
      }
      const answer = await server.get(`/${name}`)
      assert.equal(answer.status, status, name)
      if (body !== undefined) assert.equal(answer.text, body, name)
    }
    await server.waitForLog(/AH10239: Unexpected Upgrade: foo \(expecting n\/a\)/)

    // a body of which the backend does not want the rest
    const large = await server.get('/early-refusal', { method: 'POST', body: Buffer.alloc(3_000_000) })
    assert.deepEqual([large.status, large.text], [413, 'big'])
    // silence in the middle of a response
    await assert.rejects(server.get('/short/half'))

    // a request whose method may have a body says that it has none, in one way
    seen.length = 0
    for (const method of ['POST', 'BREW', 'GET'])
      await server.raw(`${method} /m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    assert.deepEqual(
      seen.map((head) => head.match(/^(\w+) |^content-length: \d+|^transfer-encoding: .*/gim)),
      [['POST ', 'Content-Length: 0'], ['BREW ', 'Content-Length: 0'], ['GET ']],
    )

    // who has to wait for a connection for too long is told so
    const first = server.get('/few/hold')
    await until('the only connection is in use', () => held.length === 1)
    const second = await server.get('/few/x')
    assert.equal(second.status, 503)
    await server.waitForLog(/AH00955: all connections to http:\/\/127\.0\.0\.1:\d+ are in use/)
    for (const socket of held.splice(0)) socket.end(`${OK}Content-Length: 4\r\n\r\nlate`)
    assert.equal((await first).text, 'late')
  })
})

/** A client that sends what it is told to, and reads when it is told to. */
async function withClient(port: number, use: (client: Socket) => Promise<void>): Promise<void> {
  const client = connect(port, '127.0.0.1')
  try {
    await use(client.on('error', () => {}))
  } finally {
    client.destroy()
  }
}

async function readAll(client: Socket): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of client) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

test('a client that is slow to send or to read is no silence of the backend', async () => {
  const conf = `ServerLimit 1\nProxyPass / http://127.0.0.1:${port}/ timeout=1`
  const rest = 'Host: x\r\nConnection: close\r\n'
  await withServer({ conf }, (server) =>
    withClient(server.port, (sender) =>
      withClient(server.port, async (reader) => {
        const body = 'slowly, all of it'
        sender.write(`POST /upload HTTP/1.1\r\n${rest}Content-Length: ${body.length}\r\n\r\n`)
        sender.write(body.slice(0, 6))
        reader.pause().write(`GET /download HTTP/1.1\r\n${rest}\r\n`)
        await until('the backend to send', () => sending.length === 1)
        // each of these lasts as long as a backend may be silent
        for (let times = 0; times < 2; times++) assert.equal((await server.get('/hold')).status, 504)

        sender.write(body.slice(6))
        assert.match((await readAll(sender)).toString('latin1'), /^HTTP\/1\.1 200 /)
        const response = await readAll(reader)
        assert.equal(response.length - response.indexOf('\r\n\r\n') - 4, DOWNLOAD_BYTES)

        // one that leaves is no fault of the backend either
        await withClient(server.port, async (leaver) => {
          leaver.pause().write(`GET /download HTTP/1.1\r\n${rest}\r\n`)
          await until('the backend to send', () => sending.length === 2)
        })
        await until('the backend to be left', () => sending[1]?.destroyed === true)
        await server.get('/no-content')
        assert.doesNotMatch(server.errorLog(), /AH00898/)
      }),
    ),
  )
})
