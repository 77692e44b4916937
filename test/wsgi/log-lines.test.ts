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

const WHO = `
import os, threading
def application(environ, start_response):
    environ['wsgi.errors'].write('said in a request by %d\\n' % os.getpid())
    thread = threading.Thread(target=lambda: print('said beside it by %d' % os.getpid()))
    thread.start()
    thread.join()
    start_response('200 OK', [])
    return [b'ok']
`

test('lines of applications bear the number of their process', { skip }, () =>
  withServer(
    {
      conf: `StartServers 1
WSGIDaemonProcess group
WSGIScriptAlias /embedded \${ROOT}/apps/a.wsgi application-group=%{GLOBAL}
WSGIScriptAlias /daemon \${ROOT}/apps/a.wsgi process-group=group application-group=%{GLOBAL}`,
      apps: { 'a.wsgi': WHO },
    },
    async (server) => {
      await server.get('/daemon')
      const [, daemon] = await server.waitForLog(
        /\[pid (\d+):tid \d+\] \[client .* said in a request by \1$/m,
      )
      await server.waitForLog(new RegExp(`\\[pid ${daemon}:tid .* said beside it by ${daemon}$`, 'm'))
      await server.get('/embedded')
      await server.waitForLog(
        new RegExp(`\\[pid ((?!${daemon}:)\\d+):tid \\d+\\] \\[client .* said in a request by \\1$`, 'm'),
      )
    },
  ),
)

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
