/** The same application behind `node:https` and `node:http2`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect, createSecureServer, createServer, type Http2Server } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../support/certificates.js'
import { askSecurely } from '../support/https.js'
import { skipWithout } from '../support/pythons.js'
import { until } from '../support/wait.js'
import { listening, type Service, withService } from './support.js'

const skip = skipWithout('3') || skipWithoutOpenssl

const SCRIPT = `
import json, time
def application(environ, start_response):
    what = environ['PATH_INFO']
    headers = [('Content-Type', 'text/plain'), ('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2'), ('Vary', 'A'), ('Vary', 'B')]
    body = environ['wsgi.input'].read()
    start_response('200 OK', headers)
    if what == '/break':
        def half():
            yield b'half'
            raise ValueError('half way')
        return half()
    if what == '/large':
        return (b'x' * 65536 for _ in range(64))
    names = ('wsgi.url_scheme', 'SERVER_PROTOCOL', 'HTTP_HOST', 'REMOTE_ADDR', 'PATH_INFO', 'QUERY_STRING')
    return [json.dumps([environ.get(name) for name in names] + [body.decode()]).encode()]
`

function certified({ directory }: Service) {
  makeAuthority(directory)
  makeCertificate(directory, 'a.test')
  const read = (name: string) => readFileSync(path.join(directory, name))
  return { key: read('a.test.key'), cert: read('a.test.crt') }
}

test('node:https', { skip }, async () => {
  await withService({ script: SCRIPT }, async (service) => {
    const server = createHttpsServer(certified(service), service.app.handler)
    await listening(server)
    try {
      const { port } = server.address() as AddressInfo
      const answer = await askSecurely(port, '/x?y', { name: 'a.test', body: 'text' })
      assert.deepEqual(JSON.parse(answer.text), [
        'https',
        'HTTP/1.1',
        'a.test',
        '127.0.0.1',
        '/x',
        'y',
        'text',
      ])
    } finally {
      server.close()
      server.closeAllConnections()
    }
  })
})

interface H2Answer {
  readonly headers: Record<string, unknown>
  readonly text: string
}

function ask(
  session: ReturnType<typeof connect>,
  headers: Record<string, string>,
  body?: string,
): Promise<H2Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined })
    let text = ''
    let head = {}
    stream.setEncoding('latin1')
    stream.on('response', (received) => {
      head = received
    })
    stream.on('data', (piece) => (text += piece))
    stream.on('error', reject)
    stream.on('end', () => resolve({ headers: head, text }))
    if (body !== undefined) stream.end(body)
  })
}

async function withHttp2(server: Http2Server, use: (url: string) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

test('node:http2, encrypted', { skip }, async () => {
  await withService({ script: SCRIPT }, async (service) => {
    const server = createSecureServer(certified(service), service.app.handler)
    await withHttp2(server, async (address) => {
      const session = connect(`https://${address}`, { servername: 'a.test', rejectUnauthorized: false })
      const answer = await ask(
        session,
        { ':path': '/x?y', ':authority': 'a.test', ':method': 'POST' },
        'text',
      )
      assert.deepEqual(JSON.parse(answer.text), [
        'https',
        'HTTP/2.0',
        'a.test',
        '127.0.0.1',
        '/x',
        'y',
        'text',
      ])
      assert.equal(answer.headers[':status'], 200)
      assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2'])
      assert.equal(answer.headers.vary, 'A, B')
      session.destroy()
    })
  })
})

test('node:http2, plain: many at once, one broken, one taken back', { skip }, async () => {
  await withService({ script: SCRIPT }, async (service) => {
    await withHttp2(createServer(service.app.handler), async (address) => {
      const session = connect(`http://${address}`)
      const places = Array.from({ length: 20 }, (_, at) => `/${at}`)
      const answers = await Promise.all(places.map((place) => ask(session, { ':path': place })))
      assert.deepEqual(
        answers.map(({ text }) => JSON.parse(text)[4]),
        places,
      )
      await assert.rejects(ask(session, { ':path': '/break' }))
      const taken = session.request({ ':path': '/large' })
      taken.on('error', () => {})
      await new Promise((resolve) => taken.once('response', resolve))
      taken.close(8)
      await until('the request to be over', () => service.app.status().active === 0)
      assert.equal((await ask(session, { ':path': '/large' })).text.length, 64 * 65536)
      const head = await ask(session, { ':path': '/', ':method': 'HEAD' })
      assert.equal(head.text, '')
      session.destroy()
    })
  })
})
