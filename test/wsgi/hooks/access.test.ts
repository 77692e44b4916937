/**
 * `WSGIAccessScript` and `WSGIDispatchScript` on the real server: what the functions are given, what their answers do, what happens
 * where they fail. One server for all cases, which are rows; once with each embeddable Python that differs in how it is embedded.
 */
import assert from 'node:assert/strict'
import { utimesSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { eachMinorVersion } from '../../support/pythons.js'
import { type TestServer, withServer } from '../../support/server.js'

const APPLICATION = `
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%(mod_wsgi.process_group)s|%(mod_wsgi.application_group)s|%(mod_wsgi.callable_object)s' % environ).encode('ascii')]

def other(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('other of %(mod_wsgi.process_group)s' % environ).encode('ascii')]
`

const ACCESS = `
import sys

def allow_access(environ, host):
    what = environ.get('QUERY_STRING')
    if what == 'token':
        return environ.get('HTTP_X_TOKEN') == 'open'
    if what == 'host':
        return host == '127.0.0.1'
    if what == 'keys':
        assert 'HTTP_AUTHORIZATION' not in environ, 'authorization'
        assert 'FOO' not in environ, 'variables'
        for key in ('wsgi.input', 'wsgi.version', 'SCRIPT_FILENAME', 'REMOTE_USER', 'wsgi_httpd.arguments', 'GATEWAY_INTERFACE'):
            assert key not in environ, key
        assert environ['HTTP_X_TOKEN'] == 'caf\\xe9', environ['HTTP_X_TOKEN']
        assert environ['mod_wsgi.process_group'] == '', 'process group'
        assert environ['mod_wsgi.application_group'] == '', 'application group'
        assert environ['PATH_INFO'] == '/more' and environ['SCRIPT_NAME'] == '/guarded', 'path'
        assert environ['REQUEST_URI'] == '/guarded/more?keys' and environ['REMOTE_ADDR'] == '127.0.0.1', 'uri'
        assert environ['mod_ssl.is_https']() is False
        assert isinstance(environ['mod_wsgi.version'], tuple)
        environ['wsgi.errors'].write('said by the hook\\n')
        return True
    if what == 'none':
        return None
    if what == 'one':
        return 1
    if what == 'raise':
        raise ValueError('raised by the hook')
    if what == 'exit':
        sys.exit(3)
    return False
`

const DISPATCH = `
def process_group(environ):
    what = environ['QUERY_STRING']
    if what == 'raise':
        raise ValueError('raised by the dispatcher')
    if what == 'number':
        return 7
    assert environ['mod_wsgi.process_group'] == ''
    assert 'mod_wsgi.callable_object' not in environ and 'wsgi.input' not in environ
    return {'two': 'two', 'variable': '%{ENV:GROUP}', 'restricted': 'three'}.get(what)

def application_group(environ):
    return environ['HTTP_X_GROUP'] if 'HTTP_X_GROUP' in environ else None

def callable_object(environ):
    return 'other' if environ['QUERY_STRING'] == 'other' else None
`

const CONF = `
WSGIRestrictEmbedded On
WSGIDaemonProcess one threads=2
WSGIDaemonProcess two threads=2
WSGIDaemonProcess three threads=2
WSGIScriptAlias /guarded \${ROOT}/apps/app.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /nofile \${ROOT}/apps/app.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /nofunction \${ROOT}/apps/app.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /dispatch/nofile \${ROOT}/apps/app.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /dispatch \${ROOT}/apps/app.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /grouped \${ROOT}/apps/app.wsgi process-group=one application-group=%{GLOBAL}
SetEnv FOO 1
<Location /guarded>
  WSGIAccessScript "\${ROOT}/apps/access.py"
  WSGIPassAuthorization On
</Location>
<Location /grouped>
  WSGIAccessScript "\${ROOT}/apps/grouped.py" application-group=hooks
</Location>
<Location /nofile>
  WSGIAccessScript \${ROOT}/apps/nofile.py
</Location>
<Location /nofunction>
  WSGIAccessScript \${ROOT}/apps/app.wsgi
</Location>
<Location /static>
  WSGIAccessScript \${ROOT}/apps/access.py
</Location>
<Location /satisfied>
  WSGIAccessScript \${ROOT}/apps/access.py
  Require all granted
  Satisfy Any
</Location>
<Location /denied>
  WSGIAccessScript \${ROOT}/apps/access.py
  Require all denied
</Location>
<Directory \${ROOT}/htdocs/ht>
  AllowOverride AuthConfig
</Directory>
<Location /dispatch>
  SetEnv GROUP two
  WSGIDispatchScript \${ROOT}/apps/dispatch.py
  WSGIRestrictProcess one two
</Location>
<Location /dispatch/nofile>
  WSGIDispatchScript \${ROOT}/apps/nofile.py
</Location>
`

interface Case {
  readonly name: string
  readonly ask: string
  readonly headers?: Readonly<Record<string, string>>
  readonly method?: string
  readonly status: number
  readonly text?: string
  readonly log?: RegExp
}

const CASES: readonly Case[] = [
  { name: 'True lets pass, by a header', ask: '/guarded?token', headers: { 'X-Token': 'open' }, status: 200 },
  {
    name: 'False refuses',
    ask: '/guarded?token',
    headers: { 'X-Token': 'shut' },
    status: 403,
    log: /Client denied by server configuration: '[^']*app\.wsgi'/,
  },
  {
    name: 'a HEAD request is asked about as well',
    ask: '/guarded?token',
    headers: { 'X-Token': 'open' },
    method: 'HEAD',
    status: 200,
    text: '',
  },
  { name: 'the host is the address where names are not looked up', ask: '/guarded?host', status: 200 },
  {
    name: 'environ is that of access control',
    ask: '/guarded/more?keys',
    headers: { Authorization: 'Basic eDp5', 'X-Token': 'caf\u00e9' },
    status: 200,
    log: /said by the hook/,
  },
  { name: 'None leaves it to others', ask: '/guarded?none', status: 200 },
  { name: 'None does not grant', ask: '/denied?none', status: 403 },
  { name: 'True does not grant what Require denies', ask: '/denied?host', status: 403 },
  {
    name: 'no number passes for True',
    ask: '/guarded?one',
    status: 403,
    log: /must be a boolean or None, not int/,
  },
  { name: 'an exception refuses', ask: '/guarded?raise', status: 403, log: /ValueError: raised by the hook/ },
  {
    name: 'SystemExit refuses',
    ask: '/guarded?exit',
    status: 403,
    log: /SystemExit exception raised by WSGI script '[^']*access\.py' ignored/,
  },
  {
    name: 'a script that is not there refuses',
    ask: '/nofile',
    status: 403,
    log: /nofile\.py' cannot be loaded/,
  },
  {
    name: 'a script without the function refuses',
    ask: '/nofunction',
    status: 403,
    log: /does not provide host validator/,
  },
  { name: 'files are guarded too', ask: '/static/file.txt?nothing', status: 403 },
  {
    name: 'files are given out where it says True',
    ask: '/static/file.txt?host',
    status: 200,
    text: 'a file',
  },
  {
    name: 'Satisfy Any lets pass who is refused by the script alone',
    ask: '/satisfied/file.txt?nothing',
    status: 200,
    text: 'a file',
  },
  { name: 'named in .htaccess, it refuses', ask: '/ht/file.txt?nothing', status: 403 },
  { name: 'named in .htaccess, it lets pass', ask: '/ht/file.txt?host', status: 200, text: 'a file' },
  { name: 'the application group of the option', ask: '/grouped', status: 200 },
  { name: 'dispatch: None keeps the configuration', ask: '/dispatch', status: 200, text: 'one||application' },
  { name: 'dispatch: the process group', ask: '/dispatch?two', status: 200, text: 'two||application' },
  {
    name: 'dispatch: what it returns is expanded',
    ask: '/dispatch?variable',
    status: 200,
    text: 'two||application',
  },
  {
    name: 'dispatch: the application group',
    ask: '/dispatch?two',
    headers: { 'X-Group': 'inner' },
    status: 200,
    text: 'two|inner|application',
  },
  { name: 'dispatch: the callable', ask: '/dispatch?other', status: 200, text: 'other of one' },
  {
    name: 'dispatch: its choice is checked',
    ask: '/dispatch?restricted',
    status: 500,
    log: /WSGI0151: Daemon process called 'three' cannot be accessed/,
  },
  {
    name: 'dispatch: an exception',
    ask: '/dispatch?raise',
    status: 500,
    log: /ValueError: raised by the dispatcher/,
  },
  {
    name: 'dispatch: no string',
    ask: '/dispatch?number',
    status: 500,
    log: /process_group\(\) of dispatch script '[^']*' must return a string or None, not int/,
  },
  {
    name: 'dispatch: a script that is not there changes nothing',
    ask: '/dispatch/nofile',
    status: 200,
    text: 'one||application',
    log: /nofile\.py' cannot be loaded/,
  },
]

const GROUPED = `
import mod_wsgi
def allow_access(environ, host):
    return mod_wsgi.application_group == 'hooks' and environ['mod_wsgi.application_group'] == 'hooks'
`

const embeddable = eachMinorVersion().filter(
  ({ major, minor, sharedLibrary }) => major === 3 && minor >= 8 && sharedLibrary !== undefined,
)
/** The oldest and the newest, and what the distribution may have between them. */
const chosen = [...new Set([embeddable[0], embeddable.find(({ minor }) => minor === 11), embeddable.at(-1)])]

describe('access and dispatch scripts', { concurrency: true }, () => {
  for (const python of chosen) {
    if (python === undefined) continue
    test(`Python ${python.version}`, async (t) => {
      const options = {
        conf: CONF,
        python: python.version,
        apps: {
          'app.wsgi': APPLICATION,
          'access.py': ACCESS,
          'grouped.py': GROUPED,
          'dispatch.py': DISPATCH,
        },
        files: {
          'htdocs/static/file.txt': 'a file',
          'htdocs/satisfied/file.txt': 'a file',
          'htdocs/denied/index.html': '',
          'htdocs/ht/.htaccess': 'WSGIAccessScript ${ROOT}/apps/access.py',
          'htdocs/ht/file.txt': 'a file',
        },
      }
      await withServer(options, async (server) => {
        for (const row of CASES) await t.test(row.name, () => check(server, row))
        await t.test('a changed script is loaded again', () => reloads(server))
      })
    })
  }
})

test("hooks and applications do not take each other's threads", async () => {
  const waits = `
import os, time
def application(environ, start_response):
    print('waiting')
    while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):
        time.sleep(0.02)
    start_response('200 OK', [])
    return [b'went on']
`
  const conf = `
ServerLimit 1
ThreadsPerChild 1
WSGIScriptAlias /waits \${ROOT}/apps/waits.wsgi
<Location /static>
  WSGIAccessScript \${ROOT}/apps/access.py
</Location>`
  const files = { 'htdocs/static/file.txt': 'a file' }
  await withServer({ conf, files, apps: { 'waits.wsgi': waits, 'access.py': ACCESS } }, async (server) => {
    assert.equal((await server.get('/static/file.txt?host')).status, 200)
    const waiting = server.get('/waits')
    await server.waitForLog(/waiting$/m)
    assert.equal((await server.get('/static/file.txt?host')).status, 200)
    server.write('apps/go', '')
    assert.equal((await waiting).text, 'went on')
  })
})

async function check(server: TestServer, row: Case): Promise<void> {
  const { ask, status, text, log, ...options } = row
  const answer = await server.get(ask, options)
  assert.equal(answer.status, status, answer.text)
  if (text !== undefined) assert.equal(answer.text, text)
  if (log !== undefined) await server.waitForLog(log)
}

async function reloads(server: TestServer): Promise<void> {
  server.write('apps/access.py', 'def allow_access(environ, host):\n    return True\n')
  utimesSync(path.join(server.root, 'apps/access.py'), 1, 1)
  assert.equal((await server.get('/guarded?nothing')).status, 200)
  await server.waitForLog(/Reloading WSGI script '[^']*access\.py'/)
}
