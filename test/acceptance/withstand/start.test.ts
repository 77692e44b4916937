/** What keeps a server or a group of it from starting: the message says what is wrong, where, and what to do; what can serve does. */
import assert from 'node:assert/strict'
import { chmodSync, symlinkSync, unlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { describe, test } from 'node:test'
import { findPython, type Python, skipWithout, usable } from '../../support/pythons.js'
import { withConfiguration, withServer } from '../../support/server.js'
import { WELL, WELL_APP, WELL_FILES, whileOthersAnswer } from './meanwhile.js'

const HELLO = `
import os

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(os.getpid()).encode('ascii')]
`
const HANGS_UNTIL_GO = `
import os
import time

while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):
    time.sleep(0.01)
`
const STATIC_PYTHON = `#!/bin/sh
echo '{"version": [3, 11, 2], "libraries": ["/nowhere/libpython3.11.so"]}'
`
const apps = { 'well.wsgi': WELL_APP, 'hello.wsgi': HELLO }

describe('a server does not start', { concurrency: true }, () => {
  test('on a port that is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const conf = `Listen 127.0.0.1:${port}`
    await withConfiguration({ conf, python: 'none' }, ['-DFOREGROUND'], ({ code, stderr }) => {
      assert.equal(code, 1)
      assert.match(
        stderr,
        /Address already in use: AH00072: make_sock: could not bind to address 127\.0\.0\.1:\d+/,
      )
      assert.match(stderr, new RegExp(`:${port}\\b`))
    })
    await new Promise((resolve) => other.close(resolve))
  })

  test('without the directory of its log', async () => {
    const conf = 'ErrorLog "${ROOT}/no-such-directory/error.log"'
    await withConfiguration({ conf, python: 'none' }, ['-DFOREGROUND'], ({ code, stderr }, layout) => {
      assert.equal(code, 1)
      assert.match(stderr, /could not open error log file .*\/no-such-directory\/error\.log/)
      assert.ok(stderr.includes(`line 1 of ${layout.confFile}`), stderr)
    })
  })

  for (const [where, line] of [
    ['python-home', 'WSGIDaemonProcess lost python-home=/no/such/python'],
    ['WSGIPythonHome', 'WSGIPythonHome /no/such/python\nWSGIScriptAlias / /srv/app.wsgi'],
  ] as const)
    test(`with a ${where} that does not exist`, async () => {
      const conf = `# a comment\n${line}`
      await withConfiguration({ conf, python: 'none' }, ['-DFOREGROUND'], ({ code, stderr }, layout) => {
        assert.equal(code, 1)
        assert.ok(stderr.includes(`line 2 of ${layout.confFile}`), stderr)
        assert.match(stderr, /\/no\/such\/python does not exist/)
      })
    })
})

describe('a place does not serve, and the others do', { skip: skipWithout('3'), concurrency: true }, () => {
  test('when its Python vanishes', async () => {
    const conf = `${WELL}WSGIDaemonProcess lost python-home="\${ROOT}/python"
WSGIScriptAlias /lost "\${ROOT}/apps/hello.wsgi" process-group=lost application-group=%{GLOBAL}
`
    const { home } = usable(findPython('3') as Python)
    const prepare = ({ root }: { root: string }) => symlinkSync(home, path.join(root, 'python'))
    await withServer({ conf, apps, files: WELL_FILES, prepare }, async (server) => {
      const { text: pid } = await server.get('/lost')
      unlinkSync(path.join(server.root, 'python'))
      await whileOthersAnswer(server.port, async () => {
        process.kill(Number(pid), 'SIGKILL')
        await server.waitForLog(/'lost'.*(cannot|could not) .*start/)
        assert.equal((await server.get('/lost')).status, 503)
        // at once, and not because connect-timeout was over
        await server.waitForLog(/WSGI daemon process group 'lost' cannot be started: /)
        symlinkSync(home, path.join(server.root, 'python'))
        await server.waitForLog(/'lost' is ready[\s\S]*'lost' is ready/)
        assert.equal((await server.get('/lost')).status, 200)
      })
    })
  })

  test('while a script that is loaded in advance hangs', async () => {
    const conf = `${WELL}WSGIDaemonProcess hanging queue-timeout=1
WSGIScriptAlias /hanging "\${ROOT}/apps/hanging.wsgi" process-group=hanging application-group=%{GLOBAL}
`
    const hanging = { ...apps, 'hanging.wsgi': `${HANGS_UNTIL_GO}${HELLO}` }
    await withServer({ conf, apps: hanging, files: WELL_FILES }, async (server) => {
      await whileOthersAnswer(server.port, async () => {
        assert.equal((await server.get('/hanging')).status, 504)
        await server.waitForLog(/Queue timeout expired for WSGI daemon process 'hanging'/)
        server.write('apps/go', '')
        await server.waitForLog(/'hanging' is ready/)
        assert.equal((await server.get('/hanging')).status, 200)
      })
    })
  })

  test('when its Python cannot be embedded', async () => {
    const { home } = usable(findPython('3') as Python)
    const conf = `WSGIPythonHome "\${ROOT}/static-python"
${WELL.replace('threads=2', `threads=2 python-home="${home}"`)}WSGIScriptAlias /embedded "\${ROOT}/apps/hello.wsgi"
`
    // Answers what a Python answers that was built without a shared library.
    const files = { ...WELL_FILES, 'static-python/bin/python3': STATIC_PYTHON }
    const prepare = ({ root }: { root: string }) =>
      chmodSync(path.join(root, 'static-python/bin/python3'), 0o755)
    await withServer({ conf, apps, files, python: 'none', prepare }, async (server) => {
      await whileOthersAnswer(server.port, async () => {
        assert.equal((await server.get('/embedded')).status, 500)
        await server.waitForLog(
          /cannot be embedded .*has no shared library in \/nowhere.* install the package libpython3\.11/,
        )
      })
    })
  })

  test('when its script may not be read', async () => {
    const conf = `${WELL}WSGIDaemonProcess closed
WSGIScriptAlias /closed "\${ROOT}/apps/closed/hello.wsgi" process-group=closed
`
    const closed = { ...apps, 'closed/hello.wsgi': HELLO }
    const prepare = ({ root }: { root: string }) =>
      chmodSync(path.join(root, 'apps', 'closed', 'hello.wsgi'), 0)
    await withServer({ conf, apps: closed, files: WELL_FILES, prepare }, async (server) => {
      await whileOthersAnswer(server.port, async () => {
        const { status } = await server.get('/closed')
        assert.ok(status === 403 || status === 500, `status ${status}`)
        await server.waitForLog(
          /Permission denied.*closed\/hello\.wsgi|closed\/hello\.wsgi.*Permission denied/,
        )
      })
    })
  })
})
