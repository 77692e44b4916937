/** Children that an application forks: those that come back to the server end, and signals end them; their parent goes on alone. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { findPython, type Python, usable, withNewest } from '../support/pythons.js'
import { withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const PYTHONS = withNewest('2.7', '3.6', '3.11').map((version) => usable(findPython(version) as Python))

/** Waits for its child, and answers with the child's status and its own process. */
const APP = `
import os, sys

def blocks(kind):
    yield fork(kind)

def fork(kind):
    child = os.fork()
    if not child:
        if kind == 'exit':
            sys.exit(3)
        if kind == 'raise':
            raise ValueError('of the child')
        return b'the child'
    return ('%d %d' % (os.waitpid(child, 0)[1] >> 8, os.getpid())).encode('ascii')

def application(environ, start_response):
    kind = environ['PATH_INFO'][1:]
    start_response('200 OK', [('Content-Type', 'text/plain')])
    if kind == 'pid':
        return [('0 %d' % os.getpid()).encode('ascii')]
    if kind.startswith('late-'):
        return blocks(kind[5:])
    return [fork(kind)]
`

for (const python of PYTHONS)
  for (const embedded of [false, true])
    test(`children that come back end: Python ${python.version}, ${embedded ? 'embedded' : 'daemon'}`, async () => {
      const home = `WSGIPythonHome "${python.home}"`
      const group = 'WSGIDaemonProcess group processes=1 threads=3\nWSGIProcessGroup group'
      await withServer(
        {
          conf: `${home}\n${embedded ? 'ServerLimit 1' : group}\nWSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / "\${ROOT}/apps/fork.wsgi"`,
          apps: { 'fork.wsgi': APP },
        },
        async (server) => {
          const pid = (await server.get('/pid')).text.split(' ')[1]
          for (const [kind, status] of [
            ['exit', 3],
            ['raise', 1],
            ['return', 0],
            ['late-exit', 3],
            ['late-raise', 1],
            ['late-return', 0],
          ] as const) {
            const { status: code, text } = await server.get(`/${kind}`)
            assert.deepEqual([code, text], [200, `${status} ${pid}`], kind)
          }
          for (let again = 0; again < 10; again++) assert.equal((await server.get('/pid')).text, `0 ${pid}`)
          await until('what the child raised in the error log', () =>
            server.errorLog().includes('ValueError: of the child'),
          )
          assert.doesNotMatch(server.errorLog(), /unknown request|protocol violation|SystemExit/)
        },
      )
    })

/** Sends its child the signal that the path names, and answers with the one that ended it. */
const SIGNALLED = `
import os, signal, time

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    number = getattr(signal, environ['PATH_INFO'][1:])
    child = os.fork()
    if not child:
        end = time.time() + 60
        while time.time() < end:
            time.sleep(1)
        os._exit(0)
    time.sleep(0.1)
    os.kill(child, number)
    ended = (0, 0)
    end = time.time() + 10
    while not ended[0] and time.time() < end:
        time.sleep(0.02)
        ended = os.waitpid(child, os.WNOHANG)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return [('%d %d' % (ended[1] & 127, os.getpid())).encode('ascii')]
`

for (const python of PYTHONS)
  for (const embedded of [false, true])
    test(`signals end children: Python ${python.version}, ${embedded ? 'embedded' : 'daemon'}`, {
      skip: embedded && /^(2\.|3\.6)/.test(python.version) && 'this Python cannot tell that it has forked',
    }, async () => {
      const group = 'WSGIDaemonProcess group processes=1 threads=3\nWSGIProcessGroup group'
      await withServer(
        {
          conf: `WSGIPythonHome "${python.home}"\n${embedded ? 'ServerLimit 1' : group}\nWSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / "\${ROOT}/apps/fork.wsgi"`,
          apps: { 'fork.wsgi': SIGNALLED },
        },
        async (server) => {
          const pids = new Set<string | undefined>()
          for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const) {
            const [ended, pid] = (await server.get(`/${signal}`)).text.split(' ')
            assert.equal(Number(ended), constants.signals[signal], signal)
            pids.add(pid)
          }
          // The parent has had none of them.
          assert.equal(pids.size, 1)
          assert.doesNotMatch(server.errorLog(), /Shutdown requested|child pid/)
        },
      )
    })
