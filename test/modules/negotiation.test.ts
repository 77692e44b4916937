/** `Options MultiViews`: which variant is chosen (pure), and what the server does with it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  choose,
  type LanguageRules,
  type Variant,
  type Wishes,
} from '../../src/modules/negotiation/choose.js'
import { withServer } from '../support/server.js'

const variant = (more: Partial<Variant>): Variant => ({
  type: 'text/html',
  languages: [],
  charset: undefined,
  encodings: [],
  size: 100,
  ...more,
})
const NOTHING: Wishes = { accept: undefined, language: undefined, charset: undefined, encoding: undefined }
const RULES: LanguageRules = { priority: [], prefer: true, fallback: false }

const EN = variant({ languages: ['en'] })
const EN_GB = variant({ languages: ['en-gb'] })
const DE = variant({ languages: ['de'], size: 50 })
const PLAIN = variant({ type: 'text/plain' })
const HTML = variant({})
const GZ = variant({ encodings: ['gzip'], size: 10 })

const CHOICES: readonly [
  name: string,
  variants: readonly Variant[],
  wishes: Partial<Wishes>,
  rules: Partial<LanguageRules>,
  chosen: Variant | undefined,
][] = [
  ['the smaller one where nothing else tells them apart', [EN, DE], {}, {}, DE],
  ['a priority of languages breaks ties', [DE, EN], {}, { priority: ['en', 'de'] }, EN],
  ['the language asked for', [EN, DE], { language: 'en;q=0.9, de;q=0.5' }, {}, EN],
  ['a language nobody asked for', [DE, EN], { language: 'x' }, {}, undefined],
  ['a language is good for its dialects', [DE, EN_GB], { language: 'en' }, {}, EN_GB],
  [
    'none suits: the first by priority, where that is the rule',
    [DE, EN],
    { language: 'fr' },
    { priority: ['en'], fallback: true },
    EN,
  ],
  ['media types', [PLAIN, HTML], { accept: 'text/html, text/*;q=0.5' }, {}, HTML],
  ['a media type that is refused', [PLAIN], { accept: 'text/html, text/plain;q=0' }, {}, undefined],
  ['no media type fits', [PLAIN, HTML], { accept: 'image/png' }, {}, undefined],
  ['everything, a little', [PLAIN, HTML], { accept: 'text/plain, */*;q=0.1' }, {}, PLAIN],
  ['a coding that is not asked for comes last', [GZ, HTML], {}, {}, HTML],
  ['a coding that is asked for', [HTML, GZ], { encoding: 'gzip' }, {}, GZ],
  ['a coding that is not understood', [GZ], { encoding: 'br' }, {}, undefined],
  [
    'a charset',
    [variant({ charset: 'utf-8' }), variant({ charset: 'koi8-r' })],
    { charset: 'koi8-r' },
    {},
    undefined,
  ],
]

describe('the choice', () => {
  for (const [name, variants, wishes, rules, chosen] of CHOICES) {
    test(name, () => {
      const at = choose(variants, { ...NOTHING, ...wishes }, { ...RULES, ...rules })
      if (name === 'a charset') assert.equal(at, 1)
      else assert.equal(at === undefined ? undefined : variants[at], chosen)
    })
  }
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

test('MultiViews on the server', async () => {
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
