/** Scripts and directories whose names are not ASCII: the same for what is loaded before the first request as for what requests name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPython, type Python, usable, withNewest } from '../support/pythons.js'
import { withServer } from '../support/server.js'

const PYTHONS = withNewest('2.7', '3.6').map((version) => usable(findPython(version) as Python))

const APP = `# -*- coding: utf-8 -*-
import helper
loads = []

def application(environ, start_response):
    loads.append(1)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [helper.WORD + ('%d' % len(loads)).encode('ascii')]
`

for (const python of PYTHONS) {
  const { version, home, sharedLibrary } = python
  test(`Python ${version}: names beyond ASCII`, async () => {
    const daemon = `
WSGIDaemonProcess one python-home=${home} python-path=\${ROOT}/apps/m\u00f6dules
WSGIScriptAlias /daemon \${ROOT}/apps/\u00e4pp.wsgi process-group=one application-group=%{GLOBAL}
`
    const embedded = `
WSGIPythonHome ${home}
WSGIPythonPath \${ROOT}/apps/m\u00f6dules
WSGIScriptAlias /embedded \${ROOT}/apps/\u00e4pp.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}
`
    const apps = { '\u00e4pp.wsgi': APP, 'm\u00f6dules/helper.py': "WORD = b'found '\n" }
    const conf = `StartServers 1\n${daemon}${sharedLibrary === undefined ? '' : embedded}`
    await withServer({ conf, apps }, async (server) => {
      const answers = async (place: string) => [
        (await server.get(place)).text,
        (await server.get(place)).text,
      ]
      // one module, whoever has loaded it
      assert.deepEqual(await answers('/daemon'), ['found 1', 'found 2'])
      if (sharedLibrary !== undefined) assert.deepEqual(await answers('/embedded'), ['found 1', 'found 2'])
      assert.doesNotMatch(server.errorLog(), /cannot be loaded/)
    })
  })
}
