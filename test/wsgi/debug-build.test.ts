/**
 * A Python that was built with `--with-pydebug` aborts where its thread states are misused. Such a build is rarely there: this runs where one is among
 * the Pythons found (`WSGI_HTTPD_TEST_PYTHONS` names more).
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { findPythons, usable } from '../support/pythons.js'
import { withServer } from '../support/server.js'

const debug = findPythons().findLast(
  ({ executable }) => spawnSync(executable, ['-c', 'import sys; sys.gettotalrefcount()']).status === 0,
)

const APPLICATION = `
import sys, threading
import mod_wsgi
sys.gettotalrefcount()
local = threading.local()
def told(name, **event):
    pass
mod_wsgi.subscribe_events(told)
def application(environ, start_response):
    local.count = getattr(local, 'count', 0) + 1
    if environ['QUERY_STRING'] == 'raise':
        raise ValueError('on purpose')
    body = environ['wsgi.input'].read()
    def blocks():
        yield b'one '
        yield body
    start_response('200 OK', [])
    return blocks()
def check_password(environ, user, password):
    return True
`

test('a debug build of Python does not abort: requests, exceptions, hooks, threads, sub-interpreters, the end', {
  skip: debug === undefined && 'no Python built with --with-pydebug on this machine',
}, async () => {
  const home = debug === undefined ? '' : usable(debug).home
  const mounts = ['main', 'sub'].map((group) => {
    const name = group === 'main' ? '%{GLOBAL}' : 'another'
    return `WSGIScriptAlias /d/${group} \${ROOT}/apps/a.wsgi process-group=d application-group=${name}
WSGIScriptAlias /e/${group} \${ROOT}/apps/a.wsgi application-group=${name}`
  })
  const conf = `WSGIPythonHome "${home}"
WSGIDaemonProcess d threads=4 processes=1
${mounts.join('\n')}
<Location /e/sub>
  AuthType Basic
  AuthName realm
  AuthBasicProvider wsgi
  WSGIAuthUserScript \${ROOT}/apps/a.wsgi
  Require valid-user
</Location>
# \${PORT}`
  await withServer({ conf, python: 'none', apps: { 'a.wsgi': APPLICATION } }, async (server) => {
    const headers = { Authorization: `Basic ${Buffer.from('me:secret').toString('base64')}` }
    for (const place of ['/d/main', '/d/sub', '/e/main', '/e/sub']) {
      const body = 'x'.repeat(200_000)
      const asked = Array.from({ length: 8 }, () => server.get(place, { method: 'POST', body, headers }))
      for (const answer of await Promise.all(asked)) assert.equal(answer.text, `one ${body}`)
      assert.equal((await server.get(`${place}?raise`, { headers })).status, 500)
    }
    await server.stop()
    assert.doesNotMatch(server.errorLog(), /Fatal Python error|Assertion .* failed/)
  })
})
