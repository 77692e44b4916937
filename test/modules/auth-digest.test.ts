/**
 * Digest authentication: the parts by literals, the whole on the real server with curl's client and with requests that are put together here.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { isSameTarget, proofOf, readDigestCredentials } from '../../src/modules/auth-digest/credentials.js'
import { makeNonce, timeOfNonce } from '../../src/modules/auth-digest/nonce.js'
import { sharedState } from '../../src/modules/auth-digest/shared.js'
import { UsedTable } from '../../src/modules/auth-digest/used.js'
import { modules } from '../../src/modules/index.js'
import { type Answer, type TestServer, withServer } from '../support/server.js'
import { faultsOf } from '../support/site.js'

test('the example of RFC 7616, 3.9.1', () => {
  for (const [algorithm, response] of [
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ] as const) {
    const credentials = readDigestCredentials(
      `username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=${algorithm},
       nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
       cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="${response}", opaque="x\\"y"`,
    )
    assert.ok(credentials)
    const secret = hash(algorithm, 'Mufasa:http-auth@example.org:Circle of Life')
    assert.equal(proofOf(algorithm, secret, 'GET', credentials), response)
  }
})

test('what is no Digest field', () => {
  const whole = 'username="a", realm="r", nonce="n", uri="/", response="x"'
  assert.equal(readDigestCredentials(whole)?.protection, undefined)
  assert.equal(readDigestCredentials(whole.replace('"a"', '"a\\"\\\\b"'))?.user, 'a"\\b')
  assert.equal(
    readDigestCredentials(whole.replace('username="a"', "username*=UTF-8''J%c3%a4"))?.user,
    'J\xc3\xa4',
  )
  for (const wrong of [
    '',
    'username="a"',
    `${whole}, qop=auth`,
    `${whole}, qop=auth, nc=1, cnonce="c"`,
    `${whole}, username="b"`,
    `${whole}, userhash=true`,
    `${whole} x`,
    `${whole}, "x"`,
    whole.replace('"a"', '"a'),
    `${',='.repeat(4000)}`,
  ])
    assert.equal(readDigestCredentials(wrong), undefined, wrong.slice(0, 80))
})

test('targets that are the same, and others', () => {
  const origin = { hostname: 'example.org', port: 80, defaultPort: 80 }
  for (const [uri, target, same] of [
    ['/a?b', '/a?b', true],
    ['/%61?b', '/a?b', true],
    ['http://example.org/a', '/a', true],
    ['http://EXAMPLE.org:80/a', '/a', true],
    ['http://example.org:81/a', '/a', false],
    ['http://example.com/a', '/a', false],
    ['/a', '/b', false],
    ['/a?b', '/a', false],
    ['/a', '/a?b', false],
    ['', '/', false],
  ] as const)
    assert.equal(isSameTarget(uri, target, origin), same, `${uri} for ${target}`)
  assert.equal(isSameTarget('/a', '/a?b', origin, true), true)
})

test('a nonce tells its time to who made it', () => {
  const secret = Buffer.from('secret')
  const nonce = makeNonce(secret, 'realm', 1234567890123)
  assert.equal(timeOfNonce(nonce, secret, 'realm'), 1234567890123)
  assert.equal(timeOfNonce(nonce, secret, 'other'), undefined)
  assert.equal(timeOfNonce(nonce, Buffer.from('other'), 'realm'), undefined)
  assert.equal(timeOfNonce(`${nonce.slice(0, -1)}x`, secret, 'realm'), undefined)
  assert.equal(timeOfNonce('', secret, 'realm'), undefined)
})

test('what is used is used until its time is over; a full table forgets what ends first', () => {
  const table = new UsedTable(new ArrayBuffer(8 * 8))
  assert.equal(table.claim('a', 100, 0), true)
  assert.equal(table.claim('a', 100, 50), false)
  assert.equal(table.claim('a', 200, 101), true)
  for (let at = 0; at < 8; at++) assert.equal(table.claim(`more ${at}`, 300 + at, 101), true)
  assert.equal(table.claim('a', 400, 101), true)
  assert.equal(table.claim('more 7', 400, 101), false)
})

test('processes with one directory share secret and table', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-digest-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const [one, other] = [sharedState(directory, 1000), sharedState(directory, 5000)]
  assert.deepEqual(one.secret, other.secret)
  assert.ok(one.secret.some((byte) => byte !== 0))
  assert.equal(one.used.claim('a', 100, 0), true)
  assert.equal(other.used.claim('a', 100, 0), false)
})

test('faults of the directives', () => {
  const faults = (line: string): string => faultsOf(`<Location />\n${line}\n</Location>`, modules)[0] ?? ''
  assert.match(faults('AuthDigestQop auth-int'), /auth-int is not implemented/)
  assert.match(faults('AuthDigestQop what'), /Unrecognized qop: what/)
  assert.match(faults('AuthDigestAlgorithm MD5-sess'), /`MD5-sess' is not implemented/)
  assert.match(faults('AuthDigestAlgorithm SHA-512'), /Invalid algorithm/)
  assert.match(faults('AuthDigestNonceLifetime soon'), /Invalid time/)
  assert.match(
    faults('AuthDigestProvider anon'),
    /'anon' Authn provider doesn't support Digest Authentication/,
  )
  assert.match(faults('AuthDigestDomain /a"b'), /is not a URI/)
  assert.match(faultsOf('AuthDigestShmemSize 0', modules)[0] ?? '', /Invalid size/)
})

const APP = `
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%s %s' % (environ.get('REMOTE_USER'), environ.get('AUTH_TYPE'))).encode('latin-1')]
`

const place = (name: string, lines = ''): string => `
WSGIScriptAlias /${name} \${ROOT}/apps/app.wsgi
<Location /${name}>
    AuthType Digest
    AuthName "the \\"realm\\""
    AuthUserFile digest
    Require valid-user
    ${lines}
</Location>
`

const CONF = `
StartServers 2
AuthDigestNcCheck On
${place('md5', 'AuthDigestDomain /md5 http://other.example/')}
${place('sha', 'AuthDigestAlgorithm SHA-256')}
${place('both', 'AuthDigestAlgorithm SHA-256 MD5')}
${place('once', 'AuthDigestNonceLifetime 0')}
${place('short', 'AuthDigestNonceLifetime 1')}
${place('ever', 'AuthDigestNonceLifetime -1\n AuthDigestQop none')}
${place('one', '').replace('valid-user', 'user eve')}
${place('dir', '')}
Alias /files \${ROOT}/htdocs
<Directory "\${ROOT}/htdocs">
    DirectoryIndex index.html
    AuthType Digest
    AuthName r
    AuthUserFile digest
    Require valid-user
</Directory>
<Files index.html>
    Header set X-Other settings
</Files>
`

function hash(algorithm: string, text: string): string {
  return createHash(algorithm === 'SHA-256' ? 'sha256' : 'md5')
    .update(text)
    .digest('hex')
}

const REALM = 'the "realm"'
const FILES = {
  digest: ['MD5', 'SHA-256']
    .flatMap((algorithm) => [
      `ann:${REALM}:${hash(algorithm, `ann:${REALM}:secret`)}\n`,
      `ann:r:${hash(algorithm, 'ann:r:secret')}\n`,
    ])
    .join(''),
  'htdocs/index.html': 'index',
}

/** The parts of a challenge. */
function challengeOf(answer: Answer): Record<string, string> {
  const field = String(answer.headers['www-authenticate'])
  assert.match(field, /^Digest /)
  const parts = [...field.matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S+?))(?:,|$)/g)]
  return Object.fromEntries(
    parts.map(([, name, quoted, bare]) => [name, bare ?? quoted?.replace(/\\(.)/g, '$1')]),
  )
}

interface Say {
  readonly user?: string
  readonly password?: string
  readonly count?: number
  readonly method?: string
  /** In the credentials, where it is not the one asked for. */
  readonly uri?: string
  readonly qop?: string | undefined
}

/** A request with credentials for a challenge. */
function proved(server: TestServer, target: string, challenge: Record<string, string>, say: Say = {}) {
  const { user = 'ann', password = 'secret', count = 1, method = 'GET', uri = target } = say
  const { realm = '', nonce = '', algorithm = 'MD5' } = challenge
  const qop = 'qop' in say ? say.qop : 'auth'
  const nc = count.toString(16).padStart(8, '0')
  const secret = hash(algorithm, `${user}:${realm}:${password}`)
  const middle = qop === undefined ? nonce : `${nonce}:${nc}:c1:${qop}`
  const response = hash(algorithm, `${secret}:${middle}:${hash(algorithm, `${method}:${uri}`)}`)
  const quoted = realm.replaceAll('"', '\\"')
  const more = qop === undefined ? '' : `, qop=${qop}, nc=${nc}, cnonce="c1"`
  const Authorization = `Digest username="${user}", realm="${quoted}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=${algorithm}${more}`
  return server.get(target, { method, headers: { Authorization } })
}

function curl(...words: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('curl', ['-s', '--max-time', '30', ...words], (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    )
  })
}

const hasCurl = await curl('--version').then(
  () => true,
  () => false,
)

test('on a running server', async (t) => {
  await withServer({ conf: CONF, files: FILES, apps: { 'app.wsgi': APP } }, async (server) => {
    const nonceFor = async (target: string) => challengeOf(await server.get(target))

    await t.test('the challenge', async () => {
      const { nonce, ...rest } = await nonceFor('/md5')
      assert.match(nonce ?? '', /^[A-Za-z0-9+/=]{12}[0-9a-f]{40}$/)
      assert.deepEqual(rest, {
        realm: REALM,
        algorithm: 'MD5',
        domain: '/md5 http://other.example/',
        qop: 'auth',
      })
      const both = (await server.get('/both')).rawHeaders.filter((text) => text.startsWith('Digest '))
      assert.deepEqual(
        both.map((text) => /algorithm=([^,]+)/.exec(text)?.[1]),
        ['SHA-256', 'MD5'],
      )
    })

    await t.test('right and wrong credentials', async () => {
      const rows: [target: string, say: Say, status: number][] = [
        ['/md5/a?b=c', {}, 200],
        ['/md5', { method: 'POST' }, 200],
        ['/sha', {}, 200],
        ['/ever', { qop: undefined }, 200],
        ['/md5', { password: 'wrong' }, 401],
        ['/sha', { password: 'wrong' }, 401],
        ['/md5', { user: 'eve' }, 401],
        ['/one', {}, 401],
        ['/md5', { qop: 'auth-int' }, 401],
        ['/md5/a%20b', { uri: '/md5/a b' }, 200],
        ['/md5', { uri: `http://localhost:${server.port}/md5` }, 200],
        ['/md5', { uri: '/sha' }, 400],
        ['/md5?x', { uri: '/md5' }, 400],
      ]
      for (const [target, say, status] of rows) {
        const answer = await proved(server, target, await nonceFor(target), say)
        assert.equal(answer.status, status, `${target} ${JSON.stringify(say)}`)
        if (status === 200) assert.equal(answer.text, 'ann Digest')
        if (status === 401) assert.equal(challengeOf(answer).stale, undefined)
      }
      const basic = await server.get('/md5', { headers: { Authorization: 'Basic YTpi' } })
      assert.equal(basic.status, 401)
    })

    await t.test('the response proves itself', async () => {
      const challenge = await nonceFor('/md5')
      const info = String((await proved(server, '/md5', challenge)).headers['authentication-info'])
      const secret = hash('MD5', `ann:${REALM}:secret`)
      const rspauth = hash('MD5', `${secret}:${challenge.nonce}:00000001:c1:auth:${hash('MD5', ':/md5')}`)
      assert.equal(info, `rspauth="${rspauth}", cnonce="c1", nc=00000001, qop=auth`)
    })

    await t.test('a count is good for one request, in all server workers', async () => {
      const challenge = await nonceFor('/md5')
      const answers = await Promise.all(
        Array.from({ length: 24 }, (_, at) => proved(server, '/md5', challenge, { count: 1 + (at % 4) })),
      )
      // of two at the same moment both may be refused
      const granted = answers.filter(({ status }) => status === 200).length
      assert.ok(granted <= 4, `${granted} of 4 counts`)
      for (const answer of answers) if (answer.status === 401) assert.equal(challengeOf(answer).stale, 'true')
      for (const count of [1, 2, 3, 4])
        assert.equal((await proved(server, '/md5', challenge, { count })).status, 401)
      assert.equal((await proved(server, '/md5', challenge, { count: 9 })).status, 200)
      await server.waitForLog(/AH01774: Warning, possible replay attack/)
    })

    await t.test('nonces for one request, with the next one on the way', async () => {
      const challenge = await nonceFor('/once')
      const first = await proved(server, '/once', challenge)
      assert.equal(first.status, 200)
      const next = /nextnonce="([^"]+)"/.exec(String(first.headers['authentication-info']))?.[1] as string
      const again = await proved(server, '/once', challenge, { count: 2 })
      assert.deepEqual([again.status, challengeOf(again).stale], [401, 'true'])
      assert.equal((await proved(server, '/once', { ...challenge, nonce: next })).status, 200)
    })

    await t.test('old and forged nonces are stale where the password is right', async () => {
      const challenge = await nonceFor('/short')
      const forged = { ...challenge, nonce: `AAAAAAAAAAA=${'0'.repeat(40)}` }
      for (const nonce of [forged, { ...challenge, nonce: 'x' }]) {
        const answer = await proved(server, '/short', nonce)
        assert.deepEqual([answer.status, challengeOf(answer).stale], [401, 'true'])
        assert.equal(challengeOf(await proved(server, '/short', nonce, { password: 'x' })).stale, undefined)
      }
      const until = Date.now() + 1100
      while (Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 100))
      const late = await proved(server, '/short', challenge)
      assert.deepEqual([late.status, challengeOf(late).stale], [401, 'true'])
      await server.waitForLog(/AH01778: user ann: nonce expired/)
    })

    await t.test('index files with settings of their own use no second count', async () => {
      const answer = await proved(server, '/files/', await nonceFor('/files/'))
      assert.deepEqual([answer.status, answer.text, answer.headers['x-other']], [200, 'index', 'settings'])
    })

    await t.test('nonces outlive a restart', async () => {
      const challenge = await nonceFor('/md5')
      await server.reload()
      assert.equal((await proved(server, '/md5', challenge)).status, 200)
    })

    await t.test('curl', { skip: hasCurl ? false : 'there is no curl' }, async () => {
      for (const target of ['/md5/x?y=%20z', '/sha', '/once', '/ever', '/both'])
        assert.equal(await curl('--digest', '-u', 'ann:secret', server.url(target)), 'ann Digest', target)
      const several = [server.url('/once'), server.url('/once'), server.url('/md5')]
      assert.equal(await curl('--digest', '-u', 'ann:secret', ...several), 'ann Digest'.repeat(3))
      const refused = await curl(
        '--digest',
        '-u',
        'ann:x',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}',
        server.url('/md5'),
      )
      assert.equal(refused, '401')
    })

    for (const line of [
      /\[auth_digest:error\] .*AH01794: user ann: password mismatch: \/md5/,
      /\[auth_digest:error\] .*AH01790: user `eve' in realm `the \\?"realm\\?"' not found: \/md5/,
      /\[auth_digest:error\] .*AH01785: uri mismatch - <\/sha> does not match request-uri <\/md5>/,
      /\[auth_digest:error\] .*AH01781: client used wrong authentication scheme `Basic': \/md5/,
      /\[auth_digest:error\] .*AH01793: invalid qop `auth-int' received: \/md5/,
    ])
      await server.waitForLog(line)
  })
})
