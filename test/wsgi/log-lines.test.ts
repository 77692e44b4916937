/**
 * What an application says about a request is logged with the request's virtual host, client and log id, in both modes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findPython } from '../support/pythons.js'
import { withServer } from '../support/server.js'

const APPLICATION = `
import sys
def application(environ, start_response):
    print('said on stdout')
    sys.stderr.write('said on stderr\\n')
    environ['wsgi.errors'].write('said on errors\\n')
    start_response('200 OK', [('X-Id', environ['mod_wsgi.request_id'])])
    return [b'ok']
`

const CONF = `
ErrorLogFormat "%L %v %a %M"
WSGIDaemonProcess group
WSGIScriptAlias /embedded \${ROOT}/apps/a.wsgi application-group=%{GLOBAL}
WSGIScriptAlias /daemon \${ROOT}/apps/a.wsgi process-group=group application-group=%{GLOBAL}
<VirtualHost *:\${PORT}>
  ServerName one.example
</VirtualHost>
<VirtualHost *:\${PORT}>
  ServerName two.example
</VirtualHost>
`

const skip = findPython('3')?.sharedLibrary === undefined && 'no Python 3 to embed'

test('lines of applications bear the host, the client and the id of their request', { skip }, () =>
  withServer({ conf: CONF, apps: { 'a.wsgi': APPLICATION } }, async (server) => {
    const ids = new Set<string>()
    for (const mode of ['embedded', 'daemon'])
      for (const host of ['one.example', 'two.example']) {
        const { headers } = await server.get(`/${mode}`, { headers: { Host: host } })
        const id = String(headers['x-id'])
        ids.add(id)
        for (const stream of ['stdout', 'stderr', 'errors']) {
          const line = `${id} ${host} 127\\.0\\.0\\.1:\\d+ said on ${stream}`
          await server.waitForLog(new RegExp(`^${line}$`, 'm'))
        }
      }
    assert.equal(ids.size, 4)
  }),
)
