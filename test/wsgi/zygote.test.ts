/** `WSGILazyInitialization Off`: daemon processes that are forked from one that has loaded their scripts. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { groups, isRoot, pidOf, said } from '../server/daemon-support.js'
import { findPython, type Python, usable, withNewest } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const PYTHONS = withNewest('2.7', '3.8', '3.11').map((version) => usable(findPython(version) as Python))

const APP = `
import atexit, os, random, signal, subprocess, sys, threading
LOADED_IN = os.getpid()
BULK = [str(number) for number in range(400000)]
atexit.register(lambda: sys.stderr.write('atexit in %d\\n' % os.getpid()))

def application(environ, start_response):
    start_response('200 OK', [])
    if environ['PATH_INFO'] == '/signal':
        return [repr(signal.signal(signal.SIGHUP, None)).encode('ascii')]
    if environ['PATH_INFO'] == '/program':
        look = 'import os; print([os.readlink("/proc/self/fd/" + fd) for fd in os.listdir("/proc/self/fd") if int(fd) > 2 and os.path.exists("/proc/self/fd/" + fd)])'
        return [subprocess.Popen([sys.executable, '-c', look], stdout=subprocess.PIPE, close_fds=False).communicate()[0]]
    if environ['PATH_INFO'] == '/body':
        return [environ['wsgi.input'].read()]
    return [('VERSION %d %d %r' % (LOADED_IN, os.getpid(), random.random())).encode('ascii')]
`

const CONF = `
WSGILazyInitialization Off
WSGIDaemonProcess g processes=2 threads=3
WSGIScriptAlias /main \${ROOT}/apps/app.wsgi process-group=g application-group=%{GLOBAL}
WSGIScriptAlias /sub \${ROOT}/apps/app.wsgi process-group=g`

interface Seen {
  readonly version: string
  readonly loadedIn: number
  readonly pid: number
}

async function look(server: TestServer, place = '/main'): Promise<Seen> {
  const answer = await server.get(place)
  assert.equal(answer.status, 200, answer.text)
  const [version = '', loadedIn, pid] = answer.text.split(' ')
  return { version, loadedIn: Number(loadedIn), pid: Number(pid) }
}

/** Enough at a time for each process to get some. */
function lookOften(server: TestServer): Promise<Seen[]> {
  return Promise.all(Array.from({ length: 8 }, () => look(server)))
}

/** Kilobytes of a process's memory by the kernel's names. */
function memory(pid: number, name: 'Rss' | 'Pss' | 'Private_Dirty'): number {
  return Number(
    new RegExp(`^${name}: +(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1],
  )
}

describe('WSGILazyInitialization Off', {
  skip: process.platform !== 'linux' && 'Linux only',
  concurrency: 2,
}, () => {
  for (const python of PYTHONS) {
    test(`forks processes that share their memory: Python ${python.version}`, async (t) => {
      const conf = `WSGIPythonHome ${python.home}\n${CONF}`
      const app = (word: string) => APP.replace('VERSION', word)
      await withServer({ conf, python: 'none', apps: { 'app.wsgi': app('one') } }, async (server) => {
        const first = await look(server)
        assert.notEqual(first.loadedIn, first.pid, 'loaded before the fork')
        // as many as the least busy one is asked in turn
        const seen = await until('both processes to answer', async () => {
          const answers = await lookOften(server)
          const pids = new Set(answers.map(({ pid }) => pid))
          assert.ok(answers.every(({ loadedIn }) => loadedIn === first.loadedIn))
          return pids.size === 2 ? [...pids] : undefined
        })
        for (const pid of seen) {
          const [all, own] = [memory(pid, 'Rss'), memory(pid, 'Private_Dirty')]
          assert.ok(own < all / 2, `${own} of ${all} kB are shared with nobody`)
          t.diagnostic(`${pid}: Rss ${all} kB, Pss ${memory(pid, 'Pss')} kB, Private_Dirty ${own} kB`)
        }
        const body = 'x'.repeat(300_000)
        assert.equal((await server.get('/main/body', { method: 'POST', body })).text, body)
        const kept = python.major === 2 ? /socket:/ : /socket:|progress/
        assert.doesNotMatch((await server.get('/main/program')).text, kept)
        await server.get('/main/signal')
        await server.waitForLog(/Callback registration for signal 1 ignored/)

        const sub = await look(server, '/sub')
        assert.ok(python.major === 2 || sub.loadedIn === sub.pid, 'sub-interpreters are made after the fork')

        // one that is killed is forked anew
        process.kill(first.pid, 'SIGKILL')
        await server.waitForLog(new RegExp(`pid=${first.pid}\\): Process 'g' has died: .*SIGKILL`))
        await until('a replacement', async () => {
          const answers = await lookOften(server)
          assert.ok(answers.every(({ loadedIn }) => loadedIn === first.loadedIn))
          return answers.some(({ pid }) => !seen.includes(pid))
        })

        // orderly ends run atexit functions, in the process and not in its origin
        const ending = (await look(server)).pid
        process.kill(ending, 'SIGTERM')
        await server.waitForLog(new RegExp(`atexit in ${ending}`))
        await server.waitForLog(new RegExp(`pid=${ending}\\): Process 'g' has ended`))

        // a changed script: another origin
        writeFileSync(`${server.root}/apps/app.wsgi`, app('another'))
        await until('new code in all', async () => {
          const answers = await lookOften(server)
          return (
            new Set(answers.map(({ pid }) => pid)).size === 2 &&
            answers.every(({ version, loadedIn }) => version === 'another' && loadedIn !== first.loadedIn)
          )
        })
      })
    })
  }

  test('a script that tells the server of a child that is none cannot have it killed, nor hold up its end', async () => {
    const victim = spawn('sleep', ['1000'], { stdio: 'ignore' })
    try {
      const lies = `
import array, json, os, socket, time
control = socket.socket(fileno=os.dup(3))
control.setblocking(True)
control.sendall(b'{"type":"zygote_ready"}\\n')
got = 0
while got < 3: got += len(control.recvmsg(1, socket.CMSG_SPACE(4))[1])
control.sendall(json.dumps({'type': 'forked', 'pid': ${victim.pid}}).encode() + b'\\n')
time.sleep(1000)
`
      const conf = `
WSGILazyInitialization Off
WSGIDaemonProcess g
WSGIImportScript \${ROOT}/apps/app.wsgi process-group=g application-group=%{GLOBAL}`
      await withServer({ conf, apps: { 'app.wsgi': lies } }, async (server) => {
        await server.waitForLog(/It calls process \d+ its child, which it is not, and is killed/)
      })
      assert.equal(victim.signalCode, null)
    } finally {
      victim.kill('SIGKILL')
      await once(victim, 'exit')
    }
  })

  for (const { version } of new Set([PYTHONS[0], PYTHONS.at(-1)].filter((one) => one !== undefined)))
    test(
      `options hold for forked processes: Python ${version}`,
      {
        skip: !isRoot && 'needs root',
      },
      () =>
        withServer(
          groups(
            {
              forked:
                'user=daemon group=daemon script-user=root umask=0027 memory-limit=300000000 virtual-memory-limit=2000000000 cpu-time-limit=1 stack-size=400001 graceful-timeout=1 shutdown-timeout=1',
              other: 'script-user=daemon',
            },
            { conf: 'WSGILazyInitialization Off', python: version },
          ),
          async (server) => {
            assert.equal((await server.get('/other/pid')).status, 403)
            assert.equal((await server.get('/forked/limits')).text, '300000000 2000000000 1 401408')
            const before = await pidOf(server, 'forked')
            const status = (pid: number) => readFileSync(`/proc/${pid}/status`, 'latin1')
            assert.match(status(before), /^Uid:\t1\t1\t1\t1$/m)
            assert.match(status(before), /^Gid:\t1\t1\t1\t1$/m)
            assert.match(status(before), /^Umask:\t0027$/m)
            const originOf = (pid: number) => Number(/^PPid:\t(\d+)$/m.exec(status(pid))?.[1])
            const origin = originOf(before)
            assert.match(readFileSync(`/proc/${origin}/limits`, 'latin1'), /^Max cpu time +unlimited/m)
            assert.match(status(origin), /^Uid:\t1\t1\t1\t1$/m)
            // Until the limit, the hard limit or shutdown-timeout, whichever ends it.
            assert.equal((await server.get('/forked/spin')).status, 502)
            await said(
              server,
              before,
              "Exceeded CPU time limit, waiting for requests to complete 'forked' (cpu_time_limit).",
            )
            const after = await pidOf(server, 'forked')
            assert.notEqual(after, before)
            assert.equal(originOf(after), origin, 'forked from the same one')
          },
        ),
    )
})
