/** SIGQUIT changes nothing: it shows what Python is doing. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { findPython, findPythons } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

/** Waits in a function of its own until a file is there, beside a thread of its own that waits for ever. */
const APP = `import os, threading, time

def wait_for_news(path):
    while not os.path.exists(path):
        time.sleep(0.01)

def rest():
    threading.Event().wait()

ticker = threading.Thread(target=rest, name='ticker')
ticker.daemon = True
ticker.start()

def application(environ, start_response):
    if environ['PATH_INFO'] == '/wait':
        environ['wsgi.errors'].write('begun\\n')
        wait_for_news(os.path.join(os.path.dirname(__file__), 'news'))
    start_response('200 OK', [])
    return [('%d %s' % (os.getpid(), environ['mod_wsgi.application_group'])).encode('ascii')]
`

const VERSIONS = ['2.7', '3.8', '3.11', '3.13'].filter((version) => findPython(version) !== undefined)

function count(server: TestServer, pattern: RegExp): number {
  return server.errorLog().match(pattern)?.length ?? 0
}

async function showsStacks(server: TestServer, groups: readonly string[]): Promise<void> {
  const waiting = groups.map((group) => server.get(`/${group}/wait?x=1`))
  for (const one of waiting) one.catch(() => {}) // what has gone wrong before tells more
  await until('the applications to wait', () => count(server, /begun$/gm) === groups.length)
  server.signal('SIGQUIT')
  await until(
    'the stacks of all requests',
    () => count(server, /\d+ of \d+ threads wait for requests\.$/gm) === groups.length,
  )
  const log = server.errorLog()
  assert.match(log, /:notice\].* SIGQUIT received\. {2}Python stacks of all threads follow/)
  for (const group of groups)
    assert.match(
      log,
      new RegExp(
        `:notice\\].*Thread \\d+ has run GET /${group}/wait for \\d+\\.\\d s, script '.*app\\.wsgi':$`,
        'm',
      ),
    )
  for (const line of [
    /, in application/,
    /, in wait_for_news/,
    /Thread 'ticker' runs no request:/,
    /, in rest/,
  ])
    assert.equal(count(server, new RegExp(`:notice\\].*${line.source}$`, 'gm')), groups.length, line.source)
  writeFileSync(path.join(server.root, 'apps', 'news'), '')
  const answers = await Promise.all(waiting)
  for (const { status } of answers) assert.equal(status, 200)
  const now = await Promise.all(groups.map((group) => server.get(`/${group}/`)))
  assert.deepEqual(
    now.map(({ text }) => text),
    answers.map(({ text }) => text),
    'nothing else has happened',
  )
}

for (const version of VERSIONS)
  test(`SIGQUIT: daemon processes log the stacks of their threads; Python ${version}`, () =>
    withServer(
      {
        python: version,
        conf: `LogLevel warn
WSGIDaemonProcess a threads=3
WSGIProcessGroup a
WSGIScriptAlias /main \${ROOT}/apps/app.wsgi process-group=a application-group=%{GLOBAL}
WSGIScriptAlias /other \${ROOT}/apps/app.wsgi process-group=a application-group=other`,
        apps: { 'app.wsgi': APP },
      },
      async (server) => {
        await showsStacks(server, ['main', 'other'])
        assert.match(server.errorLog(), /Python stacks of process group 'a', application group '':$/m)
      },
    ))

test(
  'SIGQUIT: embedded interpreters log the stacks of their threads, too',
  {
    skip:
      findPythons().every(({ sharedLibrary }) => sharedLibrary === undefined) && 'no Python can be embedded',
  },
  () =>
    withServer(
      {
        conf: `StartServers 1
WSGIScriptAlias /main \${ROOT}/apps/app.wsgi application-group=%{GLOBAL}`,
        apps: { 'app.wsgi': APP },
      },
      (server) => showsStacks(server, ['main']),
    ),
)
