/** The timers of daemon processes: each ends or replaces a process with its reason in the log, and no request is lost that need not be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stopProcess } from '../support/processes.js'
import { skipWithout } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { groups, pidOf, said, VERSIONS } from './daemon-support.js'

const python = { skip: skipWithout('3') }

/** One server for all of it: what takes its time takes it side by side. */
const OPTIONS = {
  soft: 'threads=1 request-timeout=1 interrupt-timeout=30',
  hard: 'threads=1 request-timeout=1 graceful-timeout=1 shutdown-timeout=1',
  both: 'threads=1 request-timeout=1 interrupt-timeout=1 graceful-timeout=1 shutdown-timeout=1',
  cpu: 'threads=2 cpu-time-limit=2 graceful-timeout=1 shutdown-timeout=1',
  dead: 'threads=2 deadlock-timeout=2 shutdown-timeout=1',
  patient: 'threads=2 deadlock-timeout=2 shutdown-timeout=0',
  signals: 'threads=2',
  eviction: 'threads=2 eviction-timeout=5',
  interval: 'threads=1 restart-interval=2',
}

for (const version of VERSIONS)
  test(`Python ${version}: requests and processes that take too long, and signals`, async (t) => {
    await withServer(groups(OPTIONS, { python: version }), async (server) => {
      await Promise.all([
        t.test('request-timeout interrupts, then replaces', () => interrupts(server)),
        t.test('cpu-time-limit ends a process that computes', () => spins(server)),
        t.test('deadlock-timeout replaces a process that hangs in C code, and one that is stopped', () =>
          hangs(server, version),
        ),
        t.test('deadlock-timeout replaces a process that may take for ever to shut down', () =>
          hangsForEver(server),
        ),
        t.test('signals and restart-interval replace a process that serves on meanwhile', () =>
          obeys(server),
        ),
      ])
    })
  })

async function interrupts(server: TestServer): Promise<void> {
  const [soft, hard, both] = await Promise.all(['soft', 'hard', 'both'].map((name) => pidOf(server, name)))
  const [loop, stuck, swallow] = await Promise.all([
    server.get('/soft/loop'),
    server.get('/hard/loop'),
    server.get('/both/swallow'),
  ])
  assert.deepEqual([loop.status, stuck.status, swallow.status], [504, 502, 502])
  await server.waitForLog(/Injected RequestTimeout into thread 1/)
  await server.waitForLog(/Request interrupted by RequestTimeout; thread recovered\./)
  assert.equal(await pidOf(server, 'soft'), soft, 'the process goes on')
  await said(
    server,
    hard as number,
    "Daemon process request time limit exceeded, stopping process 'hard' (request_timeout).",
  )
  await server.waitForLog(/Dumping stack trace for active Python threads\./)
  await server.waitForLog(/life\.wsgi", line \d+, in application/)
  await said(server, both as number, "Daemon process request time limit exceeded, stopping process 'both'")
  assert.notEqual(await pidOf(server, 'hard'), hard)
  assert.notEqual(await pidOf(server, 'both'), both)
}

async function spins(server: TestServer): Promise<void> {
  const before = await pidOf(server, 'cpu')
  const spin = await server.get('/cpu/spin')
  assert.equal(spin.status, 502)
  await said(
    server,
    before,
    "Exceeded CPU time limit, waiting for requests to complete 'cpu' (cpu_time_limit).",
  )
  assert.notEqual(await pidOf(server, 'cpu'), before)
}

async function hangs(server: TestServer, version: string): Promise<void> {
  const before = await pidOf(server, 'dead')
  assert.equal((await server.get('/dead/stuck')).status, 502)
  await said(
    server,
    before,
    "Daemon process deadlock timer expired, stopping process 'dead' (deadlock_timeout).",
  )
  // written in pieces, between which records of other processes may stand
  const ofHandler = () => server.errorLog().replace(/\[\w{3} \w{3} \d.*\n/g, '')
  if (version !== '2.7')
    await until('the stack', () => /^ *File ".*life\.wsgi", line \d+,? in application$/m.test(ofHandler()))
  const second = await pidOf(server, 'dead')
  assert.notEqual(second, before)
  await stopProcess(second)
  // application code has not seen it, so another process runs it
  const moved = await server.get('/dead/pid')
  assert.equal(moved.status, 200)
  assert.notEqual(Number(moved.text), second)
  await said(server, second, "Aborting process 'dead'")
}

async function hangsForEver(server: TestServer): Promise<void> {
  const before = await pidOf(server, 'patient')
  assert.equal((await server.get('/patient/stuck')).status, 502)
  await said(server, before, "Aborting process 'patient'")
  assert.notEqual(await pidOf(server, 'patient'), before)
}

async function obeys(server: TestServer): Promise<void> {
  const [signals, eviction, interval] = (await Promise.all(
    ['signals', 'eviction', 'interval'].map((name) => pidOf(server, name)),
  )) as [number, number, number]
  for (const signal of ['SIGHUP', 'SIGUSR2'] as const) process.kill(signals, signal)
  const slow = server.get('/signals/sleep?1')
  await server.waitForLog(/\/sleep has begun/)
  assert.equal(await pidOf(server, 'signals'), signals)
  process.kill(signals, 'SIGUSR1')
  process.kill(eviction, 'SIGUSR1')
  for (const [name, pid] of [
    ['signals', signals],
    ['eviction', eviction],
    ['interval', interval],
  ] as const)
    await until(`another process of ${name}`, async () => (await pidOf(server, name)) !== pid)
  assert.equal((await slow).text, String(signals), 'a request that runs is finished')
  await said(
    server,
    signals,
    "Process restart requested, waiting for requests to complete 'signals' (graceful_signal).",
  )
  await said(
    server,
    eviction,
    "Process eviction requested, waiting for requests to complete 'eviction' (eviction_signal).",
  )
  await said(
    server,
    interval,
    "Application restart timer expired, waiting for requests to complete 'interval' (restart_interval).",
  )
  await said(server, signals, "Requests have completed, triggering immediate shutdown 'signals' (retire).")
}

test('what nobody has planned is logged at warn and above, with the requests in question', python, () =>
  withServer(
    groups(
      {
        soft: 'threads=1 request-timeout=1 interrupt-timeout=30',
        hard: 'threads=1 request-timeout=1 graceful-timeout=1 shutdown-timeout=1',
        dead: 'threads=1 deadlock-timeout=1 shutdown-timeout=1',
        start: 'threads=1 startup-timeout=1 shutdown-timeout=1',
      },
      {
        conf: 'LogLevel warn\nWSGIScriptAlias /hangs "${ROOT}/apps/hangs.wsgi" process-group=start',
        apps: { 'hangs.wsgi': 'import time\ntime.sleep(1000)\n' },
      },
    ),
    async (server) => {
      // one that has not been heard at all counts as one that starts
      await pidOf(server, 'dead')
      const answers = ['/soft/loop?secret', '/hard/loop?secret', '/dead/stuck', '/hangs']
      assert.deepEqual(
        (await Promise.all(answers.map((place) => server.get(place)))).map(({ status }) => status),
        [504, 502, 502, 502],
      )
      for (const line of [
        /warn\] .*Injected RequestTimeout into thread 1/,
        /error\] .*Request interrupted by RequestTimeout; thread recovered\./,
        /warn\] .*Dumping stack trace for active Python threads\./,
        /warn\] .*Thread 1 executing file ".*life\.wsgi", GET \/hard\/loop for \d+\.\d s, request-timeout exceeded/,
        /warn\] .*life\.wsgi\\?", line \d+, in application/,
        /warn\] .*stopping process 'hard' \(request_timeout\)/,
        /warn\] .*Aborting process 'hard': its shutdown took longer than 1 seconds\./,
        /warn\] .*stopping process 'dead' \(deadlock_timeout\)/,
        /warn\] .*stopping process 'start' \(startup_timeout\)/,
      ])
        await server.waitForLog(new RegExp(`wsgi:${line.source}`))
      assert.doesNotMatch(server.errorLog(), /secret|:info\]/)
    },
  ),
)

for (const version of VERSIONS)
  test(`Python ${version}: a process that is replaced for a stuck request gives back at once those that wait behind it`, () =>
    withServer(
      groups(
        { stuck: 'threads=1 request-timeout=1 graceful-timeout=600 shutdown-timeout=600' },
        { python: version, conf: 'StartServers 1' },
      ),
      async (server) => {
        const before = await pidOf(server, 'stuck')
        const stuck = server.get('/stuck/loop')
        await server.waitForLog(/\/loop has begun/)
        const waiting = await Promise.all(Array.from({ length: 3 }, () => pidOf(server, 'stuck')))
        for (const pid of waiting) assert.notEqual(pid, before)
        assert.doesNotMatch(server.accessLog(), /\/loop/, 'the one that is stuck still is')
        process.kill(before, 'SIGKILL')
        assert.equal((await stuck).status, 502)
      },
    ))

test('inactivity-timeout replaces a process that has served, not one that nobody asked for', python, () =>
  withServer(
    groups(
      { idle: 'threads=2 inactivity-timeout=1', busy: 'inactivity-timeout=1', never: 'inactivity-timeout=1' },
      { conf: '<Location /busy/ignored>\nWSGIIgnoreActivity On\n</Location>' },
    ),
    async (server) => {
      const idle = await pidOf(server, 'idle')
      const slow = server.get('/busy/sleep?3')
      await said(
        server,
        idle,
        "Daemon process idle inactivity timer expired, stopping process 'idle' (inactivity_timeout).",
      )
      assert.notEqual(await pidOf(server, 'idle'), idle)
      const busy = Number((await slow).text)
      await said(server, busy, "Daemon process idle inactivity timer expired, stopping process 'busy'")
      // a request that runs is activity
      assert.match(
        server.errorLog(),
        new RegExp(`/sleep has ended in ${busy}$[^]*\\(pid=${busy}\\): Daemon process idle inactivity`, 'm'),
      )
      assert.doesNotMatch(server.errorLog(), /inactivity timer expired, stopping process 'never'/)
    },
  ),
)

test('startup-timeout replaces a process whose application cannot be loaded', python, () =>
  withServer(
    groups(
      { start: 'threads=1 startup-timeout=1 shutdown-timeout=1', good: 'threads=1 startup-timeout=1' },
      {
        conf: 'WSGIScriptAlias /hangs "${ROOT}/apps/hangs.wsgi" process-group=start',
        apps: { 'hangs.wsgi': 'import time\ntime.sleep(1000)\n' },
      },
    ),
    async (server) => {
      const answer = await server.get('/hangs')
      assert.equal(answer.status, 502)
      await server.waitForLog(
        /Application startup timer expired, stopping process 'start' \(startup_timeout\)\./,
      )
      assert.equal(await pidOf(server, 'good'), await pidOf(server, 'good'))
      assert.doesNotMatch(server.errorLog(), /startup timer expired, stopping process 'good'/)
    },
  ),
)

test(
  'queue-timeout: a request that has waited too long is answered 504, and no application sees it',
  python,
  () =>
    withServer(groups({ queue: 'threads=1 queue-timeout=1' }), async (server) => {
      await until('a first answer in time', () => pidOf(server, 'queue'))
      const slow = server.get('/queue/sleep?3')
      await server.waitForLog(/\/sleep has begun/)
      const mark = `${server.root}/htdocs/mark`
      const late = await server.get(`/queue/count?${mark}`)
      assert.equal(late.status, 504)
      await server.waitForLog(/Queue timeout expired for WSGI daemon process 'queue'/)
      assert.equal((await slow).status, 200)
      assert.doesNotMatch(server.errorLog(), /\/count has begun/)
    }),
)

test('graceful-timeout ends the waiting for requests, shutdown-timeout that for the process', python, () =>
  withServer(groups({ grace: 'threads=2 graceful-timeout=1 shutdown-timeout=1' }), async (server) => {
    const before = await pidOf(server, 'grace')
    const half = server.raw(`GET /grace/half HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await server.waitForLog(/\/half has begun/)
    process.kill(before, 'SIGUSR1')
    await said(server, before, "Daemon process graceful timer expired 'grace' (graceful_timeout).")
    await said(server, before, "Aborting process 'grace': its shutdown took longer than 1 seconds.")
    assert.match(await half, /half$/, 'the response is cut')
    await server.waitForLog(/Response cut short from daemon process 'grace'/)
  }),
)
