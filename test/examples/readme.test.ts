import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPython, skipWithout, usable } from '../support/pythons.js'
import { withServer } from '../support/server.js'

const VERSION = `
import sys
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%d.%d in %s' % (sys.version_info[0], sys.version_info[1], environ['mod_wsgi.process_group'])).encode()]
`

test('several Pythons in one server', { skip: skipWithout('2.7') || skipWithout('3') }, async () => {
  const homes = ['2.7', '3'].map((version) => {
    const python = findPython(version)
    return python && usable(python)
  })
  const conf = `
WSGIDaemonProcess legacy  python-home="${homes[0]?.home}" threads=5
WSGIDaemonProcess current python-home="${homes[1]?.home}" processes=2 threads=10

WSGIScriptAlias /legacy "\${ROOT}/apps/a.wsgi" process-group=legacy  application-group=%{GLOBAL}
WSGIScriptAlias /       "\${ROOT}/apps/a.wsgi" process-group=current application-group=%{GLOBAL}
`
  await withServer({ conf, apps: { 'a.wsgi': VERSION } }, async (server) => {
    assert.equal((await server.get('/legacy')).text, '2.7 in legacy')
    assert.equal((await server.get('/')).text, `3.${homes[1]?.minor} in current`)
  })
})
