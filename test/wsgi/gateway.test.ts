/**
 * What the WSGI directives do to requests, on the real server with real interpreters: where they run, what is refused before any
 * application sees them, and which responses the server replaces. One server for all cases, which are rows.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, type Ask, ask, raw } from '../support/http.js'
import { withServer } from '../support/server.js'

const APPLICATION = `
def application(environ, start_response):
    what = environ['PATH_INFO']
    if what.startswith('/to/'):
        start_response('200 OK', [('Location', what[3:]), ('Set-Cookie', 'kept=1'), ('X-Dropped', '1')])
        return [b'body of the first']
    if what == '/loop':
        start_response('200 OK', [('Location', '/daemon/loop')])
        return [b'']
    if what == '/fails':
        start_response('404 Mine', [('Content-Type', 'text/plain'), ('WWW-Authenticate', 'X'), ('X-Own', '1')])
        return [b'own page']
    body = environ['wsgi.input'].read()
    facts = ['%s=%s' % (key, environ.get(key)) for key in (
        'REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'CONTENT_LENGTH', 'HTTP_AUTHORIZATION', 'REDIRECT_URL', 'REQUEST_URI',
        'mod_wsgi.process_group', 'mod_wsgi.application_group', 'mod_wsgi.callable_object', 'mod_wsgi.input_chunked')]
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('\\n'.join(facts + ['body=%d' % len(body)])).encode('latin-1')]

def other(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'the other callable']
`

const HANDLER = `
def handle_request(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%(SCRIPT_FILENAME)s %(mod_wsgi.request_handler)s' % environ).encode('latin-1')]
`

const CONF = `
WSGIDaemonProcess one threads=2
WSGIDaemonProcess two threads=2
WSGIHandlerScript shout \${ROOT}/apps/handler.py process-group=one application-group=%{GLOBAL}
AddHandler shout .shout
ErrorDocument 404 "the server's page"

WSGIScriptAlias /embedded \${ROOT}/apps/app.wsgi
WSGIScriptAlias /daemon \${ROOT}/apps/app.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /other \${ROOT}/apps/app.wsgi process-group=one callable-object=other
WSGIScriptAlias /missing \${ROOT}/apps/app.wsgi process-group=one callable-object=nowhere
WSGIScriptAlias /pass \${ROOT}/apps/app.wsgi process-group=one pass-authorization=On
WSGIScriptAlias /variable \${ROOT}/apps/app.wsgi process-group=%{ENV:GROUP} application-group=%{GLOBAL}
WSGIScriptAlias /unknown \${ROOT}/apps/app.wsgi process-group=nobody
WSGIScriptAlias /nofile \${ROOT}/apps/nofile.wsgi process-group=one
WSGIScriptAlias /folder \${ROOT}/apps process-group=one
WSGIScriptAlias /restricted \${ROOT}/apps/app.wsgi process-group=two
WSGIScriptAlias /override \${ROOT}/apps/app.wsgi process-group=one
WSGIScriptAlias /override-embedded \${ROOT}/apps/app.wsgi
WSGIScriptAlias /chunked \${ROOT}/apps/app.wsgi process-group=one
WSGIScriptAlias /exact \${ROOT}/apps/app.wsgi process-group=one
WSGIScriptAlias /headget \${ROOT}/apps/app.wsgi process-group=one
<Location /variable>
  SetEnv GROUP two
</Location>
<Location /restricted>
  WSGIRestrictProcess one
</Location>
<Location ~ "^/override">
  WSGIErrorOverride On
</Location>
<Location /chunked>
  WSGIChunkedRequest On
  LimitRequestBody 100000
</Location>
<Location /exact>
  AcceptPathInfo Off
</Location>
<Location /byhandler>
  SetHandler wsgi-script
</Location>
`

interface Row {
  readonly name: string
  readonly path: string
  readonly ask?: Ask
  readonly status: number
  /** Each must be in the body. */
  readonly has?: readonly string[]
  readonly lacks?: readonly string[]
  readonly log?: RegExp
  readonly also?: (answer: Answer) => void
}

const CHUNKED = { 'Transfer-Encoding': 'chunked' }
const BASIC = { Authorization: 'Basic YTpi' }

const rows: readonly Row[] = [
  {
    name: 'embedded, in a sub-interpreter named after the mount',
    path: '/embedded/x',
    status: 200,
    has: ['process_group=\n', '|/embedded\n', 'PATH_INFO=/x'],
  },
  {
    name: 'in the group and interpreter that the alias names',
    path: '/daemon',
    status: 200,
    has: ['process_group=one', 'application_group=\n', 'callable_object=application'],
  },
  { name: 'callable-object', path: '/other', status: 200, has: ['the other callable'] },
  {
    name: 'a callable that is not there',
    path: '/missing',
    status: 500,
    log: /does not contain WSGI application 'nowhere'/,
  },
  {
    name: 'Authorization is held back',
    path: '/daemon',
    ask: { headers: BASIC },
    status: 200,
    has: ['HTTP_AUTHORIZATION=None'],
  },
  {
    name: 'pass-authorization',
    path: '/pass',
    ask: { headers: BASIC },
    status: 200,
    has: ['HTTP_AUTHORIZATION=Basic YTpi'],
  },
  { name: 'a process group out of a variable', path: '/variable', status: 200, has: ['process_group=two'] },
  {
    name: 'an unknown process group',
    path: '/unknown',
    status: 500,
    log: /No WSGI daemon process called 'nobody'/,
  },
  {
    name: 'a script that is not there',
    path: '/nofile',
    status: 404,
    log: /Target WSGI script not found or unable to stat: .*nofile/,
  },
  {
    name: 'a directory',
    path: '/folder/',
    status: 403,
    log: /Attempt to invoke directory as WSGI application/,
  },
  {
    name: 'WSGIRestrictProcess',
    path: '/restricted',
    status: 500,
    log: /'two' cannot be accessed by this WSGI application/,
  },
  {
    name: 'a handler without ExecCGI',
    path: '/byhandler/app.wsgi',
    status: 403,
    log: /Options ExecCGI is off/,
  },
  { name: 'AcceptPathInfo Off', path: '/exact/more', status: 404, log: /AcceptPathInfo off/ },
  { name: 'AcceptPathInfo Off, nothing after the script', path: '/exact', status: 200 },
  { name: 'WSGIHandlerScript', path: '/page.shout', status: 200, has: ['page.shout shout'] },
  {
    name: 'a chunked body without WSGIChunkedRequest',
    path: '/daemon',
    ask: { method: 'POST', headers: CHUNKED },
    status: 411,
    log: /WSGIChunkedRequest On/,
  },
  {
    name: 'an internal redirect',
    path: '/daemon/to/hello.txt',
    status: 200,
    has: ['static file'],
    lacks: ['first'],
    also: ({ headers }) => {
      assert.equal(headers.location, undefined)
      assert.deepEqual(headers['set-cookie'], ['kept=1'])
      assert.equal(headers['x-dropped'], undefined)
    },
  },
  {
    name: 'a redirect to what is not there',
    path: '/daemon/to/other-mount',
    ask: { method: 'POST', body: 'abc' },
    status: 404,
  },
  {
    name: 'the target of a redirected POST sees GET and no body',
    path: '/daemon/to/embedded/t',
    ask: { method: 'POST', body: 'abc' },
    status: 200,
    has: [
      'REQUEST_METHOD=GET',
      'body=0',
      'REDIRECT_URL=/daemon/to/embedded/t',
      'REQUEST_URI=/daemon/to/embedded/t',
    ],
  },
  { name: 'a chain of redirects', path: '/daemon/to/daemon/to/daemon/to', status: 200 },
  {
    name: 'a redirect to itself ends',
    path: '/daemon/loop',
    status: 500,
    log: /AH00124: Request exceeded the limit of 10 internal redirects/,
  },
  {
    name: 'no internal redirect in embedded mode',
    path: '/embedded/to/hello.txt',
    status: 200,
    has: ['body of the first'],
    also: ({ headers }) => assert.equal(headers.location, '/hello.txt'),
  },
  {
    name: "an application's own error page",
    path: '/daemon/fails',
    status: 404,
    has: ['own page'],
    also: ({ reason }) => assert.equal(reason, 'Mine'),
  },
  {
    name: 'WSGIErrorOverride',
    path: '/override/fails',
    status: 404,
    has: ["the server's page"],
    lacks: ['own page'],
    also: ({ headers }) => {
      assert.equal(headers['www-authenticate'], 'X')
      assert.equal(headers['x-own'], undefined)
    },
  },
  {
    name: 'WSGIErrorOverride has no say in embedded mode',
    path: '/override-embedded/fails',
    status: 404,
    has: ['own page'],
  },
  {
    name: 'no Content-Length is invented',
    path: '/daemon',
    status: 200,
    also: ({ headers }) => {
      assert.equal(headers['content-length'], undefined)
      assert.equal(headers['transfer-encoding'], 'chunked')
    },
  },
  {
    name: 'nor for HEAD',
    path: '/daemon',
    ask: { method: 'HEAD' },
    status: 200,
    also: ({ headers, text }) => {
      assert.equal(headers['content-length'], undefined)
      assert.equal(text, '')
    },
  },
  {
    name: 'a body over LimitRequestBody',
    path: '/chunked',
    ask: { method: 'POST', body: 'x'.repeat(100_001) },
    status: 413,
  },
]

test('WSGI directives', async (t) => {
  await withServer(
    {
      conf: CONF,
      apps: { 'app.wsgi': APPLICATION, 'handler.py': HANDLER },
      files: {
        'htdocs/hello.txt': 'static file',
        'htdocs/page.shout': '',
        'htdocs/byhandler/app.wsgi': APPLICATION,
      },
    },
    async (server) => {
      for (const row of rows) {
        await t.test(row.name, async () => {
          const answer = await ask(server.port, row.path, row.ask)
          assert.equal(answer.status, row.status, answer.text)
          for (const text of row.has ?? [])
            assert.ok(answer.text.includes(text), `${text} is not in\n${answer.text}`)
          for (const text of row.lacks ?? []) assert.ok(!answer.text.includes(text), answer.text)
          row.also?.(answer)
          if (row.log) await server.waitForLog(row.log)
        })
      }
      await t.test('a chunked body is delivered without CONTENT_LENGTH', async () => {
        const chunk = 'x'.repeat(35_000)
        const answer = await raw(
          server.port,
          `POST /chunked HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n` +
            `${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(2) +
            '0\r\n\r\n',
        )
        assert.match(answer, /^HTTP\/1\.1 200 /)
        for (const text of ['CONTENT_LENGTH=None', 'body=70000', 'input_chunked=1'])
          assert.ok(answer.includes(text), answer)
      })
    },
  )
})

test('WSGIRestrictEmbedded refuses embedded applications, and WSGIMapHEADToGET shows HEAD as GET', async () => {
  await withServer(
    {
      conf: 'WSGIRestrictEmbedded On\nWSGIMapHEADToGET On\nWSGIDaemonProcess g\nWSGIScriptAlias /e ${ROOT}/apps/a.wsgi\nWSGIScriptAlias /d ${ROOT}/apps/a.wsgi process-group=g\n<Location /d/off>\nWSGIMapHEADToGET off\n</Location>\n<Location /d/auto>\nWSGIMapHEADToGET Auto\n</Location>\n',
      apps: {
        'a.wsgi':
          "def application(e, s):\n    s('200 OK', [('X-Method', e['REQUEST_METHOD'])])\n    return [b'body']\n",
      },
    },
    async (server) => {
      assert.equal((await ask(server.port, '/e')).status, 500)
      await server.waitForLog(/Embedded mode of mod_wsgi disabled by runtime configuration/)
      // Nothing here needs the body of a HEAD response, so Auto shows the method as it is.
      for (const [place, method] of Object.entries({ '/d': 'GET', '/d/off': 'HEAD', '/d/auto': 'HEAD' })) {
        const answer = await raw(
          server.port,
          `HEAD ${place} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
        )
        assert.match(answer, new RegExp(`^X-Method: ${method}\\r$`, 'm'))
        assert.match(answer, /\r\n\r\n$/, 'no body')
      }
    },
  )
})
