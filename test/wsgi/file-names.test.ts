/** Scripts and directories whose names are not ASCII: the same for what is loaded before the first request as for what requests name. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { findPython, type Python, usable, withNewest } from '../support/pythons.js'
import { withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const PYTHONS = withNewest('2.7', '3.6').map((version) => usable(findPython(version) as Python))

const APP = `# -*- coding: utf-8 -*-
import helper
loads = []

def application(environ, start_response):
    loads.append(1)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [helper.WORD + ('%d' % len(loads)).encode('ascii')]
`

test('a site whose files and programs have names beyond ASCII', async () => {
  const conf = `
DocumentRoot "\${ROOT}/htdocs/d\u00f6cs"
DefaultRuntimeDir r\u00fcn
Mutex file:\${ROOT}/r\u00fcn default
TypesConfig htdocs/t\u00ffpes
LogFormat "%U" path
CustomLog "|/bin/sh \${ROOT}/htdocs/l\u00f6g" path
CustomLog "|$cat > \${ROOT}/htdocs/sh\u00ebll.log" path
RewriteEngine On
RewriteMap mapped "prg:/bin/sh \${ROOT}/htdocs/m\u00e4p"
RewriteRule ^/map/(.*) \${mapped:$1}
<Location /closed>
  AuthType Basic
  AuthName x
  AuthUserFile "\${ROOT}/htdocs/p\u00e4ss"
  Require valid-user
</Location>
`
  const files = {
    'htdocs/d\u00f6cs/file.t\u00ebst': 'served',
    'htdocs/d\u00f6cs/closed/a.txt': 'closed',
    'htdocs/t\u00ffpes': 'x/y t\u00ebst\n',
    'htdocs/p\u00e4ss': 'user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n',
    'htdocs/m\u00e4p': 'while read name; do echo "/$name.t\u00ebst"; done\n',
    'htdocs/l\u00f6g': 'cat > ${ROOT}/htdocs/pipe.log\n',
  }
  const prepare = ({ root }: { root: string }) => mkdirSync(path.join(root, 'r\u00fcn'))
  await withServer({ conf, files, prepare }, async (server) => {
    for (const place of ['/file.t%C3%ABst', '/map/file']) {
      const { status, text, headers } = await server.get(place)
      assert.deepEqual([status, text, headers['content-type']], [200, 'served', 'x/y'], place)
    }
    assert.equal((await server.get('/closed/a.txt')).status, 401)
    const authorization = `Basic ${Buffer.from('user:password').toString('base64')}`
    const closed = await server.get('/closed/a.txt', { headers: { Authorization: authorization } })
    assert.equal(closed.text, 'closed')
    for (const log of ['pipe.log', 'sh\u00ebll.log'])
      await until(log, () =>
        /closed\/a\.txt/.test(readFileSync(path.join(server.root, 'htdocs', log), 'utf8')),
      )
  })
})

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
