/** Children that an application forks and that come back to the server: they end, and their parent goes on alone. */
import assert from 'node:assert/strict'
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
