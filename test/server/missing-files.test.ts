/** What `-t` and the start say of files that are named for Python and are not there, or cannot be reached by who has to. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { explainPathFor } from '../../src/server/account-access.js'
import { isRoot } from '../support/cache.js'
import { findPython, type Python, usable } from '../support/pythons.js'
import { type Layout, withConfiguration, withServer } from '../support/server.js'

const HELLO = `def application(environ, start_response):
    start_response('200 OK', [])
    return [b'hello']
`
const NOBODY = { uid: 65534, gid: 65534, userName: 'nobody' }
const asRoot = { skip: !isRoot && 'needs root' }

const CONF = `WSGIDaemonProcess homeless home=/nonexistent/home
WSGIDaemonProcess a python-path=/nonexistent/lib:\${ROOT}/apps home=\${ROOT}
WSGIScriptAlias /gone \${ROOT}/apps/gone.wsgi
WSGIScriptAlias /below \${ROOT}/apps/hello.wsgi/site/
WSGIScriptAlias /all \${ROOT}/apps
WSGIScriptAliasMatch ^/(x)$ \${ROOT}/apps/$1.wsgi
WSGIScriptAlias / \${ROOT}/apps/hello.wsgi process-group=a application-group=%{GLOBAL}
<VirtualHost 127.0.0.1:\${PORT}>
</VirtualHost>
`

/** The warnings of {@link CONF}, in order. */
function expected({ root }: Layout): string[] {
  const file = path.join(root, 'httpd.conf')
  return [
    `WSGIDaemonProcess homeless: home=/nonexistent/home does not exist. No process can be started until it does. (${file}:1)`,
    `WSGIDaemonProcess a: python-path=/nonexistent/lib does not exist. (${file}:2)`,
    `WSGIScriptAlias /gone: ${root}/apps/gone.wsgi does not exist. Requests will get 404 until it does. (${file}:3)`,
  ]
}

test('-t warns of directories and scripts that are not there', () =>
  withConfiguration({ conf: CONF, apps: { 'hello.wsgi': HELLO } }, ['-t'], ({ code, stderr }, layout) => {
    const lines = expected(layout).map((line) => `wsgi-httpd: warning: ${line}\n`)
    assert.equal(stderr, `${lines.join('')}Syntax OK\n`)
    assert.equal(code, 0)
  }))

test('a server starts without them, and serves what is there', () =>
  withServer({ conf: CONF, apps: { 'hello.wsgi': HELLO } }, async (server) => {
    assert.equal((await server.get('/')).text, 'hello')
    assert.equal((await server.get('/below')).text, 'hello')
    assert.equal((await server.get('/gone')).status, 404)
    await server.reload()
    for (const line of expected(server.layout)) assert.equal(server.errorLog().split(line).length, 2, line)
  }))

test('a python-home that the group’s user cannot reach is a fault', asRoot, () => {
  const { home } = usable(findPython() as Python)
  const prepare = ({ root }: Layout) => {
    const closed = path.join(root, 'closed')
    mkdirSync(closed)
    symlinkSync(home, path.join(closed, 'python'))
    chmodSync(closed, 0o700)
  }
  const conf = 'WSGIDaemonProcess a python-home=${ROOT}/closed/python'
  return withConfiguration({ conf, prepare }, ['-t'], ({ code, stderr }, { root }) => {
    assert.equal(
      stderr,
      `AH00526: Syntax error on line 1 of ${root}/httpd.conf:\nProcess group a has no Python: user nobody (uid 65534) has no permission to search ${root}/closed (mode 0700, owner 0:0)\n`,
    )
    assert.equal(code, 1)
  })
})

test('rights of another account follow its own bits, its groups, and links', asRoot, () => {
  const root = path.join('/tmp', `wsgi-httpd-access-${process.pid}`)
  mkdirSync(root)
  try {
    chmodSync(root, 0o755)
    const open = path.join(root, 'open')
    const closed = path.join(root, 'closed')
    for (const folder of [open, closed]) mkdirSync(folder)
    chmodSync(open, 0o755)
    symlinkSync(open, path.join(closed, 'out'))
    chmodSync(closed, 0o750)
    const closedTo = /has no permission to search .*\/closed \(mode 0750, owner 0:0\)$/
    assert.equal(explainPathFor(open, 'search', NOBODY), undefined)
    assert.match(explainPathFor(path.join(closed, 'out'), 'search', NOBODY) ?? '', closedTo)
    assert.equal(explainPathFor(closed, 'search', { ...NOBODY, groups: [0] }), undefined)
    assert.equal(explainPathFor(closed, 'search', { uid: 0, gid: 0 }), undefined)
    chmodSync(closed, 0o075)
    assert.equal(explainPathFor(closed, 'search', NOBODY), undefined)
    assert.equal(explainPathFor(path.join(root, 'none'), 'search', NOBODY), undefined)
  } finally {
    rmSync(root, { recursive: true })
  }
})
