/** The first server worker's process, which is started before the configuration has been read. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { offerSpareWorker } from '../../src/server/hand-over.js'
import { ServerWorker, type WorkerPlan } from '../../src/server/server-worker.js'
import { passedOn, type SpareWorker, startSpareWorker, startsServer } from '../../src/server/spare-worker.js'
import { descendants, stillThere } from '../support/processes.js'
import { LAUNCHER, Layout } from '../support/server.js'
import { until } from '../support/wait.js'

const onLinux = { skip: process.platform !== 'linux' && 'Linux only' }

test('words that start a server in the foreground are told at first sight', () => {
  for (const words of [
    '-DFOREGROUND',
    '-f a.conf -D FOREGROUND',
    '-X',
    '-k start -DNO_DETACH',
    'start-server a.wsgi',
  ])
    assert.equal(startsServer(words.split(' ')), true, words)
  for (const words of [
    '-t -DFOREGROUND',
    '-k stop -X',
    '-v',
    '-f a.conf',
    '-DFOREGROUNDS',
    'start-server --help',
    'setup-server a.wsgi',
  ])
    assert.equal(startsServer(words.split(' ')), false, words)
})

test('options of Node that are for workers keep their values', () => {
  const words =
    '--cpu-prof-interval 200 --require x.cjs --cpu-prof --cpu-prof-dir=/tmp --trace-event-categories v8,node --inspect'
  assert.equal(
    passedOn(words.split(' ')).join(' '),
    '--cpu-prof-interval 200 --cpu-prof --cpu-prof-dir=/tmp --trace-event-categories v8,node',
  )
})

test('a spare worker that nobody needs leaves with its channel', onLinux, async () => {
  const { child, channel } = startSpareWorker(false) as SpareWorker
  child.ref()
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  channel.destroy()
  await gone
})

test(
  'a spare worker that is dead when it is needed: an error, and nobody hears of its end',
  onLinux,
  async () => {
    const spare = startSpareWorker(false) as NonNullable<ReturnType<typeof startSpareWorker>>
    const gone = new Promise<void>((resolve) => spare.child.once('exit', () => resolve()))
    offerSpareWorker(spare)
    spare.child.kill('SIGKILL')
    // Dead, but this process has not yet been told.
    const state = () => readFileSync(`/proc/${spare.child.pid}/stat`, 'latin1').split(') ')[1]?.[0]
    while (state() !== 'Z') execFileSync('sleep', ['0.01'])
    const plan = { configure: {}, listeners: [], pipes: [], stderr: 'ignore', authorities: false }
    const ends: unknown[] = []
    const events = { message: () => {}, faulty: () => {}, exit: (exit: unknown) => void ends.push(exit) }
    assert.throws(
      () => new ServerWorker(plan as unknown as WorkerPlan, { daemons: [], failures: [] }, events),
      /Broken pipe/,
    )
    spare.child.ref()
    await gone
    assert.deepEqual(ends, [])
  },
)

test(
  'a server worker holds no descriptor that a stranger left open, and has what was set since its start',
  onLinux,
  async () => {
    const layout = await Layout.make({
      conf: 'WSGIScriptAlias / "${ROOT}/apps/look.wsgi"',
      apps: {
        'look.wsgi': `import os
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [repr([os.environ.get(name) for name in ('FROM_FILE', 'NODE_EXTRA_CA_CERTS', 'UV_THREADPOOL_SIZE')]).encode()]
`,
      },
      files: { envvars: 'export FROM_FILE=yes\n', 'none.pem': '' },
      env: { NODE_EXTRA_CA_CERTS: '${ROOT}/none.pem' },
    })
    const left = path.join(layout.root, 'left-open')
    const words = [process.execPath, LAUNCHER, ...layout.arguments(), '-DFOREGROUND']
    const child = spawn('/bin/sh', ['-c', 'exec 9>"$0"; exec "$@"', left, ...words], {
      env: layout.environment(),
      stdio: 'ignore',
    })
    const gone = new Promise((resolve) => child.once('exit', resolve))
    try {
      const url = `http://127.0.0.1:${layout.ports[0]}/`
      await until('an answer', async () => (await fetch(url).catch(() => undefined)) !== undefined)
      assert.match(await (await fetch(url)).text(), /^\['yes', '\/.*\/none.pem', None\]$/)
      const pid = child.pid as number
      const open = (one: number) =>
        readdirSync(`/proc/${one}/fd`).map((fd) => readlinkSync(`/proc/${one}/fd/${fd}`))
      assert.ok(open(pid).includes(left), 'the supervisor inherits it')
      const workers = descendants(pid).filter(({ command }) => command.includes('worker-main'))
      assert.ok(workers.length > 0)
      for (const worker of workers) assert.ok(!open(worker.pid).includes(left))
    } finally {
      const seen = descendants(child.pid as number)
      child.kill('SIGTERM')
      await gone
      await until('the end of its processes', () => stillThere(seen).length === 0)
      layout.remove()
    }
  },
)
