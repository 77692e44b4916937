/** More clients than a worker may have connections: who waits for nothing makes room. */
import assert from 'node:assert/strict'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { roomWith } from '../../src/request/room.js'
import { skipWithout } from '../support/pythons.js'
import { withServer } from '../support/server.js'
import { until } from '../support/wait.js'

test('some descriptors are kept, and never more than half of them', () => {
  assert.deepEqual([64, 160, 1024, 65_536].map(roomWith), [32, 80, 864, 61_344])
  assert.equal(roomWith(Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY)
})

const skip = (process.platform !== 'linux' && 'needs /proc') || skipWithout('3')
const APP = `
import time
def application(environ, start_response):
    if environ['PATH_INFO'] == '/slow':
        time.sleep(0.5)
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '2')])
    return [b'ok']
`

class Client {
  received = ''
  closed = false
  readonly socket: Socket

  constructor(port: number, request: string) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.setEncoding('latin1').on('data', (text: string) => (this.received += text))
    this.socket.on('error', () => (this.closed = true))
    // whoever is told that the connection ends, ends it
    this.socket.on('end', () => (this.closed = true))
    this.socket.write(request)
  }
}

const request = (place: string) => `GET ${place} HTTP/1.1\r\nHost: localhost\r\n\r\n`

test(
  'with few descriptors, idle connections are closed for new ones, and nobody is turned away',
  { skip },
  () =>
    withServer(
      {
        descriptors: 160,
        conf: `ServerLimit 1
KeepAliveTimeout 300
WSGIDaemonProcess one threads=20
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=one application-group=%{GLOBAL}`,
        apps: { 'app.wsgi': APP },
      },
      async (server) => {
        const clients: Client[] = []
        const slow = new Client(server.port, request('/slow'))
        for (let at = 0; at < 300; at++) {
          const client = new Client(server.port, request('/'))
          clients.push(client)
          await until('its response', () => client.received.endsWith('ok') || client.closed)
        }
        assert.equal(clients.filter(({ received }) => received.endsWith('ok')).length, 300)
        // the oldest had to go, the newest are there
        assert.ok(clients.slice(0, 100).every(({ closed }) => closed))
        assert.ok(clients.slice(-20).every(({ closed }) => !closed))
        await until('the slow response', () => slow.received.endsWith('ok'))
        assert.equal((await server.get('/')).text, 'ok')
        await server.waitForLog(/core:warn.* WSGH0017: Too many connections for the descriptors/)
        assert.doesNotMatch(server.errorLog(), /EMFILE|Too many open files/)
        for (const { socket } of [slow, ...clients]) socket.destroy()
      },
    ),
)

/** Asks for a page, and answers when it is there. */
function page(session: ClientHttp2Session): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const stream = session.request({ ':path': '/' })
    stream.setEncoding('latin1').on('data', (piece: string) => (text += piece))
    stream.on('error', reject)
    stream.on('end', () => resolve(text))
    stream.end()
  })
}

test('connections of HTTP/2 make room, too', { skip }, () =>
  withServer(
    {
      descriptors: 160,
      conf: 'ServerLimit 1\nKeepAliveTimeout 300\nProtocols h2c http/1.1',
      files: { 'htdocs/index.html': 'ok' },
    },
    async (server) => {
      const sessions: ClientHttp2Session[] = []
      for (let at = 0; at < 200; at++) {
        const session = connectHttp2(`http://127.0.0.1:${server.port}`)
        session.on('error', () => {})
        sessions.push(session)
        assert.equal(await page(session), 'ok')
      }
      await until('the oldest to be closed', () => sessions.slice(0, 80).every(({ closed }) => closed))
      assert.ok(sessions.slice(-20).every(({ closed }) => !closed))
      assert.equal((await server.get('/')).text, 'ok')
      for (const session of sessions) session.destroy()
    },
  ),
)
