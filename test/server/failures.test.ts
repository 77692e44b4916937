/** What a client gets when something fails between the server and a daemon process, on the real server. failures.md lists all of it. */
import assert from 'node:assert/strict'
import { readdirSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { namedTests } from '../support/named-tests.js'
import { skipWithout } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { groups, pidOf } from './daemon-support.js'

const python = { skip: skipWithout('3') }

test('each test that failures.md names exists', () => {
  const { count, missing } = namedTests('server/failures.md')
  assert.ok(count > 30)
  assert.deepEqual(missing, [])
})

/** `/whole` gives the client everything and then does not come to an end; `/kill` is killed at the moment that the query names. */
const ENDINGS = `
import os, signal, time

class Body(object):
    def __init__(self, blocks, last):
        self.blocks = blocks
        self.last = last
    def __iter__(self):
        return iter(self.blocks)
    def close(self):
        self.last()

def hang():
    os.write(2, ('all is sent by %d\\n' % os.getpid()).encode('ascii'))
    time.sleep(1000)

def die():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(1000)

def application(environ, start_response):
    what, moment = environ['PATH_INFO'], environ['QUERY_STRING']
    if moment == 'before':
        die()
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '5')])
    if moment == 'start_response':
        die()
    if moment == 'between':
        def halves():
            yield b'wh'
            time.sleep(0.1)
            die()
        return halves()
    if what == '/whole':
        return Body([b'whole'], hang)
    return [('%05d' % os.getpid())[-5:].encode('ascii')]
`

const ALWAYS = `
loads = 0

def reload_required(resource):
    return True

def application(environ, start_response):
    start_response('200 OK', [])
    return [b'never']
`

test('what clients get', python, async (t) => {
  const conf = `Timeout 60
WSGIDaemonProcess endings threads=3
WSGIScriptAlias /endings "\${ROOT}/apps/endings.wsgi" process-group=endings application-group=%{GLOBAL}
WSGIDaemonProcess always threads=2 processes=2 connect-timeout=60
WSGIScriptAlias /always "\${ROOT}/apps/always.wsgi" process-group=always application-group=%{GLOBAL}`
  const options = {
    gone: 'threads=2',
    slow: 'threads=3 socket-timeout=3 shutdown-timeout=1',
    lanes: 'threads=15 listen-backlog=1',
  }
  const apps = { 'endings.wsgi': ENDINGS, 'always.wsgi': ALWAYS }
  await withServer(groups(options, { conf, apps, args: ['-X'] }), async (server) => {
    await Promise.all([
      t.test('a process that is gone before the request: another one runs it', () => goneBefore(server)),
      // one after the other, since each ends the process of the group
      t.test('a process that goes while it runs a request: 502 before the headers, cut after them', () =>
        goneMeanwhile(server).then(() => goneAfter(server)),
      ),
      t.test('socket-timeout: 504 before the headers, cut after them; a steady response goes on', () =>
        silent(server),
      ),
      t.test('a script that always asks to be loaded anew: 503, and no loop', () => alwaysReloads(server)),
      t.test('large bodies on all threads at once, whatever listen-backlog says', () => manyLanes(server)),
    ])
  })
})

async function goneBefore(server: TestServer): Promise<void> {
  const before = await pidOf(server, 'gone')
  process.kill(before, 'SIGKILL')
  // whether the server has noticed yet or not
  const [first, ...others] = await Promise.all([1, 2, 3, 4].map(() => pidOf(server, 'gone')))
  assert.notEqual(first, before)
  for (const pid of others) assert.notEqual(pid, before)
  await server.waitForLog(
    new RegExp(`pid=${before}\\): Process 'gone' has died: killed by signal SIGKILL \\(9\\)`),
  )
}

async function goneMeanwhile(server: TestServer): Promise<void> {
  for (const moment of ['before', 'start_response']) {
    assert.equal((await server.get(`/endings/kill?${moment}`)).status, 502)
    await server.waitForLog(
      /No response from daemon process 'endings' \(pid \d+\): the process is gone, (killed by signal SIGKILL|the connection)/,
    )
  }
  const cut = await server.raw('GET /endings/kill?between HTTP/1.1\r\nHost: localhost\r\n\r\n')
  assert.match(cut, /^HTTP\/1\.1 200 [^]*\r\n\r\nwh$/)
  await server.waitForLog(/Response cut short from daemon process 'endings' \(pid \d+\)/)
  await server.waitForLog(/"GET \/endings\/kill\?between HTTP\/1\.1" 200 2$/m, 'access.log')
  assert.match((await server.get('/endings/pid')).text, /^\d+$/)
}

async function goneAfter(server: TestServer): Promise<void> {
  const socket = connect(server.port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  let received = ''
  socket.on('error', () => {})
  socket.on('data', (data) => (received += data.toString('latin1')))
  socket.write('GET /endings/whole HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  const [, pid] = await server.waitForLog(/^all is sent by (\d+)$/m)
  await until('the whole response', () => received.endsWith('\r\n\r\nwhole'))
  process.kill(Number(pid), 'SIGKILL')
  await closed
  assert.match(received, /\r\n\r\nwhole$/)
}

async function silent(server: TestServer): Promise<void> {
  const pid = await pidOf(server, 'slow')
  // Only silence counts: what takes longer in all goes on as long as pieces come.
  const [late, steady] = await Promise.all([server.get('/slow/sleep?1000'), server.get('/slow/steady?0.5')])
  assert.equal(late.status, 504)
  assert.equal(steady.text, 'piece '.repeat(8))
  await server.waitForLog(
    /WSGI0118: Timeout when reading response from daemon process 'slow': nothing within 3 s/,
  )
  assert.match(await server.raw('GET /slow/half HTTP/1.1\r\nHost: localhost\r\n\r\n'), /\r\n\r\nhalf$/)
  // the process is what it was: its other threads go on
  assert.equal(await pidOf(server, 'slow'), pid)
}

async function alwaysReloads(server: TestServer): Promise<void> {
  assert.equal((await server.get('/always')).status, 503)
  await server.waitForLog(
    /Maximum number of WSGI daemon process restart connects reached: 5 processes of 'always'/,
  )
}

async function manyLanes(server: TestServer): Promise<void> {
  const body = Buffer.alloc(100_000)
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(
      Array.from({ length: 15 }, () => server.get('/lanes/echo', { method: 'POST', body })),
    )
    for (const { status, bytes } of answers) assert.deepEqual([status, bytes.length], [200, body.length])
  }
}

test(
  'a process whose socket is gone: 503 after connect-timeout and no 100, with the reason in the log',
  python,
  () =>
    withServer(groups({ lost: 'connect-timeout=1' }, { args: ['-X'] }), async (server) => {
      const folder = path.join(server.root, 'run')
      const sockets = () =>
        readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.sock'))
      await server.waitForLog(/Process 'lost' is ready/)
      for (const name of sockets()) unlinkSync(path.join(folder, name))
      // Who waits with its body is told at once, not asked for it.
      const post = `POST /lost/pid HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`
      const [answer, refused] = await Promise.all([server.get('/lost/pid'), server.raw(post)])
      assert.equal(answer.status, 503)
      assert.match(refused, /^HTTP\/1\.1 503 /)
      const [, pid] = await server.waitForLog(
        /WSGI0117: Unable to connect to WSGI daemon process 'lost' \(pid (\d+)\) on '.*\.sock'/,
      )
      await server.waitForLog(/WSGI0116: No process of WSGI daemon process group 'lost' became free/)
      process.kill(Number(pid), 'SIGTERM')
      await until('another process', async () => (await server.get('/lost/pid')).status === 200)
    }),
)
