/** Compressed responses on the real server: who gets them, what the header says, and that streams flow. */
import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import path from 'node:path'
import { test } from 'node:test'
import { brotliDecompressSync, createGunzip, gunzipSync } from 'node:zlib'
import { accepts } from '../../src/modules/compress/eligible.js'
import { withServer } from '../support/server.js'
import { until } from '../support/wait.js'

test('Accept-Encoding', () => {
  for (const yes of ['gzip', 'x-gzip', 'br, gzip;q=0.5', '*', 'deflate, *;q=0.1', 'GZIP; q=1.0'])
    assert.ok(accepts(yes, 'gzip'), yes)
  for (const no of ['', 'br', 'gzip;q=0', 'gzip; q=0.000, *', '*;q=0', 'gzipped'])
    assert.ok(!accepts(no, 'gzip'), no)
})

const APP = `
import os, time
def application(environ, start_response):
    path = environ['PATH_INFO']
    body = b'0123456789' * 5000
    if path == '/stream':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        def blocks():
            yield b'first block, which must not wait for the second\\n'
            while not os.path.exists(environ['QUERY_STRING']):
                time.sleep(0.02)
            yield b'second'
        return blocks()
    if path == '/short':
        start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '100000')])
        return [body]
    if path == '/pieces':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return (body for _ in range(40))
    headers = [('X-Method', environ['REQUEST_METHOD']), ('Content-Type', 'text/plain; charset=utf-8'), ('Content-Length', str(len(body))), ('ETag', '"abc"')]
    if path == '/encoded':
        headers.append(('Content-Encoding', 'zstd'))
    if path == '/vary':
        headers.append(('Vary', 'Cookie'))
    start_response('200 OK', headers)
    return [body]
`
const BODY = '0123456789'.repeat(5000)

test('text is compressed for who takes it', async () => {
  const conf = `
AddOutputFilterByType BROTLI_COMPRESS;DEFLATE text/plain text/html
DeflateFilterNote ratio
LogFormat "%U %{ratio}n %b" ratio
CustomLog ratio.log ratio
WSGIScriptAlias /app "\${ROOT}/apps/app.wsgi"
<Location /app/off>
    SetEnv no-gzip 1
    SetEnv no-brotli 1
</Location>
<Location /small.txt>
    SetOutputFilter DEFLATE
</Location>
`
  const files = { 'htdocs/page.html': BODY, 'htdocs/small.txt': 'little', 'htdocs/data.bin': BODY }
  await withServer({ conf, apps: { 'app.wsgi': APP }, files }, async (server) => {
    const get = (place: string, encoding?: string, more: Record<string, string> = {}) =>
      server.get(place, {
        headers: { ...(encoding === undefined ? {} : { 'Accept-Encoding': encoding }), ...more },
      })

    const zipped = await get('/app', 'gzip')
    assert.equal(zipped.headers['content-encoding'], 'gzip')
    assert.equal(zipped.headers['content-length'], String(zipped.bytes.length))
    assert.equal(zipped.headers.etag, '"abc-gzip"')
    assert.equal(zipped.headers.vary, 'Accept-Encoding')
    assert.equal(gunzipSync(zipped.bytes).toString(), BODY)
    await server.waitForLog(/^\/app \d+ \d+$/m, 'ratio.log')

    const brotli = await get('/app', 'gzip, br')
    assert.equal(brotli.headers['content-encoding'], 'br')
    assert.equal(brotli.headers.etag, '"abc-br"')
    assert.equal(brotliDecompressSync(brotli.bytes).toString(), BODY)

    const plain = await get('/app')
    assert.deepEqual(
      [plain.headers['content-encoding'], plain.headers.vary, plain.text],
      [undefined, 'Accept-Encoding', BODY],
    )
    assert.equal(plain.headers.etag, '"abc"')
    assert.equal((await get('/app/vary', 'gzip')).headers.vary, 'Cookie, Accept-Encoding')
    assert.equal((await get('/app/encoded', 'gzip')).headers['content-encoding'], 'zstd')
    const off = await get('/app/off', 'gzip')
    assert.deepEqual([off.headers['content-encoding'], off.headers.vary], [undefined, undefined])

    const head = await server.get('/app', { method: 'HEAD', headers: { 'Accept-Encoding': 'gzip' } })
    assert.deepEqual([head.headers['content-encoding'], head.headers['content-length']], ['gzip', undefined])

    assert.equal(head.headers['x-method'], 'GET', 'the application has to show what there is to compress')

    const page = await get('/page.html', 'gzip')
    assert.equal(gunzipSync(page.bytes).toString(), BODY)
    const tag = page.headers.etag as string
    assert.match(tag, /-gzip"$/)
    assert.equal((await get('/page.html', 'gzip', { 'If-None-Match': tag })).status, 304)
    const range = await get('/page.html', 'gzip', { Range: 'bytes=0-9' })
    assert.deepEqual(
      [range.status, range.text, range.headers['content-encoding']],
      [206, '0123456789', undefined],
    )
    assert.equal((await get('/data.bin', 'gzip')).headers['content-encoding'], undefined)
    const small = await get('/small.txt', 'gzip')
    assert.deepEqual([small.text, small.headers.vary], ['little', undefined])
    const missing = await get('/missing', 'gzip')
    assert.deepEqual(
      [missing.status, missing.headers['content-encoding'], missing.headers.vary],
      [404, undefined, undefined],
    )

    assert.equal(gunzipSync((await get('/app/pieces', 'gzip')).bytes).length, 40 * BODY.length)
    await assert.rejects(get('/app/short', 'gzip'), 'a body that is too short does not look complete')
  })
})

test('each block of a slow response reaches the client at once', async () => {
  const conf = `WSGIScriptAlias / "\${ROOT}/apps/app.wsgi"\nSetOutputFilter DEFLATE`
  await withServer({ conf, apps: { 'app.wsgi': APP } }, async (server) => {
    const go = path.join(server.root, 'go-on')
    const asked = httpRequest({
      port: server.port,
      host: '127.0.0.1',
      path: `/stream?${go}`,
      headers: { 'Accept-Encoding': 'gzip' },
    })
    let text = ''
    let ended = false
    asked.on('response', (response) => {
      const unpacked = response.pipe(createGunzip())
      unpacked.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      unpacked.on('end', () => {
        ended = true
      })
    })
    asked.end()
    await until('the first block', () => text.startsWith('first block'))
    assert.ok(!ended)
    server.write('go-on', '')
    await until('the end', () => ended)
    assert.match(text, /second$/)
  })
})
