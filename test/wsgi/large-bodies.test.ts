/**
 * Bodies of hundreds of megabytes in both directions at once: what is sent comes back while more is sent, and no process keeps much of it.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
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
