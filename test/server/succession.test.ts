/** Restarts whose daemon processes start slowly or not at all, and requests that come while processes start. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { describe, test } from 'node:test'
import type { DaemonPlan } from '../../src/server/daemon-plan.js'
import { succeed } from '../../src/server/succession.js'
import { stillThere } from '../support/processes.js'
import { skipWithout } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

/** A group as far as its succession goes: `settle` is called by the test. */
function makeGroup({ startupTimeout = 0, failure = '', unloaded = [] as string[], isSettled = true } = {}) {
  let settle = () => {}
  const settled = new Promise<void>((resolve) => {
    settle = resolve
  })
  if (isSettled) settle()
  return {
    plan: { name: 'g', group: { startupTimeout } } as DaemonPlan,
    settled: () => settled,
    failures:
      failure === ''
        ? []
        : [{ group: 'g', applicationGroup: null, message: failure, brief: 'exit status 1' }],
    unloaded: new Set(unloaded),
    settle,
  }
}

const NEVER = new AbortController().signal

test('a group succeeds another where it can do what that does', async () => {
  type Options = Parameters<typeof makeGroup>[0]
  const rows: [group: Options, before: Options | undefined, refused: RegExp | undefined][] = [
    [{}, {}, undefined],
    [{}, undefined, undefined],
    [{ failure: 'no Python' }, {}, /^Error: no Python$/],
    [{ failure: 'no Python' }, undefined, /^Error: no Python$/],
    [{ failure: 'no Python' }, { failure: 'no root' }, undefined],
    [{ unloaded: ['/a'] }, {}, /^Error: Process group 'g' cannot load '\/a'; the lines before say why$/],
    [{ unloaded: ['/a'] }, { unloaded: ['/b'] }, /cannot load '\/a'/],
    [{ unloaded: ['/a'] }, { unloaded: ['/a', '/b'] }, undefined],
  ]
  for (const [group, before, refused] of rows) {
    const known = new Map(before === undefined ? [] : [['g', makeGroup(before)]])
    const result = succeed([makeGroup(group)], known, NEVER)
    await (refused === undefined ? result : assert.rejects(result, refused))
  }
})

test('a group that starts is waited for, but not for ever', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const rows: [startupTimeout: number, limit: number][] = [
    [0, 600],
    [15, 600],
    [900, 900],
  ]
  for (const [startupTimeout, limit] of rows) {
    const inTime = makeGroup({ startupTimeout, isSettled: false })
    const patient = succeed([inTime], new Map(), NEVER)
    t.mock.timers.tick(limit * 1000 - 1)
    inTime.settle()
    await patient

    const late = succeed([makeGroup({ startupTimeout, isSettled: false })], new Map(), NEVER)
    t.mock.timers.tick(limit * 1000)
    await assert.rejects(late, new RegExp(`^Error: Process group 'g' is not ready after ${limit} s$`))
  }
})

test('waiting for a group ends when nobody wants it any more', async () => {
  for (const isEarly of [true, false]) {
    const controller = new AbortController()
    const group = makeGroup({ isSettled: false })
    if (isEarly) controller.abort(new Error('enough'))
    const result = succeed([group], new Map(), controller.signal)
    controller.abort(new Error('enough'))
    await assert.rejects(result, /^Error: enough$/)
    group.settle()
  }
})

/** Waits at its import for as long as there is a file `closed`. */
const APP = `
import os, sys, time
root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.exists(root + '/closed'):
    sys.stderr.write('process %d waits\\n' % os.getpid())
while os.path.exists(root + '/closed'):
    time.sleep(0.02)
if os.path.exists(root + '/broken'):
    raise ImportError('this is broken')

def application(environ, start_response):
    sys.stderr.write('runs %s\\n' % environ['PATH_INFO'])
    start_response('200 OK', [])
    return [str(os.getpid()).encode('ascii')]
`

const conf = (options = 'threads=2', name = 'app') => `
WSGIDaemonProcess ${name} ${options}
WSGIScriptAlias / \${ROOT}/apps/app.wsgi process-group=${name} application-group=%{GLOBAL}
`

const close = (server: TestServer) => server.write('closed', '')
const open = ({ root }: TestServer) => rmSync(path.join(root, 'closed'))

/** The process that answers. */
async function pidOf(server: TestServer): Promise<number> {
  const { status, text } = await server.get('/')
  assert.equal(status, 200)
  return Number(text)
}

/** Orders a graceful restart that waits for its daemon processes; answers with the one that it waits for. */
async function restartSlowly(server: TestServer, text: string): Promise<number> {
  const said = /process (\d+) waits/g
  const count = () => [...server.errorLog().matchAll(said)].length
  const before = count()
  server.write('httpd.conf', text)
  server.signal('SIGUSR1')
  await until('a process that waits', () => count() > before)
  return Number([...server.errorLog().matchAll(said)].at(-1)?.[1])
}

const timesReady = (server: TestServer) => server.errorLog().match(/resuming normal operations/g)?.length

/** A restart is called off with those words, and everything that was there before goes on. */
async function assertKept(server: TestServer, words: RegExp, restart: () => void): Promise<void> {
  const first = await pidOf(server)
  const before = server.processes()
  const ready = timesReady(server)
  restart()
  await server.waitForLog(
    new RegExp(`core:error.*The restart is called off, and the server goes on as it was: ${words.source}`),
  )
  const pids = new Set(before.map(({ pid }) => pid))
  await until('the new processes to be gone', () => server.processes().every(({ pid }) => pids.has(pid)))
  assert.equal(stillThere(before).length, before.length)
  assert.equal(await pidOf(server), first)
  assert.equal(timesReady(server), ready)
}

describe('a graceful restart', { skip: skipWithout('3') }, () => {
  test('is called off where the processes of a changed group cannot start', () =>
    withServer({ conf: conf(), apps: { 'app.wsgi': APP } }, (server) =>
      assertKept(server, /Process group 'app' cannot start a process: .*no-such-directory/, () => {
        server.write('httpd.conf', conf('threads=2 home=/no-such-directory'))
        server.signal('SIGUSR1')
      }),
    ))

  for (const lazy of ['', 'WSGILazyInitialization Off\n'])
    test(`is called off where a changed group cannot load its script ${lazy.trim()}`, () =>
      withServer({ conf: lazy + conf(), apps: { 'app.wsgi': APP } }, async (server) => {
        await assertKept(server, /Process group 'app' cannot load '.*apps\/app.wsgi'/, () => {
          server.write('broken', '')
          server.write('httpd.conf', lazy + conf('threads=3'))
          server.signal('SIGUSR1')
        })
        await server.waitForLog(/ImportError: this is broken/)
        rmSync(path.join(server.root, 'broken'))
        const before = await pidOf(server)
        await server.reload()
        await until('a process of the new group', async () => (await pidOf(server)) !== before)
      }))

  test('is called off where a group with another name cannot take over', () =>
    withServer({ conf: conf(), apps: { 'app.wsgi': APP } }, (server) =>
      assertKept(server, /Process group 'other' cannot load/, () => {
        server.write('broken', '')
        server.write('httpd.conf', conf('threads=2', 'other'))
        server.signal('SIGUSR1')
      }),
    ))

  test('goes on where the old processes could not load the script either', () =>
    withServer({ conf: conf(), apps: { 'app.wsgi': APP }, files: { broken: '' } }, async (server) => {
      assert.equal((await server.get('/')).status, 500)
      server.write('httpd.conf', conf('threads=3'))
      await server.reload()
    }))

  test('lets the old process serve until the new one is ready', () =>
    withServer({ conf: conf(), apps: { 'app.wsgi': APP } }, async (server) => {
      const first = await pidOf(server)
      close(server)
      const second = await restartSlowly(server, conf('threads=3'))
      assert.equal(await pidOf(server), first)
      open(server)
      await until('the new process', async () => (await pidOf(server)) === second)
    }))

  for (const order of ['SIGUSR1', 'SIGHUP'] as const)
    test(`that waits gives way to ${order}`, () =>
      withServer({ conf: conf(), apps: { 'app.wsgi': APP } }, async (server) => {
        const first = await pidOf(server)
        close(server)
        const stuck = await restartSlowly(server, conf('threads=3'))
        server.write('httpd.conf', 'Redirect 307 /away http://example.org/')
        await server.reload(order)
        await server.waitForLog(/called off.*another restart has been ordered/)
        assert.equal((await server.get('/away')).status, 307)
        await until('both to be gone', () =>
          server.processes().every(({ pid }) => pid !== first && pid !== stuck),
        )
      }))

  for (const lazy of ['', 'WSGILazyInitialization Off\n'])
    for (const order of ['SIGTERM', 'SIGWINCH'] as const)
      test(`that waits ends with ${order} ${lazy.trim()}`, () =>
        withServer({ conf: lazy + conf(), apps: { 'app.wsgi': APP } }, async (server) => {
          await pidOf(server)
          close(server)
          await restartSlowly(server, lazy + conf('threads=3 graceful-timeout=1 shutdown-timeout=1'))
          server.signal(order)
          assert.equal((await server.stopped()).code, 0)
          assert.doesNotMatch(server.errorLog(), /called off/)
        }))
})

describe('the first start', { skip: skipWithout('3') }, () => {
  test('lets requests wait, whatever connect-timeout says', () =>
    withServer(
      { conf: conf('connect-timeout=0'), apps: { 'app.wsgi': APP }, files: { closed: '' } },
      async (server) => {
        const request = server.get('/')
        await server.waitForLog(/process \d+ waits/)
        open(server)
        assert.equal((await request).status, 200)
      },
    ))

  test('forgets a request whose client has gone', () =>
    withServer(
      { conf: `Redirect /away /${conf()}`, apps: { 'app.wsgi': APP }, files: { closed: '' } },
      async (server) => {
        const client = connect(server.port, '127.0.0.1')
        // the server has read both when it answers the first
        client.write(
          ['/away', '/gone'].map((place) => `GET ${place} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''),
        )
        await once(client, 'data')
        client.resetAndDestroy()
        await server.waitForLog(/GET \/gone /, 'access.log')
        open(server)
        await pidOf(server)
        assert.doesNotMatch(server.errorLog(), /runs \/gone/)
      },
    ))
})
