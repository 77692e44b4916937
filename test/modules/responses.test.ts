/**
 * Error documents, response and request headers, variables and expiry together in a running server, with static files and an application. The
 * expectations are what Apache httpd 2.4 with mod_wsgi answers to the same requests with the same configuration.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, type Ask, type TestServer, withServer } from '../support/server.js'

/** Answers with what it was given of variables and headers, one a line. */
const APP = `
def application(environ, start_response):
    wanted = ('REDIRECT_', 'V_', 'HTTP_X', 'ERROR_', 'REQUEST_')
    keys = sorted(key for key in environ if key.startswith(wanted))
    headers = [('Content-Type', 'text/html'), ('X-App', '1'), ('X-Two', 'a'), ('X-Two', 'b'), ('Content-Language', 'de')]
    start_response('200 OK', headers)
    return [('\\n'.join('%s=%s' % (key, environ[key]) for key in keys)).encode('latin-1')]
`

const CONF = `
WSGIScriptAlias /app \${ROOT}/apps/app.wsgi
TypesConfig types
ServerAdmin me@example.org
ErrorDocument 404 "not here, sorry"
ErrorDocument 403 /err.html
ErrorDocument 410 http://other.example/gone
<Location /e>
    ExpiresDefault A5
    Require all granted
</Location>
<Location /e/app>
    ErrorDocument 404 /app/err?from=404
</Location>
<Location /e/file>
    ErrorDocument 404 /err.html
</Location>
<Location /e/denied>
    Require all denied
</Location>
<Location /e/missing>
    ErrorDocument 404 /e/none-such.html
</Location>
<Location /e/on>
    ErrorDocument 404 default
    ServerSignature On
</Location>
<Location /e/mail>
    ErrorDocument 404 default
    ServerSignature EMail
</Location>
<Location /e/word>
    ErrorDocument 404 word
</Location>
<Location /e/text>
    ErrorDocument 404 "no %{REQUEST_URI} for \\"you\\""
</Location>
<Location /e/whole>
    ErrorDocument 404 /app/x
    QualifyRedirectURL On
</Location>
Redirect gone /e/gone
SetEnvIf X-Set "(\\w+)-(\\d+)" V_one V_two=$2-$1 V_three=$0x
SetEnvIf X-Set "^$" V_missing
SetEnvIf Request_URI "\\.css$" V_css
SetEnvIf Remote_Addr "^127" V_local=yes
SetEnvIf Server_Addr . V_server=yes
SetEnvIf Request_Method POST V_post
SetEnvIf Request_Protocol "1\\.1$" V_11
SetEnvIf V_local yes V_chained=1
SetEnvIf ^X-Any.* "zz" V_regex
SetEnvIfNoCase User-Agent "MOZ" V_moz !V_11
BrowserMatch "Bad" V_bad
BrowserMatchNoCase "bAd" V_badi
SetEnv V_set "some thing"
SetEnv V_empty
<Location /app/un>
    UnsetEnv V_set
    SetEnvIf Request_URI un V_dir=1 !V_local
</Location>
Header set X-Set "v"
Header always set X-Set "always too"
Header set X-Dup one
Header add X-Dup two
Header append X-App "appended"
Header merge X-Merge "a"
Header merge X-Merge "b"
Header merge X-Merge "a"
Header setifempty X-App "never"
Header setifempty X-IfEmpty "yes"
Header unset Content-Language
Header edit X-Two ^(.)$ "<$1>"
Header edit* X-Merge , ;
Header set X-Vals "%% %{V_local}e %{NOPE}e"
Header set X-Time "%t %D"
Header set X-Env "e" env=V_css
Header set X-NotEnv "e" env=!V_css
Header set X-Expr "expr=%{REQUEST_METHOD}-%{HTTP_HOST}"
Header echo ^X-Echo
Header set X-Early "v" early
Header add Set-Cookie "x=1"
Header add Set-Cookie "y=2"
Header edit Set-Cookie ^(.*)$ "$1; Secure"
RequestHeader set X-Rset "r"
RequestHeader append X-Rapp "b"
RequestHeader merge X-Rmerge m
RequestHeader setifempty X-Rif e
RequestHeader edit X-Redit foo "[$0]"
RequestHeader edit* X-Redit2 o 0
RequestHeader unset X-Runset
RequestHeader set X-Rearly "x" early
RequestHeader set X-Renv "%{V_local}e" env=V_local
RequestHeader set X-Rlate "%{V_set}e"
<Location /a.png>
    Header set Content-Type image/x-own
    Header always unset X-Set
    Header onsuccess unset X-Dup
    Header set Cache-Control private
</Location>
<Location /app/vary>
    <If "%{HTTP_USER_AGENT} != 'x' && %{HTTP_HOST} != 'x'">
        Header set X-If yes
    </If>
</Location>
ExpiresActive On
ExpiresByType text/css "access plus 1 hour 5 minutes"
ExpiresByType image/* A60
ExpiresByType text/plain M0
ExpiresDefault "now plus 2 months"
`

const FILES = {
  types: 'text/html html\ntext/css css\ntext/plain txt\nimage/png png\n',
  'htdocs/err.html': 'err page',
  'htdocs/a.html': '<p>a</p>',
  'htdocs/a.css': 'css',
  'htdocs/a.txt': 'text',
  'htdocs/a.png': 'png',
}

/** Fields of a response, several values of one name joined by ` | `. */
function fields(answer: Answer, ...names: string[]): (string | undefined)[] {
  return names.map((name) => {
    const values: string[] = []
    for (let at = 0; at < answer.rawHeaders.length; at += 2)
      if (answer.rawHeaders[at]?.toLowerCase() === name.toLowerCase())
        values.push(answer.rawHeaders[at + 1] as string)
    return values.length === 0 ? undefined : values.join(' | ')
  })
}

test('error documents, headers, variables and expiry as httpd answers them', async (t) => {
  await withServer({ conf: CONF, files: FILES, apps: { 'app.wsgi': APP } }, async (server) => {
    await t.test('error documents in all their forms', () => errorDocuments(server))
    await t.test('response headers', () => responseHeaders(server))
    await t.test('request headers and variables, as the application sees them', () =>
      whatApplicationsSee(server),
    )
    await t.test('expiry', () => expiry(server))
  })
})

async function errorDocuments(server: TestServer): Promise<void> {
  const rows: [path: string, status: number, body: string | RegExp][] = [
    ['/nope', 404, 'not here, sorry'],
    ['/e/file/x', 404, 'err page'],
    ['/e/denied', 403, 'err page'],
    ['/e/word/x', 404, 'word'],
    ['/e/text/x', 404, 'no /e/text/x for "you"'],
    ['/e/missing/x', 404, /<title>404 Not Found<\/title>[^]*could not be shown either: 404/],
    ['/e/on/x', 404, /<address>wsgi-httpd\S* \S+ Server at localhost Port \d+<\/address>/],
    ['/e/mail/x', 404, /Server at <a href="mailto:me@example.org">localhost<\/a> Port \d+<\/address>/],
  ]
  for (const [path, status, body] of rows) {
    const answer = await server.get(path)
    assert.equal(answer.status, status, path)
    if (typeof body === 'string') assert.equal(answer.text, body, path)
    else assert.match(answer.text, body, path)
  }
  const gone = await server.get('/e/gone')
  assert.deepEqual([gone.status, ...fields(gone, 'Location')], [302, 'http://other.example/gone'])
  // a script sets the status itself; it is told what happened
  const script = await server.get('/e/app/x?a=b', { method: 'POST', body: '' })
  assert.equal(script.status, 200)
  const told = script.text
    .split('\n')
    .filter((line) => /^(REDIRECT_(REQ|STA|URL|QUE)|REQUEST_[MU])/.test(line))
  assert.deepEqual(told, [
    'REDIRECT_QUERY_STRING=a=b',
    'REDIRECT_REQUEST_METHOD=POST',
    'REDIRECT_STATUS=404',
    'REDIRECT_URL=/e/app/x',
    'REQUEST_METHOD=GET',
    'REQUEST_URI=/e/app/x?a=b',
  ])
  assert.match(script.text, /^REDIRECT_V_local=yes$/m)
  assert.deepEqual(fields(script, 'Expires', 'Cache-Control', 'X-Early'), [undefined, undefined, 'v'])
  assert.match(
    (await server.get('/e/whole/x?y')).text,
    /^REDIRECT_URL=http:\/\/localhost(:\d+)?\/e\/whole\/x\?y$/m,
  )
}

async function responseHeaders(server: TestServer): Promise<void> {
  const file = await server.get('/a.html', { headers: { 'X-Echo-1': 'hi', 'X-Echo-2': 'ho' } })
  const app = await server.get('/app')
  for (const [name, ofFile, ofApp] of [
    ['X-Set', 'always too | v', 'always too | v'],
    ['X-Dup', 'one | two', 'one | two'],
    ['X-App', 'appended', '1, appended'],
    ['X-Merge', 'a; b', 'a; b'],
    ['X-IfEmpty', 'yes', 'yes'],
    ['Content-Language', undefined, undefined],
    ['X-Two', undefined, '<a> | <b>'],
    ['X-Vals', '% yes (null)', '% yes (null)'],
    ['X-Env', undefined, undefined],
    ['X-NotEnv', 'e', 'e'],
    ['X-Expr', `GET-localhost:${server.port}`, `GET-localhost:${server.port}`],
    ['X-Echo-1', 'hi', undefined],
    ['X-Echo-2', 'ho', undefined],
    ['X-Early', 'v', 'v'],
    ['Set-Cookie', 'x=1; Secure | y=2; Secure', 'x=1; Secure | y=2; Secure'],
    ['Vary', undefined, undefined],
  ] as const) {
    assert.deepEqual([...fields(file, name), ...fields(app, name)].sort(), [ofFile, ofApp].sort(), name)
  }
  assert.match(String(file.headers['x-time']), /^t=\d{16} D=\d+$/)
  assert.deepEqual(fields(await server.get('/a.css'), 'X-Env', 'X-NotEnv'), ['e', undefined])
  const image = await server.get('/a.png')
  assert.deepEqual(fields(image, 'Content-Type', 'X-Dup', 'X-Set'), ['image/x-own', undefined, 'v'])
  // plain Header is for answers that are none of the server's own pages
  assert.deepEqual(fields(await server.get('/nope'), 'X-Set', 'X-Dup'), ['always too', undefined])
  const range = await server.get('/a.css', { headers: { Range: 'bytes=90-' } })
  assert.deepEqual(
    [range.status, ...fields(range, 'X-Set', 'Content-Range')],
    [416, 'always too', 'bytes */3'],
  )
  // what a condition looked at, also on what an application answers; but for the host
  assert.deepEqual(fields(await server.get('/app/vary'), 'Vary', 'X-If'), ['User-Agent', 'yes'])
}

async function whatApplicationsSee(server: TestServer): Promise<void> {
  const see = async (path: string, headers: Record<string, string> = {}, ask: Ask = {}): Promise<string[]> =>
    (await server.get(path, { ...ask, headers })).text.split('\n')
  const variables = (lines: string[]) => lines.filter((line) => line.startsWith('V_'))
  const usual = ['V_11=1', 'V_chained=1', 'V_empty=', 'V_local=yes', 'V_server=yes', 'V_set=some thing']
  const rows: [path: string, headers: Record<string, string>, expected: string[]][] = [
    ['/app', {}, [...usual, 'V_missing=1']],
    ['/app', { 'X-Set': 'abc-12' }, [...usual, 'V_one=1', 'V_three=abc-12x', 'V_two=12-abc']],
    ['/app', { 'X-Any-Thing': 'zz' }, [...usual, 'V_missing=1', 'V_regex=1']],
    ['/app', { 'User-Agent': 'mozilla' }, [...usual.slice(1), 'V_missing=1', 'V_moz=1']],
    ['/app', { 'User-Agent': 'a Bad one' }, [...usual, 'V_bad=1', 'V_badi=1', 'V_missing=1']],
    ['/app', { 'User-Agent': 'a bad one' }, [...usual, 'V_badi=1', 'V_missing=1']],
    ['/app/a.css', {}, [...usual, 'V_css=1', 'V_missing=1']],
    ['/app/un', {}, ['V_11=1', 'V_chained=1', 'V_dir=1', 'V_empty=', 'V_missing=1', 'V_server=yes']],
  ]
  for (const [path, headers, expected] of rows)
    assert.deepEqual(
      variables(await see(path, headers)),
      expected.sort(),
      `${path} ${JSON.stringify(headers)}`,
    )
  assert.ok((await see('/app', {}, { method: 'POST', body: '' })).includes('V_post=1'))

  const sent = {
    'X-Rapp': 'a',
    'X-Rmerge': 'm, n',
    'X-Rif': 'full',
    'X-Redit': 'a foo foo',
    'X-Redit2': 'foo',
    'X-Runset': 'u',
    'X-Rearly': 'mine',
  }
  const received = (await see('/app', sent)).filter((line) => line.startsWith('HTTP_X_R'))
  assert.deepEqual(received, [
    'HTTP_X_RAPP=a, b',
    'HTTP_X_REARLY=x',
    'HTTP_X_REDIT=a [foo] foo',
    'HTTP_X_REDIT2=f00',
    'HTTP_X_RENV=yes',
    'HTTP_X_RIF=full',
    'HTTP_X_RLATE=some thing',
    'HTTP_X_RMERGE=m, n',
    'HTTP_X_RSET=r',
  ])
}

async function expiry(server: TestServer): Promise<void> {
  for (const [path, control] of [
    ['/a.css', 'max-age=3900'],
    ['/a.png', 'private'],
    ['/a.txt', 'max-age=0'],
    ['/a.html', 'max-age=5184000'],
    ['/app', 'max-age=5184000'],
    ['/nope', undefined],
    ['/e/file/x', undefined],
  ] as const) {
    const [given, expires] = fields(await server.get(path), 'Cache-Control', 'Expires')
    // Header, which sets it for the image, runs after Expires and has the last word
    assert.equal(given, control, path)
    assert.equal(expires === undefined, control === undefined, path)
  }
}
