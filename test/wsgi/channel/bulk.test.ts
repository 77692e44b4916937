/** Large and slow bodies, in both directions: flat memory, back-pressure, clients that go away, threads that starve nobody. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RuntimeSettings } from '../../../src/python/control.js'
import { ReadableBody } from '../../support/readable-body.js'
import { until as untilTrue } from '../../support/wait.js'
import { type Daemon, NEWEST, PYTHONS, place, request, startDaemon } from './daemon.js'

function daemonTest(
  name: string,
  python: string,
  settings: Partial<RuntimeSettings>,
  body: (daemon: Daemon) => Promise<void>,
): void {
  test(`${name}: ${python}`, { timeout: 120_000 }, async () => {
    const daemon = await startDaemon(python, settings)
    try {
      await body(daemon)
    } finally {
      await daemon.stop()
    }
  })
}

/** Resident memory of a process in MiB. */
function resident(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024
}

const until = (condition: () => boolean, what: string) => untilTrue(what, condition)

const MIB = 1024 * 1024
const COUNT = `def application(environ, start_response):
    total = 0
    while True:
        data = environ['wsgi.input'].read(%s)
        if not data: break
        total += len(data)
    start_response('200 OK', [])
    return [str(total).encode()]
`
const ECHO = `def application(environ, start_response):
    start_response('200 OK', [])
    while True:
        data = environ['wsgi.input'].read(40000)
        if not data: return
        yield data
`

function* chunks(count: number, size: number): Generator<Buffer> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(size, 'x')
}

for (const python of PYTHONS) {
  daemonTest('100 MiB up', python, { threads: 2 }, async (daemon) => {
    const script = place(daemon.script('count.wsgi', COUNT.replace('%s', '100000')))
    const channel = await daemon.connect()
    await request(channel, script).outcome
    const before = [resident(process.pid), resident(daemon.child.pid as number)] as const
    let wanted = 0
    const body = {
      kind: 'stream',
      source: new ReadableBody(Readable.from(chunks(100, MIB))),
      wanted: () => wanted++,
    } as const
    const { body: answer } = await request(channel, script, { body }).outcome
    assert.equal(answer.toString(), String(100 * MIB))
    assert.equal(wanted, 1)
    assert.ok(resident(process.pid) - before[0] < 60, 'Node stays small')
    assert.ok(resident(daemon.child.pid as number) - before[1] < 20, 'Python stays small')
  })

  daemonTest(
    '50 MiB down to a slow reader, in blocks and as a file',
    python,
    { threads: 1 },
    async (daemon) => {
      const script = place(
        daemon.script(
          'down.wsgi',
          `import os
path = __file__ + '.data'
with open(path, 'wb') as f:
    f.truncate(50 * 1048576)
def application(environ, start_response):
    start_response('200 OK', [])
    if environ['QUERY_STRING'] == 'file':
        return environ['wsgi.file_wrapper'](open(path, 'rb'))
    return (b'x' * 100000 for i in range(524))
`,
        ),
      )
      const channel = await daemon.connect()
      for (const query of ['file', 'blocks']) {
        let total = 0
        let turns = 0
        const { outcome } = request(channel, script, {
          query,
          onData(chunk, resume) {
            total += chunk.length
            if (++turns % 16 !== 0) return true
            setImmediate(resume)
            return false
          },
        })
        const { kind } = await outcome
        assert.equal(kind, 'end')
        assert.equal(total, query === 'file' ? 50 * MIB : 52_400_000)
      }
      assert.ok(resident(daemon.child.pid as number) < 100)
    },
  )

  daemonTest('both directions at once', python, { threads: 1 }, async (daemon) => {
    const script = place(daemon.script('echo.wsgi', ECHO))
    const channel = await daemon.connect()
    const source = new PassThrough()
    let got = 0
    const { outcome } = request(channel, script, {
      body: { kind: 'stream', source: new ReadableBody(source) },
      onData(chunk) {
        got += chunk.length
        return true
      },
    })
    for (let i = 1; i <= 20; i++) {
      source.write(Buffer.alloc(40_000, 'y'))
      await until(() => got === i * 40_000, `block ${i} comes back before the next is sent`)
    }
    source.end()
    assert.equal((await outcome).kind, 'end')
  })
}

const PYTHONS_FEW = [PYTHONS[0], NEWEST].filter((path): path is string => path !== undefined)

for (const python of PYTHONS_FEW) {
  daemonTest('read(0) asks for the body, read(n) waits for no more than n', python, {}, async (daemon) => {
    const script = place(
      daemon.script(
        'zero.wsgi',
        `def application(environ, start_response):
    stream = environ['wsgi.input']
    assert stream.read(0) == b''
    start_response('200 OK', [])
    yield stream.read(3)
    yield stream.readline()
    yield stream.read()
`,
      ),
    )
    const channel = await daemon.connect()
    const source = new PassThrough()
    let wanted!: () => void
    const asked = new Promise<void>((resolve) => {
      wanted = resolve
    })
    const { outcome, seen } = request(channel, script, {
      body: { kind: 'stream', source: new ReadableBody(source), wanted },
    })
    await asked
    source.write('abc')
    await until(() => seen.chunks === 1, 'the first three bytes come back')
    source.write('line\nre')
    await until(() => seen.chunks === 2, 'the line comes back')
    source.end('st')
    assert.equal((await outcome).body.toString(), 'abcline\nrest')
  })

  daemonTest('an unread body does not hurt the next request', python, { threads: 1 }, async (daemon) => {
    const some = place(
      daemon.script(
        'some.wsgi',
        `def application(environ, start_response):
    start_response('200 OK', [])
    return [environ['wsgi.input'].read(5)]
`,
      ),
    )
    const channel = await daemon.connect()
    for (let i = 0; i < 5; i++) {
      const source = Readable.from(chunks(50, MIB))
      const { outcome } = request(channel, some, {
        body: { kind: 'stream', source: new ReadableBody(source) },
      })
      assert.equal((await outcome).body.toString(), 'xxxxx')
      source.destroy()
    }
  })

  daemonTest('a body that ends early, and one that is too large', python, { threads: 1 }, async (daemon) => {
    const read = place(daemon.script('read.wsgi', COUNT.replace('%s', '')))
    const channel = await daemon.connect()
    const early = new PassThrough()
    const first = request(channel, read, { body: { kind: 'stream', source: new ReadableBody(early) } })
    early.write('abc')
    early.destroy()
    const outcome = await first.outcome
    assert.deepEqual([outcome.kind, outcome.why], ['failed', 'exception'])
    assert.match(outcome.log.at(-1) as string, /(OSError|IOError): request data read error/)
    const large = request(channel, read, {
      body: { kind: 'stream', source: new ReadableBody(Readable.from(chunks(3, MIB))), limit: 2 * MIB },
    })
    assert.deepEqual([(await large.outcome).kind, (await large.outcome).why], ['failed', 'body-too-large'])
  })

  daemonTest(
    'client gone: iteration stops, close() runs, one debug line',
    python,
    { threads: 1 },
    async (daemon) => {
      const script = place(
        daemon.script(
          'endless.wsgi',
          `import time
class Endless(object):
    def __init__(self, environ):
        self.environ, self.size = environ, int(environ['QUERY_STRING'])
    def __iter__(self):
        while True:
            time.sleep(0.001)
            yield b'x' * self.size
    def close(self):
        self.environ['wsgi.errors'].write('closed\\n')
def application(environ, start_response):
    start_response('200 OK', [])
    return Endless(environ)
`,
        ),
      )
      const channel = await daemon.connect()
      for (const size of ['10', '200000']) {
        const { exchange, outcome, seen } = request(channel, script, {
          query: size,
          onData: () => size === '10',
        })
        await until(() => seen.chunks > 0, 'something arrives')
        channel.cancel(exchange)
        assert.deepEqual([(await outcome).kind, (await outcome).why], ['aborted', 'cancelled'])
        await until(() => channel.inFlight === 0, 'the application lets go')
        assert.deepEqual(seen.log, ['error: closed', 'debug: Client closed connection.'])
      }
    },
  )

  daemonTest(
    'client gone: write() raises, and a blocked read() too',
    python,
    { threads: 2 },
    async (daemon) => {
      const script = place(
        daemon.script(
          'write.wsgi',
          `import time
def application(environ, start_response):
    write = start_response('200 OK', [])
    if environ['QUERY_STRING'] == 'read':
        write(b'x')
        environ['wsgi.input'].read()
    while True:
        time.sleep(0.001)
        write(b'x' * 10)
`,
        ),
      )
      const channel = await daemon.connect()
      for (const query of ['write', 'read']) {
        const { exchange, seen } = request(channel, script, {
          query,
          body: { kind: 'stream', source: new ReadableBody(new PassThrough()) },
        })
        await until(() => seen.chunks > 0, 'something arrives')
        await sleep(20)
        channel.cancel(exchange)
        await until(() => channel.inFlight === 0, 'the application lets go')
        const text = query === 'write' ? 'client connection closed' : 'request data read error'
        assert.match(seen.log.at(-1) as string, new RegExp(`(OSError|IOError): ${text}`))
      }
    },
  )
}

daemonTest(
  'each block of a slow generator arrives before the next is made',
  NEWEST,
  { threads: 1 },
  async (daemon) => {
    const script = place(
      daemon.script(
        'slow.wsgi',
        `import os, time
def application(environ, start_response):
    start_response('200 OK', [])
    for i in range(10):
        yield b'%d' % i
        while not os.path.exists('%s.%d' % (__file__, i)):
            time.sleep(0.005)
`,
      ),
    )
    const channel = await daemon.connect()
    let blocks = 0
    const { outcome } = request(channel, script, {
      onData() {
        blocks++
        return true
      },
    })
    for (let i = 0; i < 10; i++) {
      await until(() => blocks === i + 1, `block ${i}`)
      daemon.script(`slow.wsgi.${i}`, '')
    }
    assert.equal((await outcome).kind, 'end')
  },
)

for (const threads of [1, 2, 5]) {
  daemonTest(
    `mixed fast and slow requests all finish, ${threads} threads`,
    NEWEST,
    { threads },
    async (daemon) => {
      const script = place(
        daemon.script(
          'mixed.wsgi',
          `import time
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    kind, number = environ['QUERY_STRING'].split('-')
    if kind == 'slow': time.sleep(0.004)
    if kind == 'stream':
        def stream():
            yield number.encode()
            time.sleep(0.003)
            yield b'!'
        return stream()
    if kind == 'big': return [number.encode() * 100000]
    return [number.encode()]
`,
        ),
      )
      const lanes = [await daemon.connect(), await daemon.connect()]
      const kinds = ['fast', 'fast', 'fast', 'slow', 'fast', 'stream', 'fast', 'big']
      let done = 0
      const client = async (n: number) => {
        for (let i = 0; i < 150; i++) {
          const kind = kinds[(n * 7 + i * 3) % kinds.length] as string
          const { outcome } = request(lanes[(n + i) % 2] as (typeof lanes)[0], script, {
            query: `${kind}-${i % 10}`,
          })
          const { kind: how, body } = await outcome
          assert.ok(how === 'answered' || how === 'end')
          assert.equal(body[0], 48 + (i % 10))
          done++
        }
      }
      await Promise.all(Array.from({ length: 16 }, (_, n) => client(n)))
      assert.equal(done, 16 * 150)
    },
  )
}

daemonTest('a blocked thread holds nobody up', NEWEST, { threads: 3 }, async (daemon) => {
  const script = place(
    daemon.script(
      'block.wsgi',
      `import os, time
def application(environ, start_response):
    start_response('200 OK', [])
    while environ['QUERY_STRING'] and not os.path.exists(environ['QUERY_STRING']):
        time.sleep(0.005)
    return [b'ok']
`,
    ),
  )
  const channel = await daemon.connect()
  const query = `${daemon.directory}/go`
  const slow = [request(channel, script, { query }), request(channel, script, { query })]
  for (let i = 0; i < 200; i++)
    await Promise.all([1, 2, 3].map(() => request(channel, script, { query: '' }).outcome))
  assert.equal(channel.inFlight, 2)
  daemon.script('go', '')
  for (const { outcome } of slow) assert.equal((await outcome).kind, 'answered')
})
