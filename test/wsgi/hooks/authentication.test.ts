/**
 * `AuthBasicProvider wsgi` and `Require wsgi-group` on the real server: who gets in, as whom, and what the log says where a script fails.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { findPythons } from '../../support/pythons.js'
import { withServer } from '../../support/server.js'

const APPLICATION = `
def application(environ, start_response):
    start_response('200 OK', [])
    return [('%s by %s' % (environ.get('REMOTE_USER'), environ.get('AUTH_TYPE'))).encode('latin-1')]
`

const AUTH = `
import hashlib, os, time

def check_password(environ, user, password):
    assert 'HTTP_AUTHORIZATION' not in environ
    assert 'REMOTE_USER' not in environ
    while user == 'slow' and not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):
        time.sleep(0.02)
    if user == 'raise':
        raise ValueError('raised by check_password')
    answers = {'empty': '', 'number': 1, 'bytes': b'x', 'alias': 'somebody', 'wide': u'\\u20ac'}
    if user in answers:
        return answers[user]
    if user == 'caf\\xe9':
        return password == '\\xff:\\x7f'
    if user in ('anna', 'bob', 'nogroup', 'badgroup', 'raisegroup', 'somebody', 'textgroup', 'bytesgroup'):
        return password == 'right' and environ.get('HTTP_X_BLOCK') is None
    return None

def get_realm_hash(environ, user, realm):
    assert environ['mod_ssl.is_https']() is False and environ['mod_ssl.var_lookup']('SSL_PROTOCOL') == ''
    if user == 'raise':
        raise ValueError('raised by get_realm_hash')
    answers = {'none': None, 'empty': '', 'short': 'abc', 'number': 1}
    if user in answers:
        return answers[user]
    return hashlib.md5(('%s:%s:right' % (user, realm)).encode('latin-1')).hexdigest()

def groups_for_user(environ, user):
    if user == 'raisegroup':
        raise ValueError('raised by groups_for_user')
    return {'anna': ['staff', 'admins'], 'bob': iter(('guests',)), 'nogroup': [], 'badgroup': [7], 'textgroup': 'admins',
            'somebody': ('admins',), 'bytesgroup': [b'admins']}.get(user)
`

const CONF = `
WSGIDaemonProcess one threads=2
WSGIProcessGroup one
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias / \${ROOT}/apps/app.wsgi
WSGIRestrictEmbedded On
<Location /in>
  AuthType Basic
  AuthName place
  AuthBasicProvider wsgi
  WSGIAuthUserScript \${ROOT}/apps/auth.py
  Require valid-user
</Location>
<Location /admins>
  AuthType Basic
  AuthName place
  AuthBasicProvider wsgi
  WSGIAuthUserScript \${ROOT}/apps/auth.py application-group=%{SERVER}
  WSGIAuthGroupScript \${ROOT}/apps/auth.py application-group=other
  Require wsgi-group admins others
</Location>
<Location /chain>
  AuthType Basic
  AuthName place
  AuthUserFile \${ROOT}/users
  AuthBasicProvider wsgi file
  WSGIAuthUserScript \${ROOT}/apps/auth.py
  Require valid-user
</Location>
<Location /digest>
  AuthType Digest
  AuthName place
  AuthDigestProvider wsgi
  WSGIAuthUserScript \${ROOT}/apps/auth.py
  Require valid-user
</Location>
<Location /unset>
  AuthType Basic
  AuthName place
  AuthBasicProvider wsgi
  Require valid-user
</Location>
<Location /nofunction>
  AuthType Basic
  AuthName place
  AuthBasicProvider wsgi
  WSGIAuthUserScript \${ROOT}/apps/app.wsgi
  Require valid-user
</Location>
<Location /nofile>
  AuthType Basic
  AuthName place
  AuthBasicProvider wsgi
  WSGIAuthUserScript \${ROOT}/apps/nofile.py
  Require valid-user
</Location>
<AuthnProviderAlias wsgi elsewhere>
  WSGIAuthUserScript \${ROOT}/apps/auth.py
</AuthnProviderAlias>
<Location /alias>
  AuthType Basic
  AuthName place
  AuthBasicProvider elsewhere
  Require user anna
</Location>
`

interface Case {
  readonly name: string
  readonly place: string
  /** `user:password`, one character per byte; absent: no credentials. */
  readonly as?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  readonly text?: string
  readonly log?: RegExp
}

const CASES: readonly Case[] = [
  { name: 'nobody is asked for a password', place: '/in', status: 401 },
  { name: 'True', place: '/in', as: 'anna:right', status: 200, text: 'anna by Basic' },
  { name: 'False', place: '/in', as: 'anna:wrong', status: 401 },
  {
    name: 'the environ has the headers',
    place: '/in',
    as: 'anna:right',
    headers: { 'X-Block': '1' },
    status: 401,
  },
  { name: 'None', place: '/in', as: 'stranger:right', status: 401 },
  {
    name: 'None asks the next provider',
    place: '/chain',
    as: 'filed:secret',
    status: 200,
    text: 'filed by Basic',
  },
  { name: 'False does not', place: '/chain', as: 'bob:secret', status: 401 },
  { name: 'another name', place: '/in', as: 'alias:any', status: 200, text: 'somebody by Basic' },
  {
    name: 'another name, in groups',
    place: '/admins',
    as: 'alias:any',
    status: 200,
    text: 'somebody by Basic',
  },
  {
    name: 'any bytes in a password',
    place: '/in',
    as: 'caf\u00e9:\u00ff:\u007f',
    status: 200,
    text: 'caf\ufffd by Basic',
  },
  {
    name: 'an empty name',
    place: '/in',
    as: 'empty:x',
    status: 500,
    log: /WSGI0176: Basic auth provider .* it returned an empty string/,
  },
  {
    name: 'a number',
    place: '/in',
    as: 'number:x',
    status: 500,
    log: /WSGI0176: Basic auth provider in '[^']*auth\.py' must return True, False, None or user name/,
  },
  { name: 'bytes', place: '/in', as: 'bytes:x', status: 500 },
  { name: 'a character that no header can carry', place: '/in', as: 'wide:x', status: 500 },
  {
    name: 'an exception',
    place: '/in',
    as: 'raise:x',
    status: 500,
    log: /ValueError: raised by check_password/,
  },
  {
    name: 'no script',
    place: '/unset',
    as: 'anna:right',
    status: 500,
    log: /Location of WSGI user authentication script not provided/,
  },
  {
    name: 'no function',
    place: '/nofunction',
    as: 'anna:right',
    status: 500,
    log: /does not provide 'Basic' auth provider/,
  },
  { name: 'no file', place: '/nofile', as: 'anna:right', status: 500, log: /nofile\.py' cannot be loaded/ },
  {
    name: 'a provider of another name',
    place: '/alias',
    as: 'anna:right',
    status: 200,
    text: 'anna by Basic',
  },
  { name: 'a member of a group', place: '/admins', as: 'anna:right', status: 200, text: 'anna by Basic' },
  { name: 'a group in bytes', place: '/admins', as: 'bytesgroup:right', status: 200 },
  {
    name: 'no member',
    place: '/admins',
    as: 'bob:right',
    status: 401,
    log: /Authorization of user 'bob' to access '\/admins' failed\. User is not a member of designated groups/,
  },
  {
    name: 'no groups',
    place: '/admins',
    as: 'nogroup:right',
    status: 401,
    log: /'nogroup' .* User is not a member of any groups/,
  },
  {
    name: 'a group that is no text',
    place: '/admins',
    as: 'badgroup:right',
    status: 401,
    log: /Groups for user returned from '[^']*auth\.py' must be an iterable sequence of strings/,
  },
  { name: 'a text in place of groups', place: '/admins', as: 'textgroup:right', status: 401 },
  {
    name: 'an exception instead of groups',
    place: '/admins',
    as: 'raisegroup:right',
    status: 401,
    log: /ValueError: raised by groups_for_user/,
  },
]

const embeddable = findPythons().some(
  ({ major, minor, sharedLibrary }) => major === 3 && minor >= 8 && sharedLibrary !== undefined,
)

describe('authentication by scripts', { skip: !embeddable && 'no Python to embed' }, () => {
  test('on the server', async (t) => {
    const options = {
      conf: CONF,
      apps: { 'app.wsgi': APPLICATION, 'auth.py': AUTH },
      files: { users: `filed:${SECRET}\nbob:${SECRET}\n` },
    }
    await withServer(options, async (server) => {
      const ask = (place: string, as: string | undefined, more: Readonly<Record<string, string>> = {}) => {
        const credentials = as && { Authorization: `Basic ${Buffer.from(as, 'latin1').toString('base64')}` }
        return server.get(place, { headers: { ...more, ...credentials } })
      }
      await t.test('a slow script holds up nobody else', async () => {
        const slow = ask('/in', 'slow:x')
        const others = await Promise.all([ask('/', undefined), ask('/in', 'anna:right')])
        assert.deepEqual(
          others.map(({ status }) => status),
          [200, 200],
        )
        server.write('apps/go', '')
        assert.equal((await slow).status, 401)
      })
      for (const { user, password = 'right', status, log } of DIGEST_CASES) {
        await t.test(`Digest: ${user}, ${password}`, async () => {
          const challenge = String((await server.get('/digest')).headers['www-authenticate'])
          const answer = await server.get('/digest', {
            headers: { Authorization: proof(challenge, user, password) },
          })
          assert.equal(answer.status, status, answer.text)
          if (status === 200) assert.equal(answer.text, `${user} by Digest`)
          if (log !== undefined) await server.waitForLog(log)
        })
      }
      for (const { name, place, as, headers, status, text, log } of CASES) {
        await t.test(name, async () => {
          const answer = await ask(place, as, headers)
          assert.equal(answer.status, status, answer.text)
          assert.equal(answer.headers['www-authenticate'], status === 401 ? 'Basic realm="place"' : undefined)
          if (text !== undefined) assert.equal(answer.text, text)
          if (log !== undefined) await server.waitForLog(log)
        })
      }
    })
  })
})

/** `secret`, as `openssl passwd -apr1` stores it. */
const SECRET = '$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/'

const DIGEST_CASES: readonly { user: string; password?: string; status: number; log?: RegExp }[] = [
  { user: 'anna', status: 200 },
  { user: 'anna', password: 'wrong', status: 401 },
  { user: 'none', status: 401 },
  {
    user: 'empty',
    status: 500,
    log: /WSGI0178: Digest auth provider in '[^']*auth\.py' must return None or string object; it returned an empty string/,
  },
  { user: 'number', status: 500 },
  { user: 'short', status: 500, log: /get_realm_hash of '[^']*' returned no MD5 digest/ },
  { user: 'raise', status: 500, log: /ValueError: raised by get_realm_hash/ },
]

/** Credentials for a challenge, RFC 7616 with MD5. */
function proof(challenge: string, user: string, password: string): string {
  const md5 = (text: string) => createHash('md5').update(text).digest('hex')
  const nonce = /nonce="([^"]*)"/.exec(challenge)?.[1] as string
  const secret = md5(`${user}:place:${password}`)
  const response = md5(`${secret}:${nonce}:00000001:abc:auth:${md5('GET:/digest')}`)
  return `Digest username="${user}", realm="place", nonce="${nonce}", uri="/digest", qop=auth, nc=00000001, cnonce="abc", response="${response}"`
}
