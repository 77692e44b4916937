/**
 * Processes that are killed under load, each kind once. Only what that process had in hand is lost, the error log names the signal, a
 * replacement serves, and nothing outlives the supervisor.
 */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { type Seen, stillThere } from '../../support/processes.js'
import { skipWithout } from '../../support/pythons.js'
import { runLauncher, type TestServer, withServer } from '../../support/server.js'
import { until } from '../../support/wait.js'
import { Load } from '../load.js'
import { WELL, WELL_APP, WELL_FILES, whileOthersAnswer } from './meanwhile.js'

const CLIENTS = 16
const BEFORE = 200
const THREADS = 4

const VICTIM = `
import os
import signal
import time

def application(environ, start_response):
    if environ['PATH_INFO'] == '/crash':
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(10)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%d %s' % (os.getpid(), environ['mod_wsgi.server_pid'])).encode('ascii')]
`
const apps = { 'well.wsgi': WELL_APP, 'victim.wsgi': VICTIM }
const DAEMON = `${WELL}WSGIDaemonProcess victim threads=${THREADS}
WSGIScriptAlias /victim "\${ROOT}/apps/victim.wsgi" process-group=victim application-group=%{GLOBAL}
`
const EMBEDDED = `${WELL}WSGIScriptAlias /victim "\${ROOT}/apps/victim.wsgi" application-group=%{GLOBAL}\n`

describe('under load', { skip: skipWithout('3'), concurrency: 2 }, () => {
  test('a daemon process is killed', async () => {
    await withServer({ conf: DAEMON, apps, files: WELL_FILES }, async (server) => {
      const victim = (await pids(server)).application
      const load = steadyLoad(server)
      await load.more(BEFORE)
      await whileOthersAnswer(server.port, async () => {
        process.kill(victim, 'SIGKILL')
        await server.waitForLog(new RegExp(`pid=${victim}\\).* killed by signal SIGKILL \\(9\\)`))
        await until('a new process', async () => (await pids(server)).application !== victim)
      })
      await load.more(BEFORE)
      // What its threads had begun. All else that it had been given was taken to its successor.
      await onlyLostInHand(load, /status 502/, THREADS)
    })
  })

  test('a daemon process crashes', async () => {
    await withServer({ conf: DAEMON, apps, files: WELL_FILES }, async (server) => {
      const victim = (await pids(server)).application
      await whileOthersAnswer(server.port, async () => {
        assert.equal((await server.get('/victim/crash')).status, 502)
        await server.waitForLog(new RegExp(`pid=${victim}\\).* killed by signal SIGSEGV \\(11\\)`))
        assert.notEqual((await pids(server)).application, victim)
      })
    })
  })

  test('a server worker is killed', async () => {
    await withServer({ conf: DAEMON, apps, files: WELL_FILES }, async (server) => {
      const { application, worker } = await pids(server)
      const load = steadyLoad(server)
      await load.more(BEFORE)
      process.kill(worker, 'SIGKILL')
      await server.waitForLog(new RegExp(`child pid ${worker}: killed by signal SIGKILL \\(9\\)`))
      await load.more(BEFORE)
      await onlyLostInHand(load, LOST_CONNECTION, CLIENTS)
      assert.equal((await pids(server)).application, application, 'the daemon process is the same')
    })
  })

  test('a server worker that embeds Python is killed', async () => {
    await withServer({ conf: EMBEDDED, apps, files: WELL_FILES }, async (server) => {
      const { application, worker } = await pids(server)
      assert.equal(application, worker)
      const load = steadyLoad(server)
      await load.more(BEFORE)
      process.kill(worker, 'SIGKILL')
      await server.waitForLog(new RegExp(`child pid ${worker}: killed by signal SIGKILL \\(9\\)`))
      await load.more(BEFORE)
      await onlyLostInHand(load, LOST_CONNECTION, CLIENTS)
      assert.equal((await server.get('/well')).text, 'well')
    })
  })

  test('the supervisor is killed: nothing is left', async () => {
    const conf = `${EMBEDDED}WSGIDaemonProcess more processes=2 threads=2\n`
    await withServer({ conf, apps, files: WELL_FILES }, async (server) => {
      await pids(server)
      const load = steadyLoad(server)
      await load.more(BEFORE)
      const below: readonly Seen[] = server.processes()
      assert.ok(below.length >= 4)
      server.signal('SIGKILL')
      await until('every process to be gone', () => stillThere(below).length === 0)
      await load.stop()
      await startAgain(server)
    })
  })
})

const LOST_CONNECTION = /ECONNRESET|socket hang up|EPIPE/

function steadyLoad(server: TestServer): Load {
  return new Load(server.port).get('/victim', CLIENTS, ({ body }) =>
    /^\d+ \d+$/.test(body) ? undefined : `body ${body}`,
  )
}

async function pids(server: TestServer): Promise<{ application: number; worker: number }> {
  const { status, text } = await server.get('/victim')
  assert.equal(status, 200, text)
  const [application, worker] = text.split(' ').map(Number)
  return { application: application as number, worker: worker as number }
}

/** @param most Requests that the process had in hand at most */
async function onlyLostInHand(load: Load, kind: RegExp, most: number): Promise<void> {
  await load.stop()
  assert.ok(load.failures.length <= most, `${load.failures.length} failures: ${load.failures.join('\n')}`)
  for (const failure of load.failures) assert.match(failure, kind)
}

/** Nothing that the killed server left is in the way of the next one. */
async function startAgain(server: TestServer): Promise<void> {
  const words = server.layout.arguments()
  // A process counts as dead a moment before the last of its threads has let go of the socket.
  await until('the address to be free', () => canListen(server.port))
  const started = await runLauncher([...words, '-k', 'start'])
  assert.equal(started.code, 0, started.stderr)
  try {
    await server.waitForLog(/pid file .*httpd\.pid overwritten -- Unclean shutdown of previous run/)
    assert.equal((await server.get('/well')).text, 'well')
    assert.match((await server.get('/victim')).text, /^\d+ \d+$/)
  } finally {
    await runLauncher([...words, '-k', 'stop'])
    await until('the second server to be gone', () => server.layout.read('httpd.pid') === '')
  }
}

function canListen(port: number): Promise<true> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
