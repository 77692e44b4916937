/** Readiness of a real server: for balancers, for Kubernetes, and while it leaves. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const HANDLERS = `
<Location "/-/ready">
    SetHandler server-ready
</Location>
<Location "/-/live">
    SetHandler server-live
</Location>
`

/** Waits for the file that the query names. */
const SLOW = `
import os, time
def application(environ, start_response):
    environ['wsgi.errors'].write('it has begun\\n')
    while not os.path.exists(environ['QUERY_STRING']):
        time.sleep(0.02)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'done']
`

/** Is not loaded before a file beside it is there. */
const LATE = `
import os, time
while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):
    time.sleep(0.02)
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'']
`

async function ready(server: TestServer, query = ''): Promise<[status: number, text: string]> {
  const { status, text } = await server.get(`/-/ready${query}`)
  return [status, text]
}

test('ready when each process group has a process that takes requests', async () => {
  const conf = `
${HANDLERS}
WSGIDaemonProcess late processes=2
WSGIDaemonProcess quick
WSGIDaemonProcess service threads=0
WSGIScriptAlias /late "\${ROOT}/apps/late.wsgi" process-group=late application-group=%{GLOBAL}
WSGIScriptAlias /quick "\${ROOT}/apps/slow.wsgi" process-group=quick application-group=%{GLOBAL}
`
  await withServer({ conf, apps: { 'late.wsgi': LATE, 'slow.wsgi': SLOW } }, async (server) => {
    await until('the quick group', async () => (await ready(server, '?group=quick'))[0] === 200)
    assert.deepEqual(await ready(server), [503, 'late: starting\n'])
    assert.deepEqual(await ready(server, '?group=late'), [503, 'late: starting\n'])
    assert.equal((await ready(server, '?group=none'))[0], 404)
    assert.equal((await ready(server, '?group=service'))[0], 404, 'it takes no requests')
    assert.equal((await server.get('/-/live')).text, 'live\n')
    server.write('apps/go', '')
    await until('all to be ready', async () => (await ready(server))[0] === 200)

    const answer = await server.get('/-/ready')
    assert.equal(answer.text, 'ready\n')
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.match(answer.headers['content-type'] ?? '', /^text\/plain/)
    const head = await server.get('/-/ready', { method: 'HEAD' })
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '6'])
    assert.notEqual((await server.get('/-/ready', { method: 'POST' })).status, 200)
  })
})

test('a group that cannot be started is named, without what strangers need not know', async () => {
  const conf = `
${HANDLERS}
WSGIDaemonProcess broken home=\${ROOT}/secret-place
`
  await withServer({ conf }, async (server) => {
    await until('the failure to be told', async () => (await ready(server))[1] !== 'broken: starting\n')
    assert.deepEqual(await ready(server), [
      503,
      'broken: its last start failed: Python cannot be started as it is configured; the error log says more\n',
    ])
    assert.equal((await server.get('/-/live')).status, 200)
  })
})

test('embedded Python has to be up', async () => {
  const conf = `
${HANDLERS}
StartServers 1
ServerLimit 1
WSGIScriptAlias / "\${ROOT}/apps/slow.wsgi"
`
  await withServer({ conf, apps: { 'slow.wsgi': SLOW } }, async (server) => {
    await until('Python to be up', async () => (await ready(server))[0] === 200)
    assert.deepEqual(await ready(server, '?group='), [200, 'ready\n'])
    assert.deepEqual(await ready(server, '?group=%25%7BGLOBAL%7D'), [200, 'ready\n'])
  })
})

test('the answer waits neither for an application nor for MaxRequestWorkers, and a leaving worker is not ready', async () => {
  const conf = `
${HANDLERS}
StartServers 1
ServerLimit 1
ThreadsPerChild 1
MaxRequestWorkers 1
KeepAliveTimeout 60
WSGIDaemonProcess app threads=1
WSGIScriptAlias /app "\${ROOT}/apps/slow.wsgi" process-group=app application-group=%{GLOBAL}
`
  await withServer({ conf, apps: { 'slow.wsgi': SLOW } }, async (server) => {
    await until('it to be ready', async () => (await ready(server))[0] === 200)
    const kept = new Kept(server.port)
    assert.match(await kept.ask('/-/ready'), /^HTTP\/1\.1 200 .*\r\n\r\nready\n$/s)

    const slow = server.get(`/app?${server.root}/go`)
    await server.waitForLog(/it has begun/)
    const waiting = server.get('/nothing-there')
    const both = Promise.all([slow, waiting])
    both.catch(() => {}) // awaited below, unless something else fails before
    assert.deepEqual(await ready(server), [200, 'ready\n'])
    assert.equal((await server.get('/-/live')).text, 'live\n')

    server.signal('SIGWINCH')
    const leaving = await until('the worker to hear of it', async () => {
      const answer = await kept.ask('/-/ready')
      return answer.startsWith('HTTP/1.1 503') ? answer : undefined
    })
    assert.match(leaving, /\r\nConnection: close\r\n.*\nleaving: /s)
    server.write('go', '')
    const [done, missing] = await both
    assert.equal(done.text, 'done')
    assert.equal(missing.status, 404)
    assert.equal((await server.stopped()).code, 0)
  })
})

/** A connection that is kept: one request after the other. */
class Kept {
  readonly #socket
  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1').setEncoding('latin1')
  }
  async ask(place: string): Promise<string> {
    let text = ''
    const isWhole = () => {
      const length = /\r\nContent-Length: (\d+)\r\n/.exec(text)
      return length !== null && text.length >= text.indexOf('\r\n\r\n') + 4 + Number(length[1])
    }
    const take = (more: string) => {
      text += more
    }
    this.#socket.on('data', take)
    this.#socket.write(`GET ${place} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await until(`the answer for ${place}`, isWhole)
    this.#socket.off('data', take)
    return text
  }
}
