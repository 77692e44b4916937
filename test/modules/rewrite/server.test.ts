/** mod_rewrite on the real server: each row is a virtual host with its rules, and what requests to it give. Expectations were seen on httpd 2.4.71. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TestServer, withServer } from '../../support/server.js'

/**
 * `status body-or-location`, and behind ` | ` the file below htdocs, the query and the variable X. For redirections the `Location` without the
 * host.
 */
type Row = readonly [rules: string, answers: Readonly<Record<string, string>>]

const ON = 'RewriteEngine On\n'

const SERVER_ROWS: readonly Row[] = [
  [
    'RewriteRule ^/x$ /a.txt\nRewriteRule ^/d(.*)$ /d$1 [E=X:v$1]',
    {
      '/x': '200 a | a.txt',
      '/x?q=1': '200 a | a.txt q=1',
      '/x/y': '404',
      '/d/x.txt': '200 x | d/x.txt X=v/x.txt',
    },
  ],
  [
    `RewriteRule ^/r$ /a.txt [R]
RewriteRule ^/r1$ /a.txt [R=permanent,L]
RewriteRule ^/abs$ http://other.example/p
RewriteRule ^/gone$ - [G]
RewriteRule ^/forb$ - [F]
RewriteRule ^/s503$ /x [R=503]
RewriteRule ^/s204$ - [R=204,L]
RewriteRule ^/rel$ a.txt [R]
RewriteRule ^/mail$ mailto:a@b
RewriteRule ^/resc/(.*)$ /t?u=$1#f [R]
RewriteRule ^/rne$ /a.txt?u=x&x=#f [R,NE]
RewriteRule ^/resp/(.*)$ /t/$1 [R]`,
    {
      '/r?a=b': '302 /a.txt?a=b',
      '/r1': '301 /a.txt',
      '/abs?z': '302 http://other.example/p?z',
      '/gone': '410',
      '/forb': '403',
      '/s503': '503',
      '/s204': '204  | ',
      '/rel': '302 /a.txt',
      '/mail': '302 mailto:a@b',
      '/resc/a%20b': '302 /t?u=a%20b%23f',
      '/rne': '302 /a.txt?u=x&x=#f',
      '/resp/a%20b%23c': '302 /t/a%20b%23c',
    },
  ],
  [
    'Alias /al ${ROOT}/srv/al\nRewriteRule ^/p/(.*) /al/$1 [PT]\nRewriteRule ^/n/(.*) /al/$1',
    { '/p/f.txt': '200 alf', '/n/f.txt': '404', '/al/f.txt': '200 alf' },
  ],
  [
    'RewriteRule ^/abs$ ${ROOT}/srv/al/f.txt [L]\nRewriteRule ^(/.*/srv/al/.*)$ $1 [L]\nRewriteRule ^/u(/.*)$ $1 [UnsafePrefixStat]',
    { '/abs': '200 alf', '${ROOT}/srv/al/f.txt': '404', '/u${ROOT}/srv/al/f.txt': '404' },
  ],
  [
    `RewriteCond %{QUERY_STRING} ^a=(\\w+)$
RewriteRule ^/q$ /a.txt?b=%1&c=$0
RewriteRule ^/qsa$ /a.txt?n=1 [QSA]
RewriteRule ^/qsd$ /a.txt [QSD]
RewriteRule ^/none$ /a.txt?
RewriteRule ^/qsl$ /a.txt?x?y=1 [QSL]
RewriteRule ^/b/(.*)$ /a.txt?u=$1 [B]
RewriteRule ^/bn/(.*)$ /a.txt?u=$1 [B,BNP]
RewriteRule ^/no/(.*)$ /a.txt?u=$1`,
    {
      '/q?a=1': '200 a | a.txt b=1&c=/q',
      '/qsa?o=2': '200 a | a.txt n=1&o=2',
      '/qsd?a': '200 a | a.txt',
      '/none?a': '200 a | a.txt',
      '/b/a%20b%26c': '200 a | a.txt u=a+b%26c',
      '/bn/a%20b+c': '200 a | a.txt u=a%20b%2bc',
      '/no/a%20b': '403',
      '/no/a%3fb': '200 a | a.txt u=a?b',
    },
  ],
  [
    'RewriteRule ^/x/(.*)$ /$1\nRewriteRule ^/y/(.*)$ /$1 [UnsafeAllow3F]',
    { '/x/a.txt%3fb': '403', '/y/a.txt%3fb': '200 a | a.txt b' },
  ],
  [
    `RewriteCond \${ROOT}/htdocs%{REQUEST_URI} -f
RewriteRule ^/(.*) - [E=X:file]
RewriteCond %{DOCUMENT_ROOT}%{REQUEST_FILENAME} -d
RewriteRule .* - [E=X:dir]
RewriteCond 5 -gt4
RewriteCond abc <abd
RewriteCond abc >=abc
RewriteCond "" =""
RewriteRule ^/cmp /b.txt
RewriteCond 5 -lt4 [OR]
RewriteCond 4 -eq4
RewriteRule ^/or /b.txt
RewriteCond 5 -lt4
RewriteRule ^/lt /b.txt`,
    {
      '/a.txt': '200 a | a.txt X=file',
      '/d/': '200 dindex',
      '/cmp': '200 b | b.txt',
      '/or': '200 b | b.txt',
      '/lt': '404',
    },
  ],
  [
    `RewriteCond expr "%{REQUEST_URI} =~ m#^/e(.)#"
RewriteRule .* /%1.txt
RewriteRule ^/c1 /c2 [C]
RewriteRule ^/c2 /a.txt
RewriteRule ^/sk - [S=1]
RewriteRule ^/sk /a.txt
RewriteRule ^/sk /b.txt
RewriteRule ^/n(.*)_(.*) /n$1-$2 [N]
RewriteRule ^/n1-2-3$ /a.txt
RewriteRule ^/inf(.*) /inf$1 [N=5]
RewriteRule !^/(z|a|b|d|c|n|s) /a.txt`,
    {
      '/ea': '200 a | a.txt',
      '/eb': '200 b | b.txt',
      '/c1': '200 a | a.txt',
      '/c2': '404',
      '/sk': '200 b | b.txt',
      '/n1_2_3': '200 a | a.txt',
      '/inf': '500',
      '/zz': '404',
      '/yy': '200 a | a.txt',
    },
  ],
  [
    `RewriteMap t txt:\${ROOT}/map.txt
RewriteMap u int:toupper
RewriteMap l int:tolower
RewriteMap p "prg:\${ROOT}/map.sh arg"
RewriteRule ^/m/(.*)$ \${t:$1|/d/index.html}
RewriteRule ^/up/(.*)$ /x?\${u:$1}\${l:ABC} [R,NE]
RewriteRule ^/nest/(.*)$ \${t:\${l:$1}}
RewriteRule ^/nomap \${zz:a|/a.txt}
RewriteRule ^/pr/(.*)$ \${p:$1|/b.txt}`,
    {
      '/m/a': '200 a | a.txt',
      '/m/b': '200 b | b.txt',
      '/m/zz': '200 dindex',
      '/up/abc': '302 /x?ABCabc',
      '/nest/A': '200 a | a.txt',
      '/nomap': '200 a | a.txt',
      '/pr/a': '200 a | a.txt',
      '/pr/zz': '200 b | b.txt',
    },
  ],
  [
    `RewriteCond %{LA-U:REQUEST_FILENAME} (a\\.txt)$
RewriteRule .* - [E=X:%1]
RewriteCond /b.txt -U
RewriteCond /zz.txt !-U
RewriteRule ^/u$ /a.txt
RewriteRule "^/sp ace$" "/sp ace.txt"
RewriteRule ^/sp\\ b$ /a\\.txt
RewriteRule ^/pct$ /b.txt?\\%1\\$1`,
    {
      '/a.txt': '200 a | a.txt X=a.txt',
      '/sp%20ace': '200 sp | sp ace.txt',
      '/sp%20b': '200 a | a.txt X=a.txt',
      '/pct': '200 b | b.txt %1$1',
    },
  ],
  [
    '<Location /off>\nRewriteEngine Off\n</Location>\n<Location /loc>\nRewriteRule .* /a.txt\n</Location>\nRewriteRule ^/off/(.*)$ /$1\nRewriteRule ^/on/(.*)$ /$1',
    { '/off/a.txt': '404', '/on/a.txt': '200 a | a.txt', '/loc/x': '200 a | a.txt' },
  ],
]

const DIRECTORY_ROWS: readonly Row[] = [
  [
    '<Directory ${ROOT}/htdocs>\nAllowOverride All\n</Directory>',
    {
      '/ht/one': '200 two | ht/two.txt',
      '/ht/abs': '200 a | a.txt',
      '/ht/q?a=1': '200 two | ht/two.txt z=1&a=1',
      '/ht/end': '200 endx | ht/endx',
      '/ht/e': '200 e | ht/e X=val',
      '/ht/f': '403',
      '/ht': '301 /ht/',
      '/base/one': '404',
      '/base/red': '301 /bb/two.txt',
    },
  ],
  [
    'Alias /al ${ROOT}/srv/al\n<Directory ${ROOT}/srv/al>\nRewriteEngine On\nRewriteRule ^g$ f.txt\n</Directory>',
    { '/al/g': '200 alf' },
  ],
  [
    '<Directory ${ROOT}/htdocs>\nRewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule .* a.txt\n</Directory>',
    {
      '/': '200 a | a.txt',
      '/none/x/y?q': '200 a | a.txt q',
      '/b.txt': '200 b | b.txt',
      '/d': '301 /d/',
    },
  ],
  [
    '<Directory ${ROOT}/htdocs>\nRewriteEngine On\nRewriteRule ^(.*)$ x/$1\n</Directory>',
    { '/a.txt': '500' },
  ],
  [
    '<Directory ${ROOT}/htdocs>\nOptions None\nRewriteEngine On\nRewriteRule ^a\\.txt$ b.txt\n</Directory>',
    { '/a.txt': '403' },
  ],
  [
    '<Directory ${ROOT}/htdocs>\nRewriteEngine On\nRewriteOptions InheritDownBefore\nRewriteRule ^ht/one$ - [E=X:outer]\nRewriteRule ^one$ - [E=X:inherited]\n</Directory>\n<Directory ${ROOT}/htdocs/ht>\nAllowOverride All\n</Directory>',
    { '/ht/one': '200 two | ht/two.txt X=inherited' },
  ],
]

const HTACCESS = `RewriteEngine On
RewriteRule ^one$ two.txt
RewriteRule ^abs$ /a.txt
RewriteRule ^q$ two.txt?z=1 [QSA]
RewriteRule ^end$ endx [END]
RewriteRule ^endx$ two.txt
RewriteRule ^e$ - [E=X:val,L]
RewriteRule ^f$ - [F]
`

const files = {
  'htdocs/a.txt': 'a',
  'htdocs/b.txt': 'b',
  'htdocs/sp ace.txt': 'sp',
  'htdocs/d/x.txt': 'x',
  'htdocs/d/index.html': 'dindex',
  'htdocs/ht/.htaccess': HTACCESS,
  'htdocs/ht/two.txt': 'two',
  'htdocs/ht/endx': 'endx',
  'htdocs/ht/e': 'e',
  'htdocs/base/.htaccess':
    'RewriteEngine On\nRewriteBase /bb/\nRewriteRule ^one$ two.txt\nRewriteRule ^red$ two.txt [R=301]\n',
  'map.txt': '# comment\na  /a.txt\nb /b.txt more\na /b.txt\n',
  'map.sh': '#!/bin/sh\nwhile read key; do if [ "$key" = a ]; then echo /a.txt; else echo NULL; fi; done\n',
  'srv/al/f.txt': 'alf',
}

function configuration(rows: readonly Row[]): string {
  const hosts = rows.map(
    ([rules], index) => `<VirtualHost *:\${PORT}>
ServerName c${index}.example
${rules.startsWith('<Directory') || rules.startsWith('Alias /al ${ROOT}/srv/al\n<Dir') ? '' : ON}${rules}
</VirtualHost>`,
  )
  return `DirectoryIndex index.html
Header always set F "expr=%{REQUEST_FILENAME}|%{QUERY_STRING}|%{reqenv:X}%{reqenv:REDIRECT_X}"
${hosts.join('\n')}`
}

/** What a request gives, in the form of the rows. */
async function answer(server: TestServer, host: string, place: string): Promise<string> {
  const { status, headers, text } = await server.get(place, { headers: { Host: host } })
  const { location } = headers
  if (status >= 300) return `${status} ${(location ?? '').replace(`http://${host}`, '')}`.trim()
  const [file = '', query = '', variable = ''] = String(headers.f).split('|')
  const below = `${server.root}/htdocs/`
  const seen = [file.slice(below.length), query, variable && `X=${variable}`].filter(Boolean).join(' ')
  return `${status} ${text} | ${seen}`
}

async function check(rows: readonly Row[]): Promise<void> {
  const prepare = async ({ root }: { root: string }) => {
    const { chmodSync } = await import('node:fs')
    chmodSync(`${root}/map.sh`, 0o755)
  }
  await withServer({ conf: configuration(rows), files, prepare, python: 'none' }, async (server) => {
    for (const [index, [rules, answers]] of rows.entries())
      for (const [place, expected] of Object.entries(answers)) {
        const got = await answer(server, `c${index}.example`, server.layout.fill(place))
        const short = expected.includes(' | ') || !expected.startsWith('200') ? got : got.split(' | ')[0]
        assert.equal(short, expected, `${place} with\n${rules}`)
      }
  })
}

test('rules of servers', () => check(SERVER_ROWS))

test('rules of directories', () => check(DIRECTORY_ROWS))

test('how mod_wsgi-express mounts an application: behind files, and behind rules of its own', async () => {
  const conf = `
LogLevel rewrite:trace4
DirectoryIndex index.html
WSGIHandlerScript wsgi-handler "\${ROOT}/apps/handler.wsgi"
<Directory "\${ROOT}/htdocs">
    AllowOverride FileInfo
    RewriteEngine On
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteRule .* - [H=wsgi-handler]
    RewriteOptions InheritDownBefore
</Directory>
<Location />
    SetHandler None
</Location>`
  const apps = {
    'handler.wsgi': `def handle_request(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('app %(SCRIPT_NAME)s %(PATH_INFO)s' % environ).encode()]
`,
  }
  const own = {
    'htdocs/d/index.html': 'index',
    'htdocs/a.txt': 'a',
    'htdocs/ht/.htaccess': HTACCESS,
    'htdocs/ht/two.txt': 'two',
  }
  await withServer({ conf, files: own, apps }, async (server) => {
    const text = async (place: string) => (await server.get(place)).text
    assert.equal(await text('/a.txt'), 'a')
    assert.match(await text('/'), /^app/)
    assert.match(await text('/x/y'), /^app/)
    assert.equal(await text('/d/'), 'index')
    assert.equal(await text('/ht/one'), 'two')
    await server.waitForLog(
      /\[rewrite:trace3\].*\[rid#\S+\/initial\] \[perdir \S+\] applying pattern '\.\*' to uri 'x\/y'/,
    )
  })
})

test('headers that conditions looked at are in Vary, cookies are set once, types and handlers are forced', async () => {
  const conf = `RewriteEngine On
RewriteCond %{HTTP_HOST} .
RewriteCond %{HTTP:X-A} !^$
RewriteRule ^/v$ /a.txt
RewriteCond %{HTTP_USER_AGENT} foo [NV]
RewriteRule ^/nv$ /a.txt
RewriteRule ^/ck$ /a.txt [CO=n:v:example.org,CO=m:w:example.org:0:/p:secure:httponly:Lax]
RewriteRule ^/t$ /a.txt [T=text/css]
RewriteRule ^/h$ /a.txt [H=nosuch]`
  await withServer({ conf, files, python: 'none' }, async (server) => {
    const varied = await server.get('/v', { headers: { 'X-A': '1' } })
    assert.deepEqual([varied.status, varied.headers.vary], [200, 'X-A'])
    assert.equal((await server.get('/v')).status, 404)
    assert.equal((await server.get('/nv', { headers: { 'User-Agent': 'foo' } })).headers.vary, undefined)
    assert.deepEqual((await server.get('/ck')).headers['set-cookie'], [
      'n=v; path=/; domain=example.org',
      'm=w; path=/p; domain=example.org; secure; HttpOnly; SameSite=Lax',
    ])
    assert.equal((await server.get('/t')).headers['content-type'], 'text/css')
    assert.equal((await server.get('/h')).status, 500)
  })
})
