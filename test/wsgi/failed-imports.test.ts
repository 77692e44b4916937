/** A script that cannot be loaded is tried with every request, and told at length once a minute. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { runtimeMain } from '../../src/python/runtime-path.js'
import { VERSIONS } from '../server/daemon-support.js'
import { eachMinorVersion } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const BROKEN = `import no_such_module
`

const WORKING = `def application(environ, start_response):
    start_response('200 OK', [])
    return []
`

const HEADLINE = /Target WSGI script '.*app\.wsgi' cannot be loaded as Python module\./g
const TRACEBACK = /Traceback \(most recent call last\)/g

function count(server: TestServer, pattern: RegExp): number {
  return server.errorLog().match(pattern)?.length ?? 0
}

/** A request that fails for the script, and the end of what is logged of it. */
async function fails(server: TestServer, last: RegExp): Promise<void> {
  const before = count(server, last)
  assert.equal((await server.get('/a')).status, 500)
  await until(`${last} in the log`, () => count(server, last) > before)
}

for (const version of VERSIONS)
  test(`the same traceback is logged once, until the file changes: Python ${version}`, () =>
    withServer(
      {
        python: version,
        conf: `WSGIDaemonProcess a threads=2
WSGIProcessGroup a
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias /a "\${ROOT}/apps/app.wsgi"`,
        apps: { 'app.wsgi': BROKEN },
      },
      async (server) => {
        await fails(server, /\] (ImportError|ModuleNotFoundError): No module named/g)
        for (const times of [1, 2])
          await fails(
            server,
            new RegExp(
              `It fails as before, ${times} times since its traceback was logged: (ImportError|ModuleNotFoundError): `,
              'g',
            ),
          )
        assert.deepEqual([count(server, HEADLINE), count(server, TRACEBACK)], [3, 1])
        server.write('apps/app.wsgi', `\n${BROKEN}`)
        await fails(server, TRACEBACK)
        assert.deepEqual([count(server, HEADLINE), count(server, TRACEBACK)], [4, 2])
        server.write('apps/app.wsgi', WORKING)
        assert.equal((await server.get('/a')).status, 200)
      },
    ))

const REPEATS = `
import sys
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd.repeats import Repeats
repeats = Repeats()
count = repeats.count
assert [count('a', 'x', 0), count('a', 'x', 1), count('a', 'x', 59.9)] == [0, 1, 2]
assert count('b', 'x', 59.9) == 0, 'another script'
assert [count('a', 'x', 60), count('a', 'x', 61)] == [0, 1], 'a minute is over'
assert [count('a', 'y', 62), count('a', 'y', 63)] == [0, 1], 'another text'
repeats.forget('a')
assert count('a', 'y', 64) == 0, 'it has been loaded meanwhile'
`

for (const { executable, version } of eachMinorVersion())
  test(`what was told within a minute is not told again: Python ${version}`, () => {
    execFileSync(executable, ['-c', REPEATS, path.dirname(runtimeMain())])
  })
