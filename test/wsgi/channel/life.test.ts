/** Threads, interpreters, reloading, the end of processes: what happens over many requests. */
import assert from 'node:assert/strict'
import { appendFileSync, utimesSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RuntimeSettings } from '../../../src/python/control.js'
import { ChannelRefused } from '../../../src/wsgi/channel/channel.js'
import { eachMinorVersion } from '../../support/pythons.js'
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

const COUNTER = `import threading
local = threading.local()
def application(environ, start_response):
    local.count = getattr(local, 'count', 0) + 1
    start_response('200 OK', [])
    return [str(local.count).encode()]
`
const HELLO = `def application(environ, start_response):
    start_response('200 OK', [])
    return [b'hello']
`
/** Says "ready" to the log, then waits until the file named in the query string exists. */
const WAIT = `import os, time
def application(environ, start_response):
    environ['wsgi.errors'].write('begun\\n')
    while not os.path.exists(environ['QUERY_STRING']):
        time.sleep(0.005)
    start_response('200 OK', [])
    return [b'waited']
`

const until = (condition: () => boolean, what: string) => untilTrue(what, condition)

const WITH_GUESTS = eachMinorVersion()
  .filter(({ major, minor }) => major > 2 && minor >= 8)
  .map(({ executable }) => executable)
const WITHOUT_GUESTS = PYTHONS.filter((path) => !WITH_GUESTS.includes(path))

for (const python of WITH_GUESTS) {
  daemonTest('thread-local data lives on, per application group', python, { threads: 1 }, async (daemon) => {
    const script = place(daemon.script('counter.wsgi', COUNTER))
    const main = await daemon.connect('')
    const one = await daemon.connect('one')
    const two = await daemon.connect('two')
    const bodies: string[] = []
    for (const channel of [main, main, one, one, one, two, main]) {
      bodies.push((await request(channel, script).outcome).body.toString())
    }
    assert.deepEqual(bodies, ['1', '2', '1', '2', '3', '1', '3'])
    daemon.control.stop('shutdown_signal')
    assert.equal(await daemon.exited, 0)
  })

  daemonTest('interpreters share the limit of threads', python, { threads: 2 }, async (daemon) => {
    const script = place(daemon.script('wait.wsgi', WAIT))
    const main = await daemon.connect('')
    const go = `${daemon.directory}/go`
    const early = request(main, script, { query: go })
    await until(() => early.seen.log.length > 0, 'the first begins')
    const guest = await daemon.connect('guest')
    const all = [early, ...[main, guest, guest].map((channel) => request(channel, script, { query: go }))]
    const begun = () => all.filter(({ seen }) => seen.log.length > 0).length
    await until(() => begun() === 2, 'two begin')
    await sleep(100)
    assert.equal(begun(), 2)
    daemon.script('go', '')
    for (const { outcome } of all) assert.equal((await outcome).body.toString(), 'waited')
  })

  daemonTest('atexit functions run in every interpreter', python, {}, async (daemon) => {
    const mark = `${daemon.directory}/marks`
    const script = place(
      daemon.script(
        'atexit.wsgi',
        `import atexit, threading, time
${HELLO}
def leave():
    with open(${JSON.stringify(mark)}, 'a') as f: f.write('x')
atexit.register(leave)
def work():
    time.sleep(0.1)
    with open(${JSON.stringify(mark)}, 'a') as f: f.write('t')
# Threads inherit daemon from the pool thread, as under mod_wsgi.
thread = threading.Thread(target=work)
thread.daemon = False
thread.start()
`,
      ),
    )
    appendFileSync(mark, '')
    for (const group of ['', 'a']) {
      assert.equal((await request(await daemon.connect(group), script).outcome).body.toString(), 'hello')
    }
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, 0)
    const { readFileSync } = await import('node:fs')
    assert.equal([...readFileSync(mark, 'latin1')].sort().join(''), 'ttxx')
    assert.ok(daemon.messages.some((m) => m.type === 'leaving' && m.reason === 'shutdown_signal'))
  })
}

for (const python of WITHOUT_GUESTS) {
  daemonTest('a second application group is refused', python, { main_group: 'one' }, async (daemon) => {
    const script = place(daemon.script('counter.wsgi', COUNTER))
    const one = await daemon.connect('one')
    assert.equal((await request(one, script).outcome).body.toString(), '1')
    await assert.rejects(
      daemon.connect('two'),
      (error: Error) => error instanceof ChannelRefused && /no sub-interpreters/.test(error.message),
    )
  })
}

for (const python of PYTHONS) {
  daemonTest('a changed script is rejected, and the process leaves', python, {}, async (daemon) => {
    const path = daemon.script('hello.wsgi', HELLO)
    const channel = await daemon.connect()
    assert.equal((await request(channel, place(path)).outcome).kind, 'answered')
    utimesSync(path, 1e9, 1e9)
    const outcome = await request(channel, place(path)).outcome
    assert.deepEqual([outcome.kind, outcome.why], ['rejected', 'script_reload'])
    assert.equal((await request(channel, place(path)).outcome).kind, 'rejected')
    assert.equal(channel.draining, 'script_reload')
    assert.equal(await daemon.exited, 0)
    assert.ok(daemon.messages.some((m) => m.type === 'leaving' && m.reason === 'script_reload'))
  })

  daemonTest('one request per process', python, { threads: 1, maximum_requests: 1 }, async (daemon) => {
    const script = place(
      daemon.script('once.wsgi', HELLO.replace("b'hello'", "repr(environ['wsgi.run_once']).encode()")),
    )
    const channel = await daemon.connect()
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => request(channel, script).outcome))
    assert.deepEqual(
      outcomes.map(({ kind, why, body }) => `${kind} ${why}${body}`),
      ['answered True', ...Array(3).fill('rejected maximum_requests')],
    )
    assert.equal(await daemon.exited, 0)
  })

  daemonTest('death: begun requests fail, the others come back', python, { threads: 2 }, async (daemon) => {
    const script = place(daemon.script('wait.wsgi', WAIT))
    const channel = await daemon.connect()
    const all = Array.from({ length: 6 }, () => request(channel, script, { query: '/nowhere' }))
    await until(() => all.filter(({ seen }) => seen.log.length > 0).length === 2, 'two begin')
    const closed = new Promise((resolve) => channel.onClose(resolve))
    daemon.child.kill('SIGKILL')
    await closed
    const outcomes = await Promise.all(all.map(({ outcome }) => outcome))
    for (const { kind, why, log } of outcomes) {
      assert.deepEqual([kind, why], log.length > 0 ? ['failed', 'died'] : ['rejected', 'died'])
    }
    assert.equal(outcomes.filter(({ kind }) => kind === 'failed').length, 2)
  })

  daemonTest(
    'stop: running requests finish, waiting ones come back',
    python,
    { threads: 1 },
    async (daemon) => {
      const script = place(daemon.script('wait.wsgi', WAIT))
      const channel = await daemon.connect()
      const go = `${daemon.directory}/go`
      const [first, second] = [
        request(channel, script, { query: go }),
        request(channel, script, { query: go }),
      ]
      await until(() => first.seen.log.length > 0, 'the first begins')
      daemon.control.stop('shutdown_signal')
      assert.equal((await second.outcome).kind, 'rejected')
      daemon.script('go', '')
      assert.equal((await first.outcome).body.toString(), 'waited')
      assert.equal(await daemon.exited, 0)
    },
  )
}

daemonTest(
  'the main thread is not the parent of a hang: EOF ends everything at once',
  NEWEST,
  {},
  async (daemon) => {
    const script = place(daemon.script('wait.wsgi', WAIT))
    const channel = await daemon.connect()
    const { outcome } = request(channel, script, { query: '/nowhere' })
    daemon.control.close()
    assert.equal(await daemon.exited, 0)
    assert.notEqual((await outcome).kind, 'answered')
  },
)

daemonTest(
  'shutdown-timeout ends what does not finish',
  NEWEST,
  { shutdown_timeout: 0.3 },
  async (daemon) => {
    const script = place(daemon.script('wait.wsgi', WAIT))
    const channel = await daemon.connect()
    const { outcome, seen } = request(channel, script, { query: '/nowhere' })
    await until(() => seen.log.length > 0, 'it begins')
    daemon.control.stop('shutdown_signal')
    assert.equal(await daemon.exited, 0)
    assert.deepEqual([(await outcome).kind, (await outcome).why], ['failed', 'died'])
  },
)

daemonTest('output outside of requests reaches the parent', NEWEST, {}, async (daemon) => {
  const script = place(
    daemon.script(
      'loud.wsgi',
      `import sys, threading
def work():
    print('from a thread')
    sys.stderr.write('no newline')
threading.Thread(target=work).start()
${HELLO}`,
    ),
  )
  await request(await daemon.connect(), script).outcome
  const texts = () => daemon.messages.flatMap((m) => (m.type === 'log' ? [m.text] : []))
  await until(() => texts().includes('from a thread') && texts().includes('no newline'), 'both lines')
})

daemonTest('handler scripts, and reload_required', NEWEST, {}, async (daemon) => {
  const flag = `${daemon.directory}/reload`
  const path = daemon.script(
    'handler.wsgi',
    `import os
def reload_required(resource):
    assert resource == '/the/resource', resource
    return os.path.exists(${JSON.stringify(flag)})
def handle_request(environ, start_response):
    start_response('200 OK', [])
    return [environ['mod_wsgi.handler_script'].encode()]
`,
  )
  const handler = place(path, {
    kind: 'handler',
    callable: 'handle_request',
    base: { SCRIPT_FILENAME: '/the/resource' },
  })
  const channel = await daemon.connect()
  assert.equal((await request(channel, handler).outcome).body.toString(), path)
  assert.equal((await request(channel, handler).outcome).kind, 'answered')
  daemon.script('reload', '')
  assert.equal((await request(channel, handler).outcome).why, 'script_reload')
})
