/**
 * Large responses: the interpreter writes them to the client's connection itself where the worker lends it, and through the worker where it does
 * not; nobody but the two can tell the difference.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { connectionsOf } from '../support/processes.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { LENDS, SAYING } from './lent-connections.js'

const PIECE_BYTES = 16 * 1024
const PIECES = 64
const isRoot = process.getuid?.() === 0
const APP = `${SAYING}
import time
PIECE = bytes(bytearray(range(256))) * 64

def fork():
    ours, its = os.pipe()
    if not os.fork():
        os.write(its, ('child %d has %d connections' % (os.getpid(), connections())).encode())
        time.sleep(3600)
    say(os.read(ours, 100).decode())

class Pieces(object):
    def __init__(self, what, count):
        self.what, self.count, self.done = what, count, 0
    def __iter__(self):
        return self
    def __next__(self):
        if self.done == self.count:
            raise StopIteration
        if self.done == 8 and self.what.endswith('slow'):
            say('%s: begins with %d connections' % (self.what, connections()))
        if self.done == self.count // 2:
            say('%s: %d connections' % (self.what, connections()))
            if self.what == '/raise':
                raise ValueError('in the middle')
            if self.what == '/short':
                raise StopIteration
            if self.what == '/die':
                os._exit(1)
            if self.what == '/fork':
                fork()
            if self.what.endswith('waits'):
                go = os.path.join(os.path.dirname(__file__), 'go-on')
                while not os.path.exists(go):
                    time.sleep(0.01)
        if self.what.endswith('slowly'):
            time.sleep(0.01)
        self.done += 1
        return PIECE
    next = __next__
    def close(self):
        say('%s: closed' % self.what)

def application(environ, start_response):
    what, count = environ['PATH_INFO'], int(environ['QUERY_STRING'] or 64)
    headers = [('Content-Type', 'text/plain')]
    if not what.startswith('/unknown'):
        headers.append(('Content-Length', str(count * len(PIECE) - 3 * (what == '/cut'))))
    if what == '/file':
        file = open(os.path.join(os.path.dirname(__file__), 'large.bin'), 'rb')
        file.seek(5)
        headers[1] = ('Content-Length', str(count * len(PIECE) - 5))
        start_response('200 OK', headers)
        return environ['wsgi.file_wrapper'](file)
    start_response('200 OK', headers)
    return Pieces(what, count)
`

const piece = Buffer.from(Array.from({ length: PIECE_BYTES }, (_, index) => index & 255))
const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const whole = Buffer.concat(Array.from({ length: PIECES }, () => piece))
const digest = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex')

function options(python: string) {
  return {
    python,
    conf: `
WSGIDaemonProcess alike threads=1
WSGIScriptAlias /alike "\${ROOT}/apps/large.wsgi" process-group=alike application-group=%{GLOBAL}
WSGIDaemonProcess several threads=3
WSGIScriptAlias /several "\${ROOT}/apps/large.wsgi" process-group=several application-group=%{GLOBAL}
WSGIScriptAlias /embedded "\${ROOT}/apps/large.wsgi" application-group=%{GLOBAL}
${isRoot ? 'WSGIDaemonProcess other threads=1 user=daemon\nWSGIScriptAlias /other "${ROOT}/apps/large.wsgi" process-group=other' : ''}
<Location /alike/deflated>
SetOutputFilter DEFLATE
</Location>
<Location /alike/unset>
Header unset Content-Length
</Location>
<Location /alike/unknown-set>
Header set Content-Length ${whole.length}
</Location>
<Location /alike/shorter>
Header set Content-Length 300000
</Location>
ServerLimit 1
`,
    apps: { 'large.wsgi': APP },
    prepare: (layout: { root: string }) => {
      writeFileSync(path.join(layout.root, 'apps/large.bin'), whole)
    },
  }
}

/** A client that reads no more than it is told to. */
class Client {
  #socket: Socket
  #chunks: Buffer[] = []
  ended = false
  /** The last response was the last on its connection. */
  closes = false

  constructor(private readonly port: number) {
    this.#socket = this.#connect()
  }

  #connect(): Socket {
    const socket = connect(this.port, '127.0.0.1')
    socket.on('data', (chunk) => this.#chunks.push(chunk))
    socket.on('close', () => (this.ended = true))
    socket.on('error', () => {})
    return socket
  }

  /** On the connection of before, if that is kept. */
  ask(place: string, more = ''): void {
    if (this.closes) this.#socket = this.#connect()
    this.closes = false
    this.ended = false
    this.#socket.write(`GET ${place} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`)
  }

  hold(): void {
    this.#socket.pause()
  }

  go(): void {
    this.#socket.resume()
  }

  leave(): void {
    this.#socket.destroy()
  }

  /** The body of the next response, which has a length or comes in chunks. */
  async body(): Promise<Buffer> {
    return until('a whole response', () => {
      const all = Buffer.concat(this.#chunks)
      this.#chunks = [all]
      const end = all.indexOf('\r\n\r\n') + 4
      const length = Number(/content-length: (\d+)/i.exec(all.subarray(0, end).toString('latin1'))?.[1] ?? -1)
      this.closes = /\r\nConnection: close\r\n/.test(all.subarray(0, end).toString('latin1'))
      if (end >= 4 && length < 0) return this.#chunked(all, end)
      if (end < 4 || all.length < end + length) return undefined
      this.#chunks = [all.subarray(end + length)]
      return all.subarray(end, end + length)
    })
  }

  /** The body of a response in chunks, once the last one is there. */
  #chunked(all: Buffer, from: number): Buffer | undefined {
    if (!all.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) return undefined
    const parts: Buffer[] = []
    for (let at = from; ; ) {
      const line = all.indexOf('\r\n', at)
      const size = Number.parseInt(all.subarray(at, line).toString('latin1'), 16)
      parts.push(all.subarray(line + 2, line + 2 + size))
      const end = line + 2 + size
      assert.equal(all.subarray(end, end + 2).toString('latin1'), '\r\n')
      at = end + 2
      if (size === 0) {
        this.#chunks = [all.subarray(at)]
        return Buffer.concat(parts)
      }
    }
  }

  get received(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }
}

for (const version of LENDS)
  test(`Python ${version}: a large response goes straight to the client, who sees no difference`, () =>
    withServer(options(version), async (server) => {
      const client = new Client(server.port)
      for (const mount of ['/alike', '/embedded']) {
        for (const place of ['/pieces', '/file', '/unknown', '/pieces']) {
          client.ask(`${mount}${place}`)
          const body = await client.body()
          assert.equal(
            digest(body),
            digest(place === '/file' ? whole.subarray(5) : whole),
            `${mount}${place}`,
          )
          // the worker is protected from the process, which may have kept the descriptor: no other request comes over it
          const isLast = isRoot && mount === '/alike' && place !== '/unknown'
          assert.equal(client.closes, isLast, `${mount}${place}`)
          if (isLast) await until('the connection to end', () => client.ended)
        }
      }
      client.leave()
      await server.waitForLog(/\/pieces: 1 connections/)
      for (const [place, length] of [
        ['pieces', whole.length],
        ['file', whole.length - 5],
        ['unknown', whole.length],
      ])
        await server.waitForLog(new RegExp(`/${place} HTTP/1.1" 200 ${length}$`, 'm'), 'access.log')
      await lengths(server)
      for (const place of ['/alike/waits', '/alike/unknown-waits', '/embedded/waits'])
        await waits(server, place)
      await slow(server, '/slow')
      await slow(server, '/unknown-slow')
      await leaving(server)
      for (const place of ['/several/slowly', '/several/unknown-slowly']) await killed(server, place)
      await ends(server)
      await children(server)
    }))

/** More or less than was declared, and what is not lent. */
async function lengths(server: TestServer): Promise<void> {
  const cut = await server.get('/alike/cut')
  assert.equal(cut.text.length, whole.length - 3)
  const unknown = await server.get('/alike/unknown')
  assert.equal(unknown.text.length, whole.length)
  await server.waitForLog(/\/unknown: 1 connections/)
  const old = await server.raw('GET /alike/unknown HTTP/1.0\r\n\r\n')
  assert.equal(old.length - old.indexOf('\r\n\r\n') - 4, whole.length, 'the end of the connection ends it')
  // the header that the client gets is the worker's
  for (const [place, length] of [
    ['unset', whole.length],
    ['unknown-set', whole.length],
    ['shorter', 300000],
  ] as const) {
    const changed = await server.get(`/alike/${place}`)
    assert.equal(changed.text.length, length, place)
    assert.equal(changed.headers['content-length'], place === 'unset' ? undefined : String(length))
    await server.waitForLog(new RegExp(`/${place}: ${place === 'unset' ? 1 : 0} connections`))
  }
  const deflated = await server.get('/alike/deflated', { headers: { 'Accept-Encoding': 'gzip' } })
  assert.equal(deflated.headers['content-encoding'], 'gzip')
  await server.waitForLog(/\/deflated: 0 connections/)
  const head = await server.get('/alike/pieces', { method: 'HEAD' })
  assert.equal(head.headers['content-length'], String(whole.length))
  if (!isRoot) return
  const other = await server.get('/other/other')
  assert.equal(other.text.length, whole.length)
  await server.waitForLog(/\/other: 0 connections/)
}

/** What the application has yielded, however quickly, reaches the client while it makes the next block. */
async function waits(server: TestServer, place: string): Promise<void> {
  const client = new Client(server.port)
  const signal = path.join(server.root, 'apps/go-on')
  client.ask(place)
  await until('the first half', () => client.received >= whole.length / 2)
  writeFileSync(signal, '')
  assert.equal(digest(await client.body()), digest(whole), place)
  rmSync(signal)
  client.leave()
}

/** A client that does not read gets all of it in the end; its connection goes back to the worker meanwhile. */
async function slow(server: TestServer, place: string): Promise<void> {
  const client = new Client(server.port)
  const pieces = 2048
  client.hold()
  client.ask(`/alike${place}?${pieces}`, 'Connection: close\r\n')
  const daemon = await daemonOf(server)
  await server.waitForLog(new RegExp(`${place}: begins with 1 connections`))
  await until('it to be given back', () => connectionsOf(daemon) === 0)
  client.go()
  const body = await client.body()
  assert.equal(body.length, pieces * PIECE_BYTES)
  for (let at = 0; at < body.length; at += PIECE_BYTES)
    assert.ok(body.subarray(at, at + PIECE_BYTES).equals(piece), `piece at ${at}`)
  client.leave()
  await server.waitForLog(new RegExp(`${place}: closed`))
}

/** Clients leave at every moment of a response, the last one too: who comes next has the same thread, and gets all of his. */
async function leaving(server: TestServer): Promise<void> {
  for (const mount of ['/alike', '/embedded'])
    for (let moment = 1; moment <= 12; moment++) {
      const leaves = new Client(server.port)
      const stays = new Client(server.port)
      leaves.ask(`${mount}/pieces`)
      stays.ask(`${mount}/pieces`)
      await until('a part', () => leaves.received > (whole.length * moment) / 12)
      leaves.leave()
      assert.equal(digest(await stays.body()), digest(whole), `${mount}, moment ${moment}`)
      stays.leave()
    }
  assert.doesNotMatch(server.errorLog(), /cut short/)
}

/** A worker that dies while a connection of its is lent leaves nobody waiting, and nothing in the daemon process, of which another thread sees it. */
async function killed(server: TestServer, place: string): Promise<void> {
  const client = new Client(server.port)
  client.ask(place)
  await until('a part', () => client.received >= whole.length / 4)
  const [worker] = server.processes().filter(({ command }) => command.includes('worker-main'))
  assert.ok(worker)
  process.kill(worker.pid, 'SIGKILL')
  await until('the connection to end', () => client.ended)
  const daemon = await daemonOf(server, 'several')
  await until('nothing to be left', () => connectionsOf(daemon) === 0)
  assert.equal((await server.get('/several/pieces')).text.length, whole.length)
}

/** The process of that group. */
async function daemonOf(server: TestServer, group = 'alike'): Promise<number> {
  const [, pid] = await server.waitForLog(new RegExp(`pid=(\\d+)\\): Starting process '${group}'`))
  return Number(pid)
}

/** Whatever ends a response in the middle: the client can tell, the application's close() is called, and the next request is served. */
async function ends(server: TestServer): Promise<void> {
  for (const what of ['/raise', '/short']) {
    await assert.rejects(server.get(`/alike${what}`), Error, what)
    await server.waitForLog(new RegExp(`${what}: closed`))
  }
  await server.waitForLog(/ValueError: in the middle/)
  const client = new Client(server.port)
  client.hold()
  client.ask('/alike/left?4096')
  client.go()
  await until('a beginning', () => client.received > 0)
  client.leave()
  await server.waitForLog(/\/left: closed/)
  await assert.rejects(server.get('/alike/die'))
  await server.waitForLog(/Response cut short from daemon process 'alike'/)
  assert.equal((await server.get('/alike/pieces')).text.length, whole.length)
}

/** A child that the application forks does not keep the connection open. */
async function children(server: TestServer): Promise<void> {
  const client = new Client(server.port)
  client.ask('/alike/fork', 'Connection: close\r\n')
  assert.equal(digest(await client.body()), digest(whole))
  const [, pid] = await server.waitForLog(/child (\d+) has 0 connections/)
  try {
    await until('the connection to end', () => client.ended)
  } finally {
    process.kill(Number(pid), 'SIGKILL')
  }
}
