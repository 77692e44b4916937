/**
 * The modules together in a running server. The expectations are what Apache httpd 2.4 answers with the same configuration.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from '../support/server.js'

const CONF = `
<Directory "\${ROOT}/htdocs">
    Options Indexes FollowSymLinks
    Require all granted
</Directory>
<FilesMatch "^\\.ht">
    Require all denied
</FilesMatch>
Alias /al \${ROOT}/htdocs/d
Redirect /old /d/
RedirectMatch 301 ^/rm/(.*)\\.gif$ /$1.png?u=&b
Redirect gone /gone
<Location /rl>
    Redirect 303 http://other.example/x
</Location>
<Location /deny>
    Require all denied
</Location>
<Location /user>
    Require valid-user
</Location>
<Location /old-deny>
    Order deny,allow
    Deny from all
</Location>
<Location /any>
    Deny from all
    Satisfy Any
    Require all granted
</Location>
<Location /any-denied>
    Satisfy Any
    Require all denied
</Location>
<Location /limited>
    <Limit POST>
        Require all denied
    </Limit>
</Location>
SetEnvIf User-Agent Test UA=yes
SetEnv LATE 1
Header set X-Ok "%{UA}e %{LATE}e"
Header always set X-Always a
Header always append X-Always b
ExpiresActive On
ExpiresByType text/css "access plus 1 hour"
IndexOptions FancyIndexing
<Location /nothing>
    FallbackResource /a.css
</Location>
<Location /strange>
    SetHandler no-such-handler
</Location>
`

interface Exchange {
  readonly ask: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  /** Lower-case names; undefined: the header must not be there. */
  readonly has?: Readonly<Record<string, string | undefined>>
  readonly body?: RegExp
}

const HOST = { Host: 'h.example' }
const ORIGIN = 'http://h.example'

const EXCHANGES: readonly Exchange[] = [
  {
    ask: 'GET /a.css',
    headers: { 'User-Agent': 'Test' },
    status: 200,
    has: { 'x-ok': 'yes 1', 'x-always': 'a, b', 'cache-control': 'max-age=3600' },
  },
  { ask: 'GET /a.css', status: 200, has: { 'x-ok': '(null) 1', 'content-type': 'text/css' } },
  { ask: 'GET /d', status: 301, has: { location: `${ORIGIN}/d/`, 'x-ok': undefined, 'x-always': 'a, b' } },
  { ask: 'GET /d?x=1', status: 301, has: { location: `${ORIGIN}/d/?x=1` } },
  {
    ask: 'GET /d',
    headers: { Host: 'foo.example:99' },
    status: 301,
    has: { location: 'http://foo.example:99/d/' },
  },
  { ask: 'GET /d/', status: 200, body: /^index$/ },
  { ask: 'HEAD /d/', status: 200, body: /^$/ },
  { ask: 'GET /al/index.html', status: 200, body: /^index$/ },
  { ask: 'GET /old/a%20b?q=1', status: 302, has: { location: `${ORIGIN}/d//a%20b?q=1` } },
  { ask: 'GET /rm/x%20y.gif?z', status: 301, has: { location: `${ORIGIN}/x%20y.png?u=&b` } },
  { ask: 'GET /gone', status: 410, has: { location: undefined, 'x-always': 'a, b' } },
  { ask: 'GET /rl/x?y', status: 303, has: { location: 'http://other.example/x?y' } },
  { ask: 'GET /idx/', status: 200, body: /<a href="a\.txt">/ },
  { ask: 'GET /idx/?C=S;O=D', status: 200, body: /<a href="\?C=S;O=A">/ },
  { ask: 'GET /idx/.htpasswd', status: 403 },
  { ask: 'GET /deny', status: 403 },
  { ask: 'GET /user', status: 500 },
  { ask: 'GET /old-deny', status: 403 },
  { ask: 'GET /any', status: 404 },
  { ask: 'GET /any-denied', status: 404 },
  { ask: 'GET /limited', status: 404 },
  { ask: 'POST /limited', status: 403 },
  { ask: 'GET /nothing/here', status: 200, has: { 'content-type': 'text/css' } },
  { ask: 'GET /lost', status: 404, has: { 'x-ok': undefined } },
]

test('the modules together', async () => {
  const files = {
    'htdocs/a.css': 'css',
    'htdocs/strange': 'source',
    'htdocs/d/index.html': 'index',
    'htdocs/idx/a.txt': 'text',
    'htdocs/idx/.htpasswd': 'secret',
  }
  await withServer({ conf: CONF, files, python: 'none' }, async (server) => {
    await Promise.all(
      EXCHANGES.map(async ({ ask, headers = {}, status, has = {}, body }) => {
        const [method = '', url = ''] = ask.split(' ')
        const answer = await server.get(url, { method, headers: { ...HOST, ...headers } })
        const got = Object.fromEntries(Object.keys(has).map((name) => [name, answer.headers[name]]))
        assert.deepEqual({ ask, status: answer.status, ...got }, { ask, status, ...has })
        if (body) assert.match(answer.text, body, ask)
      }),
    )
    const listing = await server.get('/idx/')
    assert.doesNotMatch(listing.text, /htpasswd/)

    const strange = await server.get('/strange')
    assert.equal(strange.status, 500)
    assert.doesNotMatch(strange.text, /source/)
    await server.waitForLog(/no-such-handler/)
    await server.waitForLog(/AH01630: client denied by server configuration: .*\/htdocs\/deny/)
    await server.waitForLog(/AH01797/)
    await server.waitForLog(/Authentication not configured\?/)
  })
})
