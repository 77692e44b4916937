/** Application groups of embedded Python: interpreters of their own in the server worker, or, where Python has none, processes of their own beside it. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { describe, test } from 'node:test'
import { findPython, withNewest } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'

const APP = `
import atexit, os, sys, threading
import mod_wsgi
local = threading.local()
VERSION = 1
sys.stderr.write('loaded %s in %s\\n' % (__file__.split('/')[-1], mod_wsgi.application_group))
atexit.register(lambda: os.write(2, ('atexit of %r\\n' % mod_wsgi.application_group).encode()))

def application(environ, start_response):
    local.count = getattr(local, 'count', 0) + 1
    start_response('200 OK', [])
    if environ['PATH_INFO'] == '/die':
        os.kill(os.getpid(), 9)
    if environ['PATH_INFO'] == '/body':
        return [environ['wsgi.input'].read()]
    return [('%d %d %s %s|%s|%s' % (os.getpid(), local.count, VERSION, environ['mod_wsgi.process_group'],
            environ['mod_wsgi.application_group'], mod_wsgi.application_group)).encode()]
`

const CONF = `
WSGIHttpdApplicationGroupLimit 1
ThreadsPerChild 1
WSGIScriptAlias /main \${ROOT}/apps/app.wsgi application-group=%{GLOBAL}
WSGIScriptAlias /one \${ROOT}/apps/app.wsgi application-group=one
WSGIScriptAlias /two \${ROOT}/apps/app.wsgi application-group=two
WSGIScriptAlias /host \${ROOT}/apps/app.wsgi application-group=%{HOST}
WSGIScriptAlias /early \${ROOT}/apps/early.wsgi process-group=%{GLOBAL} application-group=early
<Location /one>
    WSGIAccessScript \${ROOT}/apps/access.py application-group=hooks
</Location>`

const ACCESS = `
import mod_wsgi
def allow_access(environ, host):
    environ['wsgi.errors'].write('hook in %s\\n' % mod_wsgi.application_group)
    return 'HTTP_X_NO' not in environ
`

interface Seen {
  readonly pid: number
  readonly count: number
  readonly version: string
  readonly groups: string
}

async function look(server: TestServer, place: string, host?: string): Promise<Seen> {
  const answer = await server.get(place, host === undefined ? {} : { headers: { Host: host } })
  assert.equal(answer.status, 200, answer.text)
  const [pid, count, version = '', ...groups] = answer.text.split(' ')
  return { pid: Number(pid), count: Number(count), version, groups: groups.join(' ') }
}

/** Of 2.7, 3.6 and 3.7, what can be embedded on this machine, and one with sub-interpreters. */
const VERSIONS = withNewest('2.7', '3.6', '3.7', '3.8').filter(
  (version) => findPython(version)?.sharedLibrary !== undefined,
)

describe('application groups of embedded Python', { concurrency: 2 }, () => {
  for (const version of VERSIONS)
    test(`Python ${version}`, () =>
      withServer(
        {
          python: version,
          args: ['-X'],
          conf: CONF,
          apps: { 'app.wsgi': APP, 'early.wsgi': APP, 'access.py': ACCESS },
        },
        (server) => visit(server, !['2.7', '3.6', '3.7'].includes(version)),
      ))
})

async function visit(server: TestServer, hasSubinterpreters: boolean): Promise<void> {
  await server.waitForLog(/loaded early\.wsgi in early/)
  const { pid: worker } = await look(server, '/main')
  const [one, two] = [await look(server, '/one'), await look(server, '/two')]
  assert.equal(new Set([worker, one.pid, two.pid]).size, hasSubinterpreters ? 1 : 3)
  assert.deepEqual([one.groups, two.groups], ['|one|one', '|two|two'])
  await server.waitForLog(/hook in hooks/)
  assert.equal((await server.get('/one', { headers: { 'X-No': '1' } })).status, 403)
  assert.deepEqual([(await look(server, '/one')).count, (await look(server, '/one')).count], [2, 3])
  assert.equal((await look(server, '/two')).count, 2)
  const body = 'x'.repeat(300_000)
  assert.equal((await server.get('/two/body', { method: 'POST', body })).text, body)

  assert.equal((await look(server, '/host', 'a.test')).groups.split('|')[1]?.split(':')[0], 'a.test')
  assert.equal((await server.get('/host', { headers: { Host: 'b.test' } })).status, 503)
  await server.waitForLog(/Cannot acquire interpreter 'b\.test:\d+': .*WSGIHttpdApplicationGroupLimit/)

  // Embedded Python loads a changed script anew, in the process that is there.
  server.layout.write('apps/app.wsgi', APP.replace('VERSION = 1', 'VERSION = 22'))
  const again = await look(server, '/one')
  assert.deepEqual([again.pid, again.version], [one.pid, '22'])
  if (!hasSubinterpreters) await processesBeside(server, two.pid)
}

/** What such a process holds open, and what follows on its end. */
async function processesBeside(server: TestServer, pid: number): Promise<void> {
  const tcp = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`)
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      return []
    }
  })
  assert.deepEqual(
    links.filter((link) => tcp.includes(link) || link.endsWith('access.log')),
    [],
    'neither a TCP socket nor a log that is none of its business',
  )
  assert.equal((await server.get('/two/die')).status, 502)
  await server.waitForLog(
    new RegExp(
      `\\(pid=${pid}\\): The Python process for application group 'two' .* has ended: killed by signal SIGKILL`,
    ),
  )
  const next = await look(server, '/two')
  assert.notEqual(next.pid, pid)
  process.kill(next.pid, 'SIGTERM')
  await server.waitForLog(/atexit of 'two'/)
  await server.waitForLog(new RegExp(`\\(pid=${next.pid}\\): The Python process .* has ended: exit status 0`))
  assert.notEqual((await look(server, '/two')).pid, next.pid)
  process.kill((await look(server, '/main')).pid, 'SIGKILL')
  const { pid: successor } = await look(server, '/two')
  assert.notEqual(successor, next.pid)
}
