/** A scenario goes on past servers that hang, refuse, die or leave processes behind, and its table says what each did. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { idleConnections } from '../../bench/crowd.js'
import { once } from '../../bench/load.js'
import { LeftOut, type Measure, runScenario, type Scenario } from '../../bench/scenario.js'
import type { Bench } from '../../bench/servers.js'
import { until } from '../support/wait.js'

const base = mkdtempSync(join(tmpdir(), 'wsgi-httpd-bench-test-'))
after(() => rmSync(base, { recursive: true, force: true }))

const settings: Measure = {
  ...{ base, app: base, certificate: '', key: '', patience: 30 },
  ...{ quick: true, seconds: 1 },
}

/** A server that answers requests for `/`. @param others what it does with those for `/page`, in JavaScript @param before it listens */
function fake(name: string, others: string, before = ''): Bench {
  const script = `${before}
    require('node:http').createServer((request, response) => {
      if (request.url === '/') return response.end('Hello, world!\\n')
      ${others}
    }).listen(Number(process.argv[1]), '127.0.0.1')`
  const command = ({ port }: { port: number }) => [process.execPath, '-e', script, String(port)]
  return { name, needs: [], python: '', command }
}

const FINE = fake('fine', `response.end('12345')`)

/** Asks each server for a page, once. */
function asking(servers: readonly Bench[], patience = 30): Scenario {
  return {
    ...{ name: 'asking', title: 'Asking', about: 'What it is about.', servers, rounds: [1, 1] },
    columns: [{ key: 'length', title: 'bytes' }],
    async measure(running) {
      const text = await once(running.port, '/page', { patience })
      return { length: text.length - text.indexOf('\r\n\r\n') - 4 }
    },
  }
}

test('servers that die, cannot be started or are not there do not keep the next one from its turn', async () => {
  const servers = [
    fake('dies', 'process.exit(3)'),
    fake('is killed', `process.kill(process.pid, 'SIGKILL')`),
    fake('ends at once', '', 'process.exit(7)'),
    { ...FINE, name: 'no program', command: () => [join(base, 'none')] },
    { ...FINE, name: 'not installed', needs: ['/nowhere/program'] },
    FINE,
  ]
  const text = await runScenario(asking(servers), settings, '')
  assert.match(text, /^\| dies \| – \| ended with status 3 \|$/m)
  assert.match(text, /^\| is killed \| – \| ended by SIGKILL \|$/m)
  assert.match(text, /^\| ends at once \| – \| ended with status 7 \|$/m)
  assert.match(text, /^\| no program \| – \| could not be started \|$/m)
  assert.match(text, /^\| fine \| 5 \| {2}\|$/m)
  assert.match(text, /^Left out: not installed \(\/nowhere\/program is not there\)\.$/m)
})

test('servers that run at the same time take turns, and who fails has no further one', async () => {
  const pids = new Map<Bench, Set<number>>()
  const scenario: Scenario = {
    ...asking([
      fake('dies', 'process.exit(3)'),
      FINE,
      { ...FINE, name: 'no program', command: () => [join(base, 'none')] },
    ]),
    rounds: [3, 3],
    seconds: 0.5,
    async warm(running) {
      assert.equal((await once(running.port, '/', { patience: 30 })).endsWith('Hello, world!\n'), true)
    },
    async measure(running, { seconds }, server) {
      assert.equal(seconds, 0.5)
      pids.set(server, (pids.get(server) ?? new Set()).add(running.pid))
      const text = await once(running.port, '/page', { patience: 30 })
      return { length: text.length - text.indexOf('\r\n\r\n') - 4 }
    },
  }
  const text = await runScenario(scenario, settings, '')
  assert.match(text, /^\| dies \| – \| ended with status 3 \|$/m)
  assert.match(text, /^\| fine \| 5 \(5–5\) \| {2}\|$/m)
  assert.match(text, /^\| no program \| – \| could not be started \|$/m)
  assert.deepEqual(
    [...pids.values()].map(({ size }) => size),
    [1, 1],
  )
})

test('a server that hangs', async () => {
  const hangs = fake('hangs', '')
  assert.match(
    await runScenario(asking([hangs], 0.2), settings, ''),
    /^\| hangs \| – \| no answer within 0\.2 s \|$/m,
  )
  const mute: Bench = {
    ...FINE,
    name: 'mute',
    command: () => [process.execPath, '-e', 'setInterval(() => {}, 1e6)'],
  }
  assert.match(
    await runScenario(asking([mute]), { ...settings, patience: 0.2 }, ''),
    /^\| mute \| – \| did not answer within 0\.2 s of its start \|$/m,
  )
})

test('nothing of a server stays, even where it has a session of its own', async () => {
  const file = join(base, 'left.pid')
  const leaves = fake(
    'leaves',
    '',
    `const child = require('node:child_process').spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
     require('node:fs').writeFileSync(${JSON.stringify(file)}, String(child.pid))
     process.on('SIGTERM', () => process.exit(0))`,
  )
  await runScenario(asking([leaves], 0.2), settings, '')
  const pid = Number(readFileSync(file, 'utf8'))
  await until(
    'its child to be gone',
    () => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')),
  )
})

test('a part of a turn that fails leaves the other figures; a turn that fails leaves those of the others', async () => {
  let turns = 0
  const scenario: Scenario = {
    ...asking([FINE]),
    rounds: [2, 2],
    columns: [
      { key: 'one', title: 'one' },
      { key: 'two', title: 'two' },
    ],
    async measure(running) {
      if (++turns === 2) throw new Error('was tired')
      const two = await running.attempt('two', () => Promise.reject(new Error('no | success')))
      return { one: 1, ...(two !== undefined && { two }) }
    },
  }
  const text = await runScenario(scenario, settings, '')
  assert.match(text, /^\| fine \| 1 \| – \| two: no success; 1 of 2 turns: was tired \|$/m)
})

test('a scenario without what it needs is left out', async () => {
  const begin = () => Promise.reject(new LeftOut('PyPI out of reach'))
  await assert.rejects(runScenario({ ...asking([FINE]), begin }, settings, ''), LeftOut)
})

test('idle connections: why there are fewer than asked for', async () => {
  const found: Record<string, unknown> = {}
  const crowd = (name: string, before: string): Scenario => ({
    ...asking([fake(name, '', before)]),
    async measure({ port }) {
      const { open, trouble } = await idleConnections(port, 120, 20)
      for (const socket of open) socket.destroy()
      found[name] = [open.length, trouble]
      return {}
    },
  })
  // both look at whole servers, which take what they are given to
  const closing = `const { Server } = require('node:http'); const { emit } = Server.prototype
    let count = 0
    Server.prototype.emit = function (event, ...args) {
      if (event === 'connection' && ++count > 100) return args[0].destroy()
      return emit.call(this, event, ...args)
    }`
  await runScenario(crowd('takes all', ''), settings, '')
  await runScenario(crowd('takes 100', closing), settings, '')
  assert.deepEqual(found['takes all'], [120, undefined])
  const [open, trouble] = found['takes 100'] as [number, string]
  assert.ok(open < 120)
  assert.match(trouble, /^(closed|refused) \d+ of them$/)
})
