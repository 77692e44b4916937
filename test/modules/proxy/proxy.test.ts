/** mod_proxy on the real server, with real backends: mapping, headers, bodies, failures. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  type AddressInfo,
  connect,
  createServer as createNetServer,
  type Server as NetServer,
} from 'node:net'
import { after, before, test } from 'node:test'
import { withServer } from '../../support/server.js'
import { until } from '../../support/wait.js'

/** Answers with what it has got, as JSON, and does what some paths ask for. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://backend')
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    if (url.pathname.endsWith('/redirect')) {
      response.writeHead(302, { Location: `http://${request.headers.host}/app/next?x=1` }).end()
    } else if (url.pathname.endsWith('/cookie')) {
      response.setHeader('Set-Cookie', [
        'a=1; Path=/app/x; Domain=backend.test',
        'b=2; HttpOnly; Path=/other',
      ])
      response.end('ok')
    } else if (url.pathname.endsWith('/teapot')) {
      response.writeHead(418, 'Short And Stout', { 'X-Pot': 'tea' }).end('teapot')
    } else if (url.pathname.endsWith('/cut')) {
      response.writeHead(200, { 'Content-Length': '100' })
      response.write('half')
      setImmediate(() => response.socket?.destroy())
    } else if (url.pathname.endsWith('/silent')) {
      // never answers
    } else if (url.pathname.endsWith('/large')) {
      const piece = Buffer.alloc(64 * 1024, 'x')
      let left = 320
      const more = (): void => {
        while (left > 0) {
          left--
          if (!response.write(piece)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    } else {
      response.setHeader('Connection', 'X-Private')
      response.setHeader('X-Private', 'for one hop')
      response.setHeader('Content-Type', 'application/json')
      const body = Buffer.concat(chunks)
      response.end(
        JSON.stringify({
          method: request.method,
          url: request.url,
          headers: request.rawHeaders,
          length: body.length,
          body: body.length < 100 ? body.toString('latin1') : undefined,
        }),
      )
    }
  })
}

let backend: Server
let broken: NetServer
let port = 0
let brokenPort = 0

before(async () => {
  backend = createServer(answer)
  backend.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Key: ${request.headers['sec-websocket-key']}\r\n\r\n`,
    )
    if (head.length > 0) socket.write(head)
    socket.pipe(socket)
  })
  broken = createNetServer((socket) => socket.end('this is no HTTP\r\n\r\n'))
  await Promise.all([
    new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve)),
    new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve)),
  ])
  port = (backend.address() as AddressInfo).port
  brokenPort = (broken.address() as AddressInfo).port
})

after(() => {
  backend.closeAllConnections()
  backend.close()
  broken.close()
})

const seen = (text: string) =>
  JSON.parse(text) as { method: string; url: string; headers: string[]; length: number; body?: string }

function field(headers: readonly string[], name: string): string | undefined {
  const at = headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === name.toLowerCase())
  return at < 0 ? undefined : headers[at + 1]
}

test('requests reach the backend, responses the client', async () => {
  const conf = `
ProxyPass /app/keep !
ProxyPass /app http://127.0.0.1:${port}/base
ProxyPass /raw http://127.0.0.1:${port}/raw nocanon
ProxyPassMatch ^/match/(\\w+)/(.*)$ http://127.0.0.1:${port}/$2/$1
ProxyPassReverse /app http://127.0.0.1:${port}/app
ProxyPassReverseCookiePath /app /public
ProxyPassReverseCookieDomain backend.test front.test
ProxyPass /down/ http://127.0.0.1:1/ retry=0
ProxyPass /broken http://127.0.0.1:${brokenPort}/
ProxyPass /slow/ http://127.0.0.1:${port}/ timeout=1
<Location /place>
    ProxyPass http://127.0.0.1:${port}/inside
    ProxyPreserveHost On
    ProxyAddHeaders Off
</Location>
<Location /closed>
    ProxyPass http://127.0.0.1:${port}/closed
    Require all denied
</Location>
<Location /override/>
    ProxyPass http://127.0.0.1:${port}/
    ProxyErrorOverride On
</Location>
<Location /small/>
    ProxyPass http://127.0.0.1:${port}/
    LimitRequestBody 10
</Location>
ErrorDocument 418 "our own page"
`
  await withServer({ conf, files: { 'htdocs/app/keep/file.txt': 'ours' } }, async (server) => {
    const plain = await server.get('/app/x%20y?q=1&r=%2F', {
      headers: { 'X-Forwarded-For': '192.0.2.1', Connection: 'X-Secret', 'X-Secret': 'hop', Te: 'trailers' },
    })
    assert.equal(plain.status, 200)
    const got = seen(plain.text)
    assert.equal(got.url, '/base/x%20y?q=1&r=%2F')
    assert.equal(field(got.headers, 'Host'), `127.0.0.1:${port}`)
    assert.equal(field(got.headers, 'X-Forwarded-For'), '192.0.2.1, 127.0.0.1')
    assert.equal(field(got.headers, 'X-Forwarded-Host'), `localhost:${server.port}`)
    assert.equal(field(got.headers, 'X-Forwarded-Server'), 'localhost')
    assert.equal(field(got.headers, 'X-Secret'), undefined)
    assert.equal(field(got.headers, 'TE'), undefined)
    assert.equal(plain.headers['x-private'], undefined, 'a field of one hop does not pass')
    assert.equal(plain.headers['content-type'], 'application/json')

    assert.equal((await server.get('/app/keep/file.txt')).text, 'ours')
    assert.equal(seen((await server.get('/match/one/a%3Fb')).text).url, '/a%3fb/one')
    assert.equal(seen((await server.get('/raw/%7Euser')).text).url, '/raw/%7Euser')

    const posted = await server.get('/app/post', { method: 'POST', body: 'a=1' })
    assert.deepEqual([seen(posted.text).method, seen(posted.text).body], ['POST', 'a=1'])
    const large = Buffer.alloc(3 * 1024 * 1024, 'b')
    assert.equal(
      seen((await server.get('/app/post', { method: 'PUT', body: large })).text).length,
      large.length,
    )
    const chunked = await server.get('/app/post', {
      method: 'POST',
      headers: { 'Transfer-Encoding': 'chunked', 'Content-Length': [] },
      body: 'in chunks',
    })
    assert.equal(seen(chunked.text).body, 'in chunks')
    assert.equal((await server.get('/small/x', { method: 'POST', body: 'much too long' })).status, 413)
    assert.equal((await server.get('/app/large')).bytes.length, 320 * 64 * 1024)
    const head = await server.get('/app/x', { method: 'HEAD' })
    assert.deepEqual([head.status, head.text], [200, ''])

    const place = seen((await server.get('/place/x')).text)
    assert.equal(place.url, '/inside/x')
    assert.equal(field(place.headers, 'Host'), `localhost:${server.port}`)
    assert.equal(field(place.headers, 'X-Forwarded-For'), undefined)
    assert.equal((await server.get('/closed/x')).status, 403)

    const redirect = await server.get('/app/redirect')
    assert.equal(redirect.headers.location, `http://localhost:${server.port}/app/next?x=1`)
    assert.deepEqual((await server.get('/app/cookie')).headers['set-cookie'], [
      'a=1; Path=/public/x; Domain=front.test',
      'b=2; HttpOnly; Path=/other',
    ])
    const teapot = await server.get('/app/teapot')
    assert.deepEqual([teapot.status, teapot.reason, teapot.text], [418, 'Short And Stout', 'teapot'])
    assert.equal((await server.get('/override/teapot')).text, 'our own page')

    await assert.rejects(server.get('/app/cut'), 'what is incomplete looks incomplete')
    await server.waitForLog(/AH00898: Error reading from remote server/)
    assert.equal((await server.get('/down/x')).status, 503)
    await server.waitForLog(/AH00957: .*HTTP: attempt to connect to 127\.0\.0\.1:1/)
    assert.equal((await server.get('/broken')).status, 502)
    assert.equal((await server.get('/slow/silent')).status, 504)
  })
})

test('a backend that was not there rests for a while', async () => {
  const conf = 'ProxyPass / http://127.0.0.1:1/'
  await withServer({ conf: `ServerLimit 1\n${conf}` }, async (server) => {
    assert.equal((await server.get('/')).status, 503)
    assert.equal((await server.get('/')).status, 503)
    await server.waitForLog(/AH00940: HTTP: disabled connection for \(127\.0\.0\.1\)/)
  })
})

test('a socket file as backend', async () => {
  await withServer(
    { conf: 'ProxyPass /app "unix:${ROOT}/run.sock|http://named.test/base"' },
    async (server) => {
      const local = createServer(answer)
      const file = `${server.root}/run.sock`
      await new Promise<void>((resolve) =>
        local.listen({ path: file, readableAll: true, writableAll: true }, resolve),
      )
      try {
        const got = seen((await server.get('/app/x')).text)
        assert.equal(got.url, '/base/x')
        assert.equal(field(got.headers, 'Host'), 'named.test')
      } finally {
        local.closeAllConnections()
        local.close()
      }
    },
  )
})

test('a client and a backend may change to WebSocket', async () => {
  const conf = `
ProxyPass /live http://127.0.0.1:${port}/ upgrade=websocket
ProxyPass /plain http://127.0.0.1:${port}/
`
  await withServer({ conf }, async (server) => {
    const head = (place: string) =>
      `GET ${place} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k1\r\n\r\n`
    const socket = connect(server.port, '127.0.0.1')
    let got = ''
    let ended = false
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      got += text
    })
    socket.on('close', () => {
      ended = true
    })
    // what follows the header at once belongs to the other protocol already
    socket.write(`${head('/live/x')}first`)
    await until('the echo of the first bytes', () => got.endsWith('first'))
    assert.match(got, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
    assert.match(got, /\r\nX-Key: k1\r\n/)
    assert.match(got, /\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n/)
    socket.write('second')
    await until('the echo of the second', () => got.endsWith('firstsecond'))
    socket.end()
    await until('the end', () => ended)
    await server.waitForLog(/"GET \/live\/x HTTP\/1\.1" 101 11/, 'access.log')

    const answered = await server.raw(
      head('/plain/x').replace('Connection: Upgrade', 'Connection: Upgrade, close'),
    )
    assert.match(answered, /^HTTP\/1\.1 200 /, 'without the parameter the request is an ordinary one')
  })
})
