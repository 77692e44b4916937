/**
 * Large request bodies: the interpreter reads them from the client's connection itself where the worker lends it, and through the worker where it
 * does not; nobody but the two can tell the difference, least of all the request that follows on the connection.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectionsOf } from '../support/processes.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { LENDS, SAYING } from './lent-connections.js'

const MIB = 1024 * 1024
const isRoot = process.getuid?.() === 0
const APP = `${SAYING}
import hashlib, time

def lines(stream):
    for line in stream:
        yield line

def by_turns(stream):
    yield stream.read(1)
    yield stream.readline(100)
    while True:
        data = stream.read(1000) + stream.readline() + stream.read(100000)
        if not data:
            return
        yield data

READS = {
    '/blocks': lambda stream: iter(lambda: stream.read(65536), b''),
    '/small': lambda stream: iter(lambda: stream.read(3000), b''),
    '/large': lambda stream: iter(lambda: stream.read(700000), b''),
    '/whole': lambda stream: [stream.read()],
    '/lines': lines,
    '/turns': by_turns,
}

def application(environ, start_response):
    what, query, stream = environ['PATH_INFO'], environ['QUERY_STRING'], environ['wsgi.input']
    status, headers = '200 OK', [('Content-Type', 'text/plain')]
    seen = connections()
    if what in READS:
        digest, size = hashlib.sha1(), 0
        for data in READS[what](stream):
            digest.update(data)
            size += len(data)
            seen = max(seen, connections()) if what == '/blocks' else seen
        say('%s: %d connections, then %d' % (what, seen, connections()))
        body = '%d %s' % (size, digest.hexdigest())
    elif what == '/part':
        # That much of it, and no more.
        size, left = 0, int(query)
        while left:
            data = stream.read(min(left, 65536))
            left -= len(data)
            size += len(data)
        body = '%d' % size
    elif what == '/error':
        stream.read(200000)
        status = '404 Not Found'
        body = 'own'
        if query == 'stream':
            start_response(status, headers)
            return iter([b'own', b'own'])
    elif what == '/redirect':
        stream.read(200000)
        headers.append(('Location', '/alike/hello'))
        body = ''
    elif what == '/raise':
        stream.read(200000)
        raise ValueError('in the middle')
    elif what == '/fork':
        stream.read(200000)
        if not os.fork():
            # the request is over by then
            time.sleep(0.5)
            try:
                stream.read(1000000)
                say('child %d reads' % os.getpid())
            except IOError:
                say('child %d has %d connections' % (os.getpid(), connections()))
            time.sleep(3600)
        body = '%d' % (200000 + len(stream.read()))
    elif what == '/wait':
        try:
            size = len(stream.read(100000))
            say('/wait: has read')
            while True:
                data = stream.read(65536)
                if not data:
                    break
                size += len(data)
            body = '%d' % size
        except IOError as error:
            say('/wait: %s' % error)
            raise
    elif what == '/think':
        body = '%d' % len(stream.read())
        # The worker looks twice a second.
        time.sleep(0.6)
    elif what == '/late':
        # The answer begins before the body has been read, and goes on while it is.
        start_response(status, headers + [('Content-Length', environ['CONTENT_LENGTH'])])
        return iter(lambda: stream.read(65536), b'')
    else:
        body = what
    start_response(status, headers + [('Content-Length', str(len(body)))])
    return [body.encode()]
`

/** Lines of different lengths, of which no two pieces are alike. */
function bytes(size: number): Buffer {
  const made = Buffer.alloc(size)
  let at = 0
  for (let number = 0; at < size; number++)
    at += made.write(`${number}:${'x'.repeat((number * 7919) % 5000)}\n`, at, 'latin1')
  return made
}

const whole = bytes(3 * MIB + 17)
const sum = (body: Buffer) => `${body.length} ${createHash('sha1').update(body).digest('hex')}`

function options(python: string, more = '') {
  return {
    python,
    conf: `
WSGIDaemonProcess alike threads=2
WSGIScriptAlias /alike "\${ROOT}/apps/large.wsgi" process-group=alike application-group=%{GLOBAL}
WSGIScriptAlias /embedded "\${ROOT}/apps/large.wsgi" application-group=%{GLOBAL}
${isRoot ? 'WSGIDaemonProcess other threads=2 user=daemon\nWSGIScriptAlias /other "${ROOT}/apps/large.wsgi" process-group=other' : ''}
<Location /alike/error>
WSGIErrorOverride On
</Location>
LogFormat "%m %U %>s %I" sizes
CustomLog sizes.log sizes
ServerLimit 1
${more}
`,
    apps: { 'large.wsgi': APP },
  }
}

/** A client that sends what it is told to. */
class Client {
  #socket: Socket
  #text = ''
  ended = false
  #closes = false

  constructor(private readonly port: number) {
    this.#socket = this.#connect()
  }

  #connect(): Socket {
    const socket = connect(this.port, '127.0.0.1')
    socket.setEncoding('latin1')
    socket.on('data', (text) => (this.#text += text))
    socket.on('close', () => (this.ended = true))
    socket.on('error', () => {})
    return socket
  }

  send(data: string | Buffer): void {
    this.#socket.write(data)
  }

  /** On the connection of before, if that is kept. */
  post(place: string, body: Buffer, more = '', length = body.length): void {
    if (this.#closes) this.#socket = this.#connect()
    this.#closes = false
    this.send(`POST ${place} HTTP/1.1\r\nHost: localhost\r\n${more}Content-Length: ${length}\r\n\r\n`)
    this.send(body)
  }

  /** Sends a little now and then, so that the connection stays lent. */
  trickle(): () => number {
    let sent = 0
    const timer = setInterval(() => {
      this.send('x')
      sent++
    }, 50)
    return () => {
      clearInterval(timer)
      return sent
    }
  }

  half(): void {
    this.#socket.end()
  }

  reset(): void {
    this.#socket.resetAndDestroy()
  }

  /** The next response, which has a length. */
  async answer(): Promise<{ status: number; head: string; body: string }> {
    return until('a whole response', () => {
      const end = this.#text.indexOf('\r\n\r\n') + 4
      const head = this.#text.slice(0, end)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? -1)
      if (head.startsWith('HTTP/1.1 100')) this.#text = this.#text.slice(end)
      if (end < 4 || length < 0 || this.#text.length < end + length) return undefined
      const body = this.#text.slice(end, end + length)
      this.#text = this.#text.slice(end + length)
      this.#closes = /\r\nConnection: close\r\n/.test(head)
      return { status: Number(head.slice(9, 12)), head, body }
    })
  }
}

for (const version of LENDS)
  test(`Python ${version}: a large body is read straight from the client, who sees no difference`, () =>
    withServer(options(version), async (server) => {
      await everyWay(server)
      await unread(server)
      await slow(server)
      await leaving(server)
      await ends(server)
      await children(server)
    }))

/** However the application reads, and wherever: all of it, and the next request after it. */
async function everyWay(server: TestServer): Promise<void> {
  for (const mount of ['/alike', '/embedded', ...(isRoot ? ['/other'] : [])]) {
    const client = new Client(server.port)
    // a connection that was lent to a process from which the worker is protected ends with the response
    const isKept = !(isRoot && mount === '/alike')
    const next = isKept ? `GET ${mount}/hello HTTP/1.1\r\nHost: localhost\r\n\r\n` : ''
    for (const way of ['/blocks', '/small', '/large', '/whole', '/lines', '/turns']) {
      // The next request comes in the same write.
      client.post(`${mount}${way}`, Buffer.concat([whole, Buffer.from(next)]), '', whole.length)
      const { head, body } = await client.answer()
      assert.equal(body, sum(whole), `${mount}${way}`)
      assert.equal(/\r\nConnection: close\r\n/.test(head), !isKept, `${mount}${way}`)
      if (isKept) assert.equal((await client.answer()).body, '/hello', `after ${mount}${way}`)
    }
    client.post(`${mount}/whole`, whole, 'Expect: 100-continue\r\n')
    assert.equal((await client.answer()).body, sum(whole))
    client.post(`${mount}/late`, whole)
    assert.equal((await client.answer()).body, whole.toString('latin1'))
    client.post(`${mount}/whole`, whole, 'Connection: close\r\n')
    client.half()
    assert.equal((await client.answer()).body, sum(whole), 'a client that closes its side')
    const size = /\/alike\/blocks 200 (\d+)/
    if (mount !== '/alike') continue
    await server.waitForLog(/\/blocks: 1 connections, then 0/)
    const [, received] = await server.waitForLog(size, 'sizes.log')
    assert.ok(Number(received) > whole.length && Number(received) < whole.length + 200, received)
  }
}

/** What the application leaves is thrown away, as far as that is little; then the connection ends. */
async function unread(server: TestServer): Promise<void> {
  const client = new Client(server.port)
  client.post(`/alike/part?${whole.length - 1000}`, whole)
  assert.equal((await client.answer()).body, String(whole.length - 1000))
  client.post('/alike/whole', whole)
  assert.equal((await client.answer()).body, sum(whole))
  for (const [place, status, body] of [
    ['/part?1000000', 200, '1000000'],
    ['/error', 404, undefined],
    ['/error?stream', 404, undefined],
    ['/redirect', 200, '/hello'],
    ['/raise', 500, undefined],
  ] as const) {
    const last = new Client(server.port)
    last.post(`/alike${place}`, whole)
    const answer = await last.answer()
    assert.equal(answer.status, status, place)
    if (body === undefined) assert.match(answer.body, /<title>/, place)
    else assert.equal(answer.body, body, place)
    await until('the connection to end', () => last.ended)
  }
}

/** A client that pauses: the connection goes back meanwhile, and may come again. */
async function slow(server: TestServer): Promise<void> {
  const daemon = await daemonOf(server)
  const client = new Client(server.port)
  client.post('/alike/whole', whole.subarray(0, MIB), '', whole.length)
  for (const [from, to] of [
    [MIB, MIB + 10],
    [MIB + 10, 2 * MIB],
    [2 * MIB, whole.length - 1],
    [whole.length - 1, whole.length],
  ] as const) {
    await until('it to be given back', () => connectionsOf(daemon) === 0)
    client.send(whole.subarray(from, to))
    // What comes may be lent again.
    await sleep(20)
  }
  assert.equal((await client.answer()).body, sum(whole))
  client.post('/alike/whole', whole)
  assert.equal((await client.answer()).body, sum(whole))
}

/** Clients leave at every moment of a body: the application is told, and who comes next has the same thread. */
async function leaving(server: TestServer): Promise<void> {
  for (const mount of ['/alike', '/embedded'])
    for (let moment = 1; moment <= 6; moment++) {
      const logged = server.errorLog().length
      const leaves = new Client(server.port)
      const stays = new Client(server.port)
      leaves.post(`${mount}/wait`, whole.subarray(0, (whole.length * moment) / 7), '', whole.length)
      stays.post(`${mount}/whole`, whole)
      await until('a beginning', () => /\/wait: has read/.test(server.errorLog().slice(logged)))
      if (moment % 2) leaves.reset()
      else leaves.half()
      await until('an error', () => /\/wait: request data read error/.test(server.errorLog().slice(logged)))
      assert.equal((await stays.answer()).body, sum(whole), `${mount}, moment ${moment}`)
      stays.half()
    }
}

/** A process that dies takes its own request along, and the connection, of which nobody knows where it is. */
async function ends(server: TestServer): Promise<void> {
  const daemon = await daemonOf(server)
  const client = new Client(server.port)
  client.post('/alike/wait', whole.subarray(0, MIB), '', whole.length)
  const stop = client.trickle()
  await until('the body to be lent', () => connectionsOf(daemon) === 1)
  process.kill(daemon, 'SIGKILL')
  assert.equal((await client.answer()).status, 502)
  stop()
  await until('the connection to end', () => client.ended)
  const next = new Client(server.port)
  next.post('/alike/whole', whole)
  assert.equal((await next.answer()).body, sum(whole))
}

/** A child that the application forks has not got the connection. */
async function children(server: TestServer): Promise<void> {
  const client = new Client(server.port)
  client.post('/alike/fork', whole, 'Connection: close\r\n')
  assert.equal((await client.answer()).body, String(whole.length))
  const [, pid] = await server.waitForLog(/child (\d+) has 0 connections/)
  try {
    await until('the connection to end', () => client.ended)
  } finally {
    process.kill(Number(pid), 'SIGKILL')
  }
}

const [newest] = LENDS.slice(-1)

test('who sends too slowly is given up by the same rules', { skip: newest === undefined }, () =>
  withServer(
    options(newest as string, 'RequestReadTimeout body=1,MinRate=100000\nLogLevel info'),
    async (server) => {
      const client = new Client(server.port)
      client.post('/alike/wait', whole.subarray(0, 100_000), '', whole.length)
      const stop = client.trickle()
      try {
        assert.equal((await client.answer()).status, 408)
        await server.waitForLog(/Request body read timeout/)
        await server.waitForLog(/\/wait: request data read error/)
        await until('the connection to end', () => client.ended)
      } finally {
        stop()
      }
      const next = new Client(server.port)
      next.post('/alike/whole', whole)
      assert.equal((await next.answer()).body, sum(whole))
      next.half()
    },
  ),
)

test('the time of a long upload is none of the application', { skip: newest === undefined }, () =>
  withServer(options(newest as string, 'Timeout 2\nRequestReadTimeout body=0'), async (server) => {
    const client = new Client(server.port)
    const began = Date.now()
    client.post('/alike/think', whole.subarray(0, 100_000), '', 200_000)
    const stop = client.trickle()
    await until('more than Timeout', () => Date.now() - began > 2200)
    client.send(whole.subarray(100_000 + stop(), 200_000))
    assert.equal((await client.answer()).body, '200000')
  }),
)

test('a restart waits for who has a lent connection', { skip: newest === undefined }, () =>
  withServer(options(newest as string), async (server) => {
    const client = new Client(server.port)
    client.post('/alike/wait', whole.subarray(0, MIB), '', whole.length)
    const daemon = await daemonOf(server)
    const stop = client.trickle()
    await until('the body to be lent', () => connectionsOf(daemon) === 1)
    await server.reload()
    client.send(whole.subarray(MIB + stop()))
    assert.equal((await client.answer()).body, String(whole.length))
    await until('the connection to end', () => client.ended)
  }),
)

/** The process of the group `alike`. */
async function daemonOf(server: TestServer): Promise<number> {
  const [, pid] = await server.waitForLog(/pid=(\d+)\): Starting process 'alike'/)
  return Number(pid)
}
