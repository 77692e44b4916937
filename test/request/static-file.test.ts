import assert from 'node:assert/strict'
import { chmodSync, utimesSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { type Ask, ask, raw } from '../support/http.js'
import { until } from '../support/wait.js'
import { hooksOf, withFront } from './front.js'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'
const MODIFIED = new Date('2024-05-06T07:08:09Z')
const OPTIONS = {
  files: { 'a.txt': LETTERS, empty: '' },
  prepare: (root: string) => utimesSync(path.join(root, 'a.txt'), MODIFIED, MODIFIED),
}
const ETAG = `"1a-${(MODIFIED.getTime() * 1000).toString(16)}"`
const LAST = MODIFIED.toUTCString()

test('a file has its length, date and tag', async () => {
  await withFront('', OPTIONS, async ({ port, ended }) => {
    for (const method of ['GET', 'POST', 'HEAD']) {
      const { status, headers, text } = await ask(port, '/a.txt', { method })
      assert.equal(status, 200)
      assert.equal(text, method === 'HEAD' ? '' : LETTERS)
      assert.equal(headers['content-length'], '26')
      assert.equal(headers['last-modified'], LAST)
      assert.equal(headers.etag, ETAG)
      assert.equal(headers['accept-ranges'], 'bytes')
      assert.equal(headers['content-type'], undefined)
    }
    assert.equal((await ask(port, '/empty')).headers['content-length'], '0')
    await until('four requests', () => ended.length === 4)
    assert.deepEqual(
      ended.map(({ bytesSent }) => bytesSent),
      [26, 26, 0, 0],
    )
  })
})

/** Request headers, status, body or undefined for any. */
const CONDITIONS: readonly (readonly [NonNullable<Ask['headers']>, number, string?])[] = [
  [{ 'If-None-Match': ETAG }, 304, ''],
  [{ 'If-None-Match': `W/${ETAG}` }, 304, ''],
  [{ 'If-None-Match': `"x", ${ETAG}` }, 304, ''],
  [{ 'If-None-Match': '*' }, 304, ''],
  [{ 'If-None-Match': '"x"' }, 200, LETTERS],
  [{ 'If-None-Match': '"x"', 'If-Modified-Since': LAST }, 200, LETTERS],
  [{ 'If-Modified-Since': LAST }, 304, ''],
  [{ 'If-Modified-Since': 'Mon, 06 May 2024 07:08:08 GMT' }, 200, LETTERS],
  [{ 'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT' }, 200, LETTERS],
  [{ 'If-Modified-Since': 'yesterday' }, 200, LETTERS],
  [{ 'If-Match': ETAG }, 200, LETTERS],
  [{ 'If-Match': '"x"' }, 412, ''],
  [{ 'If-Match': `W/${ETAG}` }, 412, ''],
  [{ 'If-Unmodified-Since': LAST }, 200, LETTERS],
  [{ 'If-Unmodified-Since': 'Mon, 06 May 2024 07:08:08 GMT' }, 412, ''],
  [{ Range: 'bytes=0-3' }, 206, 'abcd'],
  [{ Range: 'bytes=-2' }, 206, 'yz'],
  [{ Range: 'bytes=24-' }, 206, 'yz'],
  [{ Range: 'bytes=24-99' }, 206, 'yz'],
  [{ Range: 'bytes=0-1,2-3' }, 206, 'abcd'],
  [{ Range: 'bytes=99-' }, 416],
  [{ Range: 'bytes=-99' }, 206, LETTERS],
  [{ Range: 'bytes=5-2' }, 200, LETTERS],
  [{ Range: 'bytes=0-3,' }, 206, 'abcd'],
  [{ Range: 'bytes=0-3,x' }, 200, LETTERS],
  [{ Range: 'bytes=x' }, 200, LETTERS],
  [{ Range: 'pages=1-2' }, 200, LETTERS],
  [{ Range: 'bytes=0-3', 'If-Range': ETAG }, 206, 'abcd'],
  [{ Range: 'bytes=0-3', 'If-Range': '"x"' }, 200, LETTERS],
  [{ Range: 'bytes=0-3', 'If-Range': LAST }, 206, 'abcd'],
  [{ Range: 'bytes=0-3', 'If-Range': 'Mon, 06 May 2024 07:08:08 GMT' }, 200, LETTERS],
  [{ Range: `bytes=${Array.from({ length: 201 }, () => '0-0').join(',')}` }, 200, LETTERS],
]

test('conditions and ranges', async (t) => {
  await withFront('', OPTIONS, async ({ port }) => {
    await Promise.all(
      CONDITIONS.map(([headers, status, body]) =>
        t.test(`${JSON.stringify(headers).slice(0, 80)} gives ${status}`, async () => {
          const answer = await ask(port, '/a.txt', { headers })
          assert.equal(answer.status, status)
          if (body !== undefined) assert.equal(answer.text, body)
        }),
      ),
    )
    assert.equal(
      (await ask(port, '/a.txt', { headers: { Range: 'bytes=99-' } })).headers['content-range'],
      'bytes */26',
    )
    const part = await ask(port, '/a.txt', { headers: { Range: 'bytes=0-3' } })
    assert.equal(part.headers['content-range'], 'bytes 0-3/26')
    assert.equal(part.headers['content-length'], '4')
  })
})

test('several ranges come as parts of one message', async () => {
  const typing = hooksOf({
    typeChecker: (request) => {
      request.contentType = 'text/x-letters'
      return 'ok'
    },
  })
  await withFront('', { ...OPTIONS, modules: [typing] }, async ({ port }) => {
    const { status, headers, text } = await ask(port, '/a.txt', { headers: { Range: 'bytes=0-1,24-25' } })
    assert.equal(status, 206)
    const boundary = /^multipart\/byteranges; boundary=(\w+)$/.exec(headers['content-type'] ?? '')?.[1]
    assert.ok(boundary)
    assert.equal(headers['content-length'], String(text.length))
    const type = 'Content-Type: text/x-letters\r\nContent-Range: bytes'
    assert.equal(
      text,
      `\r\n--${boundary}\r\n${type} 0-1/26\r\n\r\nab\r\n--${boundary}\r\n${type} 24-25/26\r\n\r\nyz\r\n--${boundary}--\r\n`,
    )
  })
})

test('other methods are not allowed, or not known', async () => {
  await withFront('TraceEnable on', OPTIONS, async ({ port }) => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
      const answer = await ask(port, '/a.txt', { method })
      assert.equal(answer.status, 405, method)
      assert.equal(answer.headers.allow, 'GET,POST,OPTIONS,HEAD,TRACE')
    }
    assert.equal((await ask(port, '/a.txt', { method: 'SUBSCRIBE' })).status, 501)
    const options = await ask(port, '/a.txt', { method: 'OPTIONS' })
    assert.equal(options.status, 200)
    assert.equal(options.headers.allow, 'GET,POST,OPTIONS,HEAD,TRACE')
    const trace = await raw(port, 'TRACE /x?y HTTP/1.1\r\nHost: a\r\nX-b: c\r\nConnection: close\r\n\r\n')
    assert.match(
      trace,
      /^HTTP\/1\.1 200 [^]*Content-Type: message\/http\r\n[^]*\r\n\r\nTRACE \/x\?y HTTP\/1\.1\r\nHost: a\r\nX-b: c\r\n/,
    )
  })
  await withFront('TraceEnable off', OPTIONS, async ({ port }) => {
    const answer = await ask(port, '/a.txt', { method: 'TRACE' })
    assert.equal(answer.status, 405)
    assert.equal(answer.headers.allow, 'GET,POST,OPTIONS,HEAD')
  })
})

test('FileETag chooses what the tag is made of', async () => {
  await withFront('FileETag None', OPTIONS, async ({ port }) => {
    assert.equal((await ask(port, '/a.txt')).headers.etag, undefined)
  })
  await withFront('FileETag Size', OPTIONS, async ({ port }) => {
    assert.equal((await ask(port, '/a.txt')).headers.etag, '"1a"')
  })
})

test('AddDefaultCharset completes text, and nothing else', async () => {
  const typing = hooksOf({
    typeChecker: (request) => {
      request.contentType = request.query ?? ''
      return 'ok'
    },
  })
  await withFront('AddDefaultCharset utf-8', { ...OPTIONS, modules: [typing] }, async ({ port }) => {
    const typeOf = async (type: string) => (await ask(port, `/a.txt?${type}`)).headers['content-type']
    assert.equal(await typeOf('text/plain'), 'text/plain; charset=utf-8')
    assert.equal(await typeOf('text/html;charset=x'), 'text/html;charset=x')
    assert.equal(await typeOf('text/css'), 'text/css')
  })
})

test('an unknown handler is an error, not the file', async () => {
  await withFront('SetHandler some-script', OPTIONS, async ({ port, records }) => {
    assert.equal((await ask(port, '/a.txt')).status, 500)
    assert.match(records.join(), /"some-script"/)
  })
  await withFront('SetHandler server-info', OPTIONS, async ({ port, records }) => {
    assert.equal((await ask(port, '/a.txt')).status, 404)
    assert.match(records.join(), /There is no mod_info here/)
  })
  await withFront('SetHandler default-handler', OPTIONS, async ({ port }) => {
    assert.equal((await ask(port, '/a.txt')).text, LETTERS)
  })
})

test('a file that may not be read is 403', {
  skip: process.getuid?.() === 0 && 'root may read every file',
}, async () => {
  const prepare = (root: string) => chmodSync(path.join(root, 'a.txt'), 0)
  await withFront('', { ...OPTIONS, prepare }, async ({ port, records }) => {
    assert.equal((await ask(port, '/a.txt')).status, 403)
    assert.match(records.join(), /AH00132/)
  })
})

test('a large file is streamed in little memory, and its stream ends with the client', async () => {
  const size = 64 * 1024 * 1024
  const prepare = (root: string) => writeFileSync(path.join(root, 'large'), Buffer.alloc(size, LETTERS))
  await withFront('', { prepare }, async ({ port, ended }) => {
    const whole = await ask(port, '/large')
    assert.equal(whole.bytes.length, size)
    assert.ok(whole.bytes.equals(Buffer.alloc(size, LETTERS)))
    const part = await ask(port, '/large', { headers: { Range: 'bytes=1000000-1999999' } })
    assert.ok(part.bytes.equals(whole.bytes.subarray(1_000_000, 2_000_000)))

    const before = process.memoryUsage().arrayBuffers
    const sockets = Array.from({ length: 8 }, () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
      return socket.once('readable', () => socket.read(1))
    })
    await until('the first bytes', () => sockets.every(({ bytesRead }) => bytesRead > 0))
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024)
    for (const socket of sockets) socket.destroy()
    await until('all to be logged', () => ended.length === 10)
    assert.ok(
      ended.slice(2).every(({ cut, connection, bytesSent }) => cut && connection.aborted && bytesSent < size),
    )
  })
})
