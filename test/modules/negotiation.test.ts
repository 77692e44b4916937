/** Content negotiation: which variant is chosen, and `Options MultiViews` on the real server. Expectations were seen on httpd 2.4.71. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  alternatesOf,
  choose,
  type Preferences,
  type Variant,
  varyOf,
} from '../../src/modules/negotiation/choose.js'
import { withServer } from '../support/server.js'

const variant = (name: string, more: Partial<Variant> = {}): Variant => ({
  name,
  type: 'text/html',
  charset: undefined,
  languages: [],
  encodings: [],
  quality: 1,
  size: 10,
  ...more,
})
const preferences = (more: Partial<Preferences>): Preferences => ({
  accept: undefined,
  language: undefined,
  charset: undefined,
  encoding: undefined,
  ...more,
})
const RULES = { priority: [], prefer: true, fallback: false }

const LANGUAGES = [
  variant('p.de', { languages: ['de'] }),
  variant('p.en', { languages: ['en'] }),
  variant('p.en-gb', { languages: ['en-gb'] }),
]
const TYPES = [variant('q.html', { size: 30 }), variant('q.txt', { type: 'text/plain' })]
const ENCODED = [variant('g.gz', { encodings: ['x-gzip'], size: 1 }), variant('g')]

test('the best variant', () => {
  const rows: [variants: readonly Variant[], wishes: Partial<Preferences>, expected: string | undefined][] = [
    [LANGUAGES, { language: 'en' }, 'p.en'],
    [LANGUAGES, { language: 'en-GB, en;q=0.5' }, 'p.en-gb'],
    [LANGUAGES, { language: 'en-us' }, 'p.en'],
    [LANGUAGES, { language: 'de;q=0.8, en;q=0.3' }, 'p.de'],
    [LANGUAGES, { language: 'fr' }, undefined],
    [LANGUAGES, { language: 'fr, *;q=0.1' }, 'p.de'],
    [TYPES, {}, 'q.txt'],
    [TYPES, { accept: 'text/html, */*' }, 'q.html'],
    [TYPES, { accept: 'text/html;q=0.3, text/plain;q=0.5' }, 'q.txt'],
    [TYPES, { accept: 'image/png' }, undefined],
    [TYPES, { accept: 'text/*' }, 'q.txt'],
    [ENCODED, {}, 'g'],
    [ENCODED, { encoding: 'gzip' }, 'g.gz'],
    [ENCODED, { encoding: 'identity;q=0, gzip' }, 'g.gz'],
    [ENCODED, { encoding: 'br' }, 'g'],
    [[variant('c', { charset: 'utf-8' })], { charset: 'iso-8859-5' }, undefined],
    [[variant('c', { charset: 'utf-8' })], { charset: '*' }, 'c'],
    [TYPES, { accept: 'q=nonsense;;;,,' }, undefined],
  ]
  for (const [variants, wishes, expected] of rows)
    assert.equal(choose(variants, preferences(wishes), RULES)?.name, expected, JSON.stringify(wishes))
})

test('LanguagePriority decides between equals, and where nothing suits with Fallback', () => {
  const rules = { priority: ['en', 'de'], prefer: true, fallback: true }
  assert.equal(choose(LANGUAGES, preferences({}), rules)?.name, 'p.en')
  assert.equal(choose(LANGUAGES, preferences({ language: 'de, en' }), rules)?.name, 'p.en')
  assert.equal(choose(LANGUAGES, preferences({ language: 'fr' }), rules)?.name, 'p.en')
  assert.equal(choose(LANGUAGES, preferences({ language: 'de' }), rules)?.name, 'p.de')
})

test('Vary names what the variants differ in; Alternates lists them', () => {
  assert.equal(varyOf(LANGUAGES), 'negotiate,accept-language')
  assert.equal(varyOf([...TYPES, ...ENCODED]), 'negotiate,accept,accept-encoding')
  assert.equal(alternatesOf([TYPES[1] as Variant]), '{"q.txt" 1 {type text/plain} {length 10}}')
})

test('MultiViews on the real server', async () => {
  const conf = `
AddLanguage en .en
AddLanguage de .de
AddEncoding gzip .gz
AddHandler wsgi-script .wsgi
<Directory "\${ROOT}/htdocs">
  Options +MultiViews +ExecCGI
</Directory>
<Directory "\${ROOT}/htdocs/handlers">
  MultiviewsMatch Handlers
</Directory>
<Directory "\${ROOT}/htdocs/off">
  Options -MultiViews
</Directory>
`
  const application = `def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Vary', 'Cookie')])
    return [('%(SCRIPT_NAME)s %(PATH_INFO)s %(REQUEST_URI)s' % environ).encode()]
`
  const files = {
    'htdocs/p.html.en': 'en',
    'htdocs/p.html.de': 'de',
    'htdocs/q.txt': 'q',
    'htdocs/u.zzz': 'u',
    'htdocs/s.wsgi': application,
    'htdocs/handlers/s.wsgi': application,
    'htdocs/off/q.txt': 'q',
    'htdocs/secret.txt': 'x',
  }
  const closed = '<Files secret.txt>\nRequire all denied\n</Files>'
  await withServer({ conf: conf + closed, files }, async (server) => {
    const german = await server.get('/p', { headers: { 'Accept-Language': 'de' } })
    assert.deepEqual(
      [german.text, german.headers['content-location'], german.headers.vary, german.headers.tcn],
      ['de', 'p.html.de', 'negotiate,accept-language', 'choice'],
    )
    const none = await server.get('/p', { headers: { 'Accept-Language': 'fr' } })
    assert.equal(none.status, 406)
    assert.match(
      String(none.headers.alternates),
      /\{"p\.html\.de" 1 \{type text\/html\} \{language de\} \{length 2\}\}/,
    )
    assert.equal((await server.get('/q')).text, 'q')
    assert.equal((await server.get('/q/more')).status, 404)
    for (const place of ['/u', '/s', '/nothing', '/off/q', '/secret'])
      assert.equal((await server.get(place)).status, 404, place)
    const script = await server.get('/handlers/s/pi?q=1')
    assert.equal(script.text, '/handlers/s.wsgi /pi /handlers/s/pi?q=1')
    assert.deepEqual([script.headers['content-location'], script.headers.vary], [undefined, 'Cookie'])
    const plain = await server.get('/handlers/s')
    assert.equal(plain.headers['content-location'], 's.wsgi')
    assert.equal(plain.headers.vary, 'Cookie, negotiate')
  })
})

const HANDLER = `
def handle_request(environ, start_response):
    start_response('200 OK', [])
    return [('%(SCRIPT_NAME)s %(PATH_INFO)s %(QUERY_STRING)s %(REQUEST_URI)s' % environ).encode('ascii')]
`

const CONF = `
WSGIDaemonProcess one
WSGIHandlerScript bobo-script \${ROOT}/apps/handler.wsgi process-group=one application-group=%{GLOBAL}
AddHandler bobo-script .bobo
AddLanguage en .en
AddLanguage de .de
<Directory \${ROOT}/htdocs>
  Options +MultiViews
</Directory>
<Directory \${ROOT}/htdocs/handlers>
  MultiviewsMatch Handlers
</Directory>
<Files secret.html>
  Require all denied
</Files>
`

test('MultiViews with handler scripts', async () => {
  const files = {
    'htdocs/page.html.en': 'English',
    'htdocs/page.html.de': 'Deutsch!',
    'htdocs/page.html.unknown': 'of a kind that nobody knows',
    'htdocs/handlers/x.bobo': 'never shown',
    'htdocs/x.bobo': 'never shown',
    'htdocs/secret.html': 'secret',
  }
  await withServer({ conf: CONF, files, apps: { 'handler.wsgi': HANDLER } }, async (server) => {
    const german = await server.get('/page', { headers: { 'Accept-Language': 'de' } })
    assert.deepEqual([german.status, german.text], [200, 'Deutsch!'])
    assert.equal(german.headers['content-location'], 'page.html.de')
    assert.equal(german.headers.vary, 'negotiate,accept-language')
    assert.equal(german.headers.tcn, 'choice')
    assert.equal(german.headers['content-language'], 'de')
    assert.equal((await server.get('/page.html', { headers: { 'Accept-Language': 'en' } })).text, 'English')
    assert.equal((await server.get('/page', { headers: { 'Accept-Language': 'fr' } })).status, 406)
    await server.waitForLog(
      /no acceptable variant: .*\/page \(there are page\.html\.(en|de), page\.html\.(en|de)\)/,
    )
    assert.equal((await server.get('/page.html.en')).headers.tcn, undefined)
    assert.equal((await server.get('/none')).status, 404)
    assert.equal((await server.get('/secret')).status, 404)

    // an extension that has a handler and nothing else counts where MultiviewsMatch says so
    assert.equal((await server.get('/x')).status, 404)
    const handled = await server.get('/handlers/x/more?a=b')
    assert.equal(handled.text, '/handlers/x.bobo /more a=b /handlers/x/more?a=b')
  })
})
