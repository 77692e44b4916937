/**
 * Bodies of hundreds of megabytes in both directions at once: what is sent comes back while more is sent, and no process keeps much of it.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { growthDuring } from '../acceptance/withstand/memory.js'
import { skipWithout } from '../support/pythons.js'
import { withServer } from '../support/server.js'

/** `WSGI_HTTPD_TEST_BODY_MB` makes the test larger. */
const MEGABYTES = Number(process.env.WSGI_HTTPD_TEST_BODY_MB ?? 100)
const MEGABYTE = 1024 * 1024
/** Of one process, while it relays such a body: pipes, pools, the buffers of a few writes. */
const GROWTH_MAX_MB = 64

const ECHO = `
def application(environ, start_response):
    headers = [('Content-Type', 'application/octet-stream')]
    if environ.get('CONTENT_LENGTH'):
        headers.append(('Content-Length', environ['CONTENT_LENGTH']))
    start_response('200 OK', headers)
    return iter(lambda: environ['wsgi.input'].read(65536), b'')
`

const CONF = `
WSGIDaemonProcess echo threads=2
WSGIScriptAlias /daemon "\${ROOT}/apps/echo.wsgi" process-group=echo application-group=%{GLOBAL}
WSGIScriptAlias /embedded "\${ROOT}/apps/echo.wsgi" application-group=%{GLOBAL}
WSGIChunkedRequest On
LimitRequestBody 0
`

/** Sends so many megabytes and answers with the digests of what went out and what came back. */
async function echo(
  port: number,
  path: string,
  chunked: boolean,
): Promise<{ sent: string; received: string }> {
  const sent = createHash('md5')
  const received = createHash('md5')
  function* blocks(): Generator<Buffer> {
    for (let index = 0; index < MEGABYTES; index++) {
      const block = Buffer.alloc(MEGABYTE, index & 0xff)
      sent.update(block)
      yield block
    }
  }
  const headers = chunked ? {} : { 'Content-Length': String(MEGABYTES * MEGABYTE) }
  const outgoing = request({ host: '127.0.0.1', port, path, method: 'POST', agent: false, headers })
  const answered = new Promise<void>((resolve, reject) => {
    outgoing.once('error', reject)
    outgoing.once('response', (response) => {
      response.on('data', (chunk: Buffer) => received.update(chunk))
      response.once('error', reject)
      response.once('end', resolve)
    })
  })
  await Promise.all([pipeline(Readable.from(blocks()), outgoing), answered])
  return { sent: sent.digest('hex'), received: received.digest('hex') }
}

const skip = skipWithout('3') || (process.platform !== 'linux' && 'memory is measured from /proc')

test(`${MEGABYTES} MB sent and received at once, in flat memory`, { skip }, async (t) => {
  await withServer({ conf: CONF, apps: { 'echo.wsgi': ECHO } }, async (server) => {
    for (const place of ['/daemon', '/embedded']) {
      // The interpreter and its buffers are there before anything is measured.
      await server.get(place, { method: 'POST', body: Buffer.alloc(MEGABYTE) })
      for (const chunked of [false, true]) {
        let digests = { sent: '', received: '-' }
        const { single } = await growthDuring(server, async () => {
          digests = await echo(server.port, place, chunked)
        })
        t.diagnostic(
          `${place}, ${chunked ? 'chunked' : 'with Content-Length'}: ${single} MB more at most in one process`,
        )
        assert.equal(digests.received, digests.sent, place)
        assert.ok(single < GROWTH_MAX_MB, `${place}: a process grew by ${single} MB`)
      }
    }
  })
})

const SEEDED = `
import struct
def application(environ, start_response):
    seed, count = [int(word) for word in environ['QUERY_STRING'].split(',')]
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    return (struct.pack('<II', seed, index) * 2048 for index in range(count))
`

/** Reads a response, now and then holding it up, and looks at every word of it. */
async function readSeeded(port: number, place: string, seed: number, pieces: number): Promise<void> {
  const outgoing = request({ host: '127.0.0.1', port, path: `${place}?${seed},${pieces}`, agent: false })
  outgoing.end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  let at = 0
  let rest = Buffer.alloc(0)
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const bytes = Buffer.concat([rest, chunk])
    const end = bytes.length - (bytes.length % 8)
    for (let word = 0; word < end; word += 8, at += 8) {
      if (bytes.readUInt32LE(word) !== seed || bytes.readUInt32LE(word + 4) !== Math.floor(at / 16384))
        throw new Error(`another response's bytes at ${at}`)
    }
    rest = bytes.subarray(end)
    if (at % 7 === seed % 7) await setImmediate()
    if (seed % 4 === 0 && at % 3 === 0) await setTimeout(5)
  }
  assert.equal(at, pieces * 16384)
}

test('responses of many clients at once, fast and slow ones, never mix', { skip }, () =>
  withServer(
    {
      conf: `
WSGIDaemonProcess seeded threads=6
WSGIScriptAlias /daemon "\${ROOT}/apps/seeded.wsgi" process-group=seeded application-group=%{GLOBAL}
WSGIScriptAlias /embedded "\${ROOT}/apps/seeded.wsgi" application-group=%{GLOBAL}
<Location /daemon/deflated>
SetOutputFilter DEFLATE
</Location>
ServerLimit 1
`,
      apps: { 'seeded.wsgi': SEEDED },
    },
    async ({ port }) => {
      const clients = Array.from({ length: 24 }, async (_, seed) => {
        const place = ['/daemon', '/embedded', '/daemon/deflated'][seed % 3] as string
        for (let turn = 0; turn < 3; turn++) await readSeeded(port, place, seed * 100 + turn, 128)
      })
      await Promise.all(clients)
    },
  ),
)
