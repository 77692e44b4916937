/**
 * Basic authentication on the real server: providers, every kind of stored password, who is asked when, what applications and logs see.
 * The statuses are what Apache httpd 2.4 answers with the same configuration.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readBasicCredentials } from '../../src/modules/auth-basic.js'
import { modules } from '../../src/modules/index.js'
import { type TestServer, withServer } from '../support/server.js'
import { faultsOf } from '../support/site.js'

const APP = `
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    keys = ['REMOTE_USER', 'AUTH_TYPE', 'HTTP_AUTHORIZATION', 'REDIRECT_REMOTE_USER', 'REDIRECT_STATUS']
    return [' '.join('%s=%s' % (key, environ[key]) for key in keys if key in environ).encode('latin-1')]
`

/** One user for each kind that \`htpasswd\` writes, all with the password \`secret\`, and some that must never match. */
const USERS = `# comment: line
apr1:$apr1$yyRIxsSD$wxXn/MK97r1x0E9vEMS.e/
bcrypt:$2y$05$J0R./U9OG5KfdI0wBXQdpurmP5kjfb9NvIaiWSPN2k.SAekpKCSl2:ignored
sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=
des:GZrq9wJc0woOg
sha256:$5$DeR56lVi.JPbURGL$51gPTyFmv3rkCzIUzOIcbonfgRb8Uxy8IRN/8zngKa6
sha512:$6$F.1sn4Zq23sUIeWS$7kskGYA818.Hc7TJFO5pAIaWxAwn86KbfFCKlFj9upLh62gyzQXe6/jJnSpdWwkfBhWh52YOKM1LdAVNY1aiG0
umlaut:$2y$05$SGU2sRMp5GL1Zr788.awRu562tE/ysKbvn0qP4OaBSvuBYiuHdhR.
plain:secret
plainer:secretsecret1
empty:
nothing
bcrypt:{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=
`

const BASIC = 'AuthType Basic\nAuthName "The \\"realm\\""\nAuthUserFile users'

const CONF = `
<AuthnProviderAlias file second>
    AuthUserFile others
</AuthnProviderAlias>
<AuthnProviderAlias anon guests>
    Anonymous guest
    Anonymous_MustGiveEmail Off
</AuthnProviderAlias>
WSGIScriptAlias /app \${ROOT}/apps/app.wsgi
WSGIScriptAlias /passed \${ROOT}/apps/app.wsgi
WSGIScriptAlias /fake \${ROOT}/apps/app.wsgi
WSGIScriptAlias /said \${ROOT}/apps/app.wsgi
<Location /app>
    ${BASIC}
    Require valid-user
</Location>
<Location /passed>
    ${BASIC}
    Require valid-user
    WSGIPassAuthorization On
</Location>
<Location /fake>
    AuthBasicFake demo
    WSGIPassAuthorization On
</Location>
<Location /one>
    ${BASIC}
    Require user sha "some one"
</Location>
<Location /one-forbidden>
    ${BASIC}
    Require user sha
    AuthzSendForbiddenOnFailure On
</Location>
<Location /group>
    ${BASIC}
    AuthGroupFile groups
    Require group staff
</Location>
<Location /two>
    ${BASIC}
    AuthBasicProvider file second
    Require valid-user
</Location>
<Location /guests>
    ${BASIC}
    AuthBasicProvider guests file
    Require valid-user
</Location>
<Location /hashes>
    AuthType Basic
    AuthName r
    AuthUserFile digest
    AuthBasicUseDigestAlgorithm MD5
    Require valid-user
</Location>
<Location /address>
    ${BASIC}
    Require ip 127.0.0.1
    Require valid-user
</Location>
<Location /elsewhere-all>
    ${BASIC}
    <RequireAll>
        Require ip 10.0.0.0/8
        Require valid-user
    </RequireAll>
</Location>
<Location /elsewhere-any>
    ${BASIC}
    Require ip 10.0.0.0/8
    Require valid-user
</Location>
<Location /not>
    ${BASIC}
    <RequireAll>
        Require valid-user
        Require not user des
    </RequireAll>
</Location>
<Location /merged>
    ${BASIC}
    Require valid-user
</Location>
<Location /merged/and>
    AuthMerging And
    Require user sha
</Location>
<Location /satisfy-any>
    ${BASIC}
    Require valid-user
    Order deny,allow
    Deny from all
    Satisfy Any
</Location>
<Location /satisfy-open>
    ${BASIC}
    Require valid-user
    Order allow,deny
    Allow from all
    Satisfy Any
</Location>
<Location /limited>
    ${BASIC}
    <Limit POST>
        Require valid-user
    </Limit>
</Location>
<Location /no-name>
    AuthType Basic
    AuthUserFile users
    Require valid-user
</Location>
<Location /no-file>
    AuthType Basic
    AuthName r
    Require valid-user
</Location>
<Location /missing-file>
    AuthType Basic
    AuthName r
    AuthUserFile none-such
    Require valid-user
</Location>
<Location /off>
    ${BASIC}
    Require valid-user
</Location>
<Location /off/open>
    AuthType None
    Require all granted
</Location>
<Location /passed-on>
    ${BASIC}
    AuthBasicAuthoritative Off
    Require valid-user
</Location>
<Location /page>
    ${BASIC}
    Require valid-user
    ErrorDocument 401 /page/why.html
</Location>
<Location /said-by>
    ${BASIC}
    Require valid-user
    ErrorDocument 401 /said
</Location>
<Location /dir>
    ${BASIC}
    Require valid-user
</Location>
DirectoryIndex index.html
`

const FILES = {
  users: USERS,
  others: 'other:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nsha:{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=\n',
  groups: 'staff: sha "some one"\n',
  digest: 'ann:r:c0376b98fbfd46ea74f457f803f64625\n',
  'htdocs/page/why.html': 'why',
  'htdocs/dir/index.html': 'index',
}

const basic = (user: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

/** Status 404 stands for "let in": most places have no file. */
const ROWS: readonly [path: string, credentials: readonly [string, string] | undefined, status: number][] = [
  ['/app', undefined, 401],
  ['/app', ['sha', 'secret'], 200],
  ['/app', ['sha', 'Secret'], 401],
  ['/app', ['apr1', 'secret'], 200],
  ['/app', ['apr1', 'secrets'], 401],
  ['/app', ['bcrypt', 'secret'], 200],
  ['/app', ['bcrypt', ''], 401],
  ['/app', ['des', 'secret'], 200],
  ['/app', ['des', 'secreT'], 401],
  ['/app', ['sha256', 'secret'], 200],
  ['/app', ['sha256', 'x'], 401],
  ['/app', ['sha512', 'secret'], 200],
  ['/app', ['sha512', 'x'], 401],
  ['/app', ['umlaut', 'pässwörd'], 200],
  ['/app', ['plain', 'secret'], 401],
  ['/app', ['plainer', 'secretsecret1'], 401],
  ['/app', ['empty', ''], 401],
  ['/app', ['nothing', ''], 401],
  ['/app', ['nobody', 'secret'], 401],
  ['/app', ['', ''], 401],
  ['/app', ['sha', 's'.repeat(4000)], 401],
  ['/app', ['bcrypt', 's'.repeat(4000)], 401],
  ['/one', ['sha', 'secret'], 404],
  ['/one', ['des', 'secret'], 401],
  ['/one-forbidden', ['sha', 'secret'], 404],
  ['/one-forbidden', ['des', 'secret'], 403],
  ['/one-forbidden', ['des', 'wrong'], 401],
  ['/group', ['sha', 'secret'], 404],
  ['/group', ['des', 'secret'], 401],
  ['/two', ['other', 'secret'], 404],
  ['/two', ['sha', 'secret'], 404],
  // the first provider that knows the user decides
  ['/two', ['sha', ''], 401],
  ['/guests', ['guest', ''], 404],
  ['/guests', ['GUEST', 'me@example.org'], 404],
  ['/guests', ['sha', 'secret'], 404],
  ['/guests', ['sha', 'wrong'], 401],
  ['/hashes', ['ann', 'secret'], 404],
  ['/hashes', ['ann', 'other'], 401],
  ['/hashes', ['eve', 'secret'], 401],
  ['/address', undefined, 404],
  ['/elsewhere-all', undefined, 403],
  ['/elsewhere-all', ['sha', 'secret'], 403],
  ['/elsewhere-any', undefined, 401],
  ['/elsewhere-any', ['sha', 'secret'], 404],
  ['/not', ['sha', 'secret'], 404],
  ['/not', ['des', 'secret'], 401],
  ['/merged/and', ['des', 'secret'], 401],
  ['/merged/and', ['sha', 'secret'], 404],
  ['/satisfy-any', undefined, 401],
  ['/satisfy-any', ['sha', 'secret'], 404],
  ['/satisfy-open', undefined, 404],
  ['/limited', undefined, 404],
  ['/no-name', ['sha', 'secret'], 500],
  ['/no-file', ['sha', 'secret'], 500],
  ['/missing-file', ['sha', 'secret'], 500],
  ['/off', undefined, 401],
  ['/off/open', undefined, 404],
  ['/passed-on', ['nobody', 'secret'], 500],
  ['/passed-on', ['sha', 'wrong'], 401],
  ['/dir/', undefined, 401],
  ['/dir/', ['bcrypt', 'secret'], 200],
]

describe('on a running server', () => {
  test('who is let in, and who is asked', async () => {
    await withServer({ conf: CONF, files: FILES, apps: { 'app.wsgi': APP } }, async (server) => {
      for (const [path, credentials, status] of ROWS) {
        const headers = credentials === undefined ? {} : basic(...credentials)
        const answer = await server.get(path, { headers })
        assert.equal(answer.status, status, `${path} as ${credentials}`)
        assert.equal(
          answer.headers['www-authenticate'],
          status !== 401
            ? undefined
            : path === '/hashes'
              ? 'Basic realm="r"'
              : 'Basic realm="The \\"realm\\""',
          `challenge of ${path}`,
        )
      }
      await applications(server)
      await malformed(server)
      await errorDocuments(server)
      await inParallel(server)
      await logs(server)
    })
  })
})

async function applications(server: TestServer): Promise<void> {
  const headers = basic('sha', 'secret')
  assert.equal((await server.get('/app', { headers })).text, 'REMOTE_USER=sha AUTH_TYPE=Basic')
  assert.equal(
    (await server.get('/passed', { headers })).text,
    `REMOTE_USER=sha AUTH_TYPE=Basic HTTP_AUTHORIZATION=${headers.Authorization}`,
  )
  const fake = Buffer.from('demo:password').toString('base64')
  assert.equal((await server.get('/fake', { headers })).text, `HTTP_AUTHORIZATION=Basic ${fake}`)
}

async function malformed(server: TestServer): Promise<void> {
  for (const field of [
    'Bearer abc',
    'Basic',
    'Basic !!!',
    'Basic c2hhOnNlY3JldA== x',
    'Basic c2hhOnNlY3JldAA=',
  ]) {
    const answer = await server.get('/app', { headers: { Authorization: field } })
    assert.equal(answer.status, 401, field)
  }
  const folded = await server.get('/app', { headers: { Authorization: '  bAsIc   c2hhOnNlY3JldA==  ' } })
  assert.equal(folded.status, 200)
}

async function errorDocuments(server: TestServer): Promise<void> {
  const own = await server.get('/page/x')
  assert.deepEqual(
    [own.status, own.text, own.headers['www-authenticate']?.slice(0, 5)],
    [401, 'why', 'Basic'],
  )
  // what was claimed and not proved reaches no application
  const said = await server.get('/said-by', { headers: basic('sha', 'wrong') })
  assert.equal(said.text, 'REDIRECT_STATUS=401')
  assert.match(String(said.headers['www-authenticate']), /^Basic/)
}

/** What a browser does: many requests at once with the same slow password, while somebody guesses. */
async function inParallel(server: TestServer): Promise<void> {
  const right = Array.from({ length: 20 }, () => server.get('/app', { headers: basic('sha512', 'secret') }))
  const wrong = Array.from({ length: 20 }, (_, at) =>
    server.get('/app', { headers: basic('sha256', `guess ${at}`) }),
  )
  for (const { status } of await Promise.all(right)) assert.equal(status, 200)
  // more from one address than are taken on at once
  for (const { status, headers } of await Promise.all(wrong)) {
    assert.ok(status === 401 || status === 503, String(status))
    if (status === 503) assert.equal(headers['retry-after'], '5')
  }
}

async function logs(server: TestServer): Promise<void> {
  for (const line of [
    /\[auth_basic:error\] .*AH01617: user sha: authentication failure for "\/app": Password Mismatch/,
    /\[auth_basic:error\] .*AH01618: user nobody not found: \/app/,
    /\[auth_basic:error\] .*AH01614: client used wrong authentication scheme: \/app/,
    /\[auth_basic:error\] .*AH01615: need AuthName: \/no-name/,
    /\[authn_file:error\] .*AH01619: AuthUserFile not specified in the configuration/,
    /\[authn_file:error\] .*AH01620: Could not open password file: .*none-such/,
    /\[authn_core:error\] .*AH01796: AuthType Basic configured without corresponding module/,
    /\[authz_core:error\] .*AH01631: user des: authorization failure for "\/one": /,
    /the stored password of user plain is of a kind that cannot be compared here/,
  ])
    await server.waitForLog(line)
  const log = server.errorLog()
  for (const word of ['secreT', 'guess', 'ssssss', 'c2hhOnNlY3JldA']) assert.ok(!log.includes(word), word)
  await server.waitForLog(/^127\.0\.0\.1 - sha \[.*"GET \/app HTTP\/1\.1" 200/m, 'access.log')
  // the name that was claimed is in the log of a refused request, as httpd writes it
  await server.waitForLog(/^127\.0\.0\.1 - nobody \[.*"GET \/app HTTP\/1\.1" 401/m, 'access.log')
}

test('credentials of an Authorization field', () => {
  const of = (text: string) => readBasicCredentials(`Basic ${Buffer.from(text, 'latin1').toString('base64')}`)
  assert.deepEqual(of('ann:a:b'), { user: 'ann', password: 'a:b' })
  assert.deepEqual(of('ann'), { user: 'ann', password: '' })
  assert.deepEqual(of(':x'), { user: '', password: 'x' })
  assert.deepEqual(of('a\xc3\xa9:\xff'), { user: 'a\xc3\xa9', password: '\xff' })
  assert.equal(of('ann:secret\0more'), undefined)
  assert.equal(readBasicCredentials('Digest username="ann"'), undefined)
})

test('faults of the directives', () => {
  const faults = (lines: string): string[] => faultsOf(`<Location />\n${lines}\n</Location>`, modules)
  assert.match(faults('AuthBasicProvider nothing')[0] ?? '', /^Unknown Authn provider: nothing\n/)
  assert.match(faults('AuthType Form')[0] ?? '', /^AuthType Form is not supported/)
  assert.match(faults('AuthBasicUseDigestAlgorithm SHA')[0] ?? '', /Invalid algorithm/)
  const alias = (text: string): string =>
    faultsOf(`<AuthnProviderAlias ${text}>\nAuthUserFile x\n</AuthnProviderAlias>`, modules)[0] ?? ''
  assert.match(alias('file'), /requires additional arguments/)
  assert.match(alias('file FILE'), /must be different from the base provider name/)
  assert.match(alias('none mine'), /Unknown Authn provider: none/)
  assert.match(alias('file anon'), /has already been used previously/)
})
