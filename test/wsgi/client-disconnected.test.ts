/** `environ['waitress.client_disconnected']`: applications learn that their client has gone while they work. */
import assert from 'node:assert/strict'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { findPython, type Python, withNewest } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { LENDS, SAYING } from './lent-connections.js'

/** Begins in the way that the path says, then works for as long as its client is there. */
const APP = `${SAYING}
import time

def application(environ, start_response):
    gone = environ['waitress.client_disconnected']
    how, mark = environ['PATH_INFO'], environ['QUERY_STRING']
    def tell(text):
        environ['wsgi.errors'].write('%s: %s\\n' % (mark, text))
    def work():
        tell('begins, gone: %s' % gone())
        while not gone():
            time.sleep(0.01)
        tell('gone: %s' % gone())
    if how == '/answer':
        start_response('200 OK', [])
        return [('%s %s' % (gone(), mark)).encode('ascii')]
    if how == '/large':
        def blocks():
            for _ in range(32):
                yield b'x' * 65536
            work()
        start_response('200 OK', [])
        return blocks()
    if how == '/body':
        # until it is read from the client itself
        while not connections():
            environ['wsgi.input'].read(1000)
    work()
    start_response('200 OK', [])
    return [b'late']
`

const BODY_BYTES = 64 * 1024 * 1024
const PIECE_BYTES = 4096
const PIECE_EVERY_MS = 10

/** Ways to begin a request and to go, by name. */
const CLIENTS: Readonly<Record<string, (server: TestServer, place: string, mark: string) => Promise<void>>> =
  {
    'closes, with its first request': async (server, place, mark) => {
      const socket = ask(server, `GET ${place}/work?${mark}`)
      await begun(server, mark)
      socket.destroy()
    },
    'closes, with its second request': async (server, place, mark) => {
      const socket = ask(server, `GET ${place}/answer?first`)
      await new Promise((resolve) => socket.once('data', resolve))
      send(socket, `GET ${place}/work?${mark}`)
      await begun(server, mark)
      socket.destroy()
    },
    'has said that it would close': async (server, place, mark) => {
      const socket = ask(server, `GET ${place}/work?${mark}`, 'Connection: close\r\n')
      await begun(server, mark)
      socket.destroy()
    },
    resets: async (server, place, mark) => {
      const socket = ask(server, `GET ${place}/work?${mark}`)
      await begun(server, mark)
      socket.resetAndDestroy()
    },
    'closes in a large response': async (server, place, mark) => {
      const socket = ask(server, `GET ${place}/large?${mark}`)
      socket.resume()
      await begun(server, mark)
      socket.destroy()
    },
    'takes back a request of HTTP/2': async (server, place, mark) => {
      const session = connectHttp2(server.url())
      const stream = session.request({ ':path': `${place}/work?${mark}` })
      stream.on('error', () => {})
      await begun(server, mark)
      stream.close(constants.NGHTTP2_CANCEL)
      await gone(server, mark)
      session.destroy()
    },
    'closes a connection of HTTP/2': async (server, place, mark) => {
      const session = connectHttp2(server.url())
      session.request({ ':path': `${place}/work?${mark}` }).on('error', () => {})
      await begun(server, mark)
      session.destroy()
    },
  }

function ask(server: TestServer, line: string, fields = ''): Socket {
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => {})
  send(socket, line, fields)
  return socket
}

function send(socket: Socket, line: string, fields = ''): void {
  socket.write(`${line} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`)
}

const begun = (server: TestServer, mark: string) =>
  server.waitForLog(new RegExp(` ${mark}: begins, gone: False`))
const gone = (server: TestServer, mark: string) => server.waitForLog(new RegExp(` ${mark}: gone: True`))

for (const version of withNewest('2.7', '3.6', '3.8')) {
  const { sharedLibrary } = findPython(version) as Python
  test(`Python ${version}: applications learn that the client has gone`, () =>
    withServer(
      {
        python: version,
        conf: `StartServers 1
Protocols h2c http/1.1
WSGIDaemonProcess one threads=1
WSGIDaemonProcess several threads=3
WSGIScriptAlias /one "\${ROOT}/apps/app.wsgi" process-group=one
WSGIScriptAlias /several "\${ROOT}/apps/app.wsgi" process-group=several application-group=%{GLOBAL}
WSGIScriptAlias /embedded "\${ROOT}/apps/app.wsgi"`,
        apps: { 'app.wsgi': APP },
      },
      async (server) => {
        const places = ['/one', '/several', ...(sharedLibrary === undefined ? [] : ['/embedded'])]
        for (const place of places) {
          assert.equal((await server.get(`${place}/answer?here`)).text, 'False here')
          for (const [at, [name, client]] of Object.entries(CLIENTS).entries()) {
            const mark = `${place.slice(1)}-${at}`
            await client(server, place, mark)
            await gone(server, mark).catch((error) => {
              throw new Error(`${place}: a client that ${name}: ${error.message}`)
            })
          }
          assert.equal((await server.get(`${place}/answer?after`)).text, 'False after')
        }
      },
    ))
}

test('a client that closes only its own side counts as gone, and gets its answer', () =>
  withServer(
    {
      conf: 'WSGIDaemonProcess own threads=2\nWSGIScriptAlias / "${ROOT}/apps/app.wsgi" process-group=own',
      apps: { 'app.wsgi': APP },
    },
    async (server) => {
      const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
      send(socket, 'GET /work?half')
      let answer = ''
      socket.setEncoding('latin1').on('data', (text) => (answer += text))
      await begun(server, 'half')
      socket.end()
      await new Promise((resolve) => socket.once('end', resolve))
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[^]*late/)
      await gone(server, 'half')
    },
  ))

for (const version of LENDS)
  test(
    `Python ${version}: a process that reads a body from the client itself sees that the client has gone`,
    {
      skip: process.platform !== 'linux' && 'Linux only',
    },
    () =>
      withServer(
        {
          python: version,
          conf: 'WSGIDaemonProcess own threads=2\nWSGIScriptAlias / "${ROOT}/apps/app.wsgi" process-group=own',
          apps: { 'app.wsgi': APP },
        },
        async (server) => {
          const socket = ask(server, 'POST /body?lent', `Content-Length: ${BODY_BYTES}\r\n`)
          const sending = setInterval(() => socket.write(Buffer.alloc(PIECE_BYTES)), PIECE_EVERY_MS)
          await begun(server, 'lent').finally(() => clearInterval(sending))
          socket.destroy()
          await gone(server, 'lent')
        },
      ),
  )
