/**
 * What a real browser makes of this server: log-ins, HTTP/2, listings, error pages, the status page, the demo.
 * `WSGI_HTTPD_SCREENSHOTS=directory` leaves a picture of each page there, on a wide and on a narrow screen.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../../support/certificates.js'
import { findPython, type Python, skipWithout, usable } from '../../support/pythons.js'
import { PROJECT, type TestServer, withServer } from '../../support/server.js'
import { Chromium, skipWithoutChromium } from './chromium.js'

const WHO = `
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/html')])
    return [('<h1>%s by %s</h1>' % (environ.get('REMOTE_USER'), environ.get('AUTH_TYPE'))).encode()]
`

/** A page that says how its style sheet and its picture came. */
const PAGE = `<!DOCTYPE html>
<html><head><title>Page</title><link rel="stylesheet" href="/static/page.css"></head>
<body><h1>Page</h1><img src="/static/dot.svg" alt="dot"><p id="seen"></p>
<script>
addEventListener('load', () => {
  const parts = performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname + '=' + entry.nextHopProtocol)
  document.getElementById('seen').textContent =
    [...parts, 'page=' + performance.getEntriesByType('navigation')[0].nextHopProtocol, getComputedStyle(document.body).color].join(' ')
})
</script></body></html>
`

const CONF = `
Listen 127.0.0.1:\${PORT2} https
ExtendedStatus On
ServerAdmin webmaster@example.org
ServerSignature On
WSGIScriptAlias /basic "\${ROOT}/apps/who.wsgi"
WSGIScriptAlias /digest "\${ROOT}/apps/who.wsgi"
<LocationMatch ^/(basic|digest)>
    AuthName "staff"
    AuthUserFile "\${ROOT}/users"
    Require valid-user
</LocationMatch>
<Location /basic>
    AuthType Basic
    AuthBasicProvider file
</Location>
<Location /digest>
    AuthType Digest
    AuthDigestProvider file
    AuthUserFile "\${ROOT}/digests"
</Location>
<Location /private>
    AuthType Digest
    AuthName "staff"
    AuthDigestProvider file
    AuthUserFile "\${ROOT}/digests"
    Require valid-user
</Location>
<Directory "\${ROOT}/htdocs/files">
    Options +Indexes
    IndexOptions FancyIndexing HTMLTable FoldersFirst
    AddDescription "A picture" *.svg
</Directory>
<Location /status>
    SetHandler server-status
</Location>
<VirtualHost *:\${PORT2}>
    SSLEngine on
    SSLCertificateFile "\${ROOT}/site.crt"
    SSLCertificateKeyFile "\${ROOT}/site.key"
    Protocols h2 http/1.1
</VirtualHost>
`

const files = {
  'htdocs/page.html': PAGE,
  'htdocs/static/page.css': 'body { color: rgb(1, 2, 3) }\n',
  'htdocs/static/dot.svg':
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="4" cx="4" cy="4"/></svg>',
  'htdocs/private/page.html': PAGE.replaceAll('/static/', '/private/'),
  'htdocs/private/page.css': 'body { color: rgb(4, 5, 6) }\n',
  'htdocs/private/dot.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
  'htdocs/files/a file with spaces & signs <1>.txt': 'text',
  'htdocs/files/dot.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'htdocs/files/folder/x.txt': 'x',
  users: `anna:{SHA}${createHash('sha1').update('secret').digest('base64')}\n`,
  digests: `anna:staff:${createHash('md5').update('anna:staff:secret').digest('hex')}\n`,
}

const skip = skipWithoutChromium || skipWithoutOpenssl || skipWithout('3')

describe('chromium', { skip }, () => {
  const browser = new Chromium()
  after(() => browser.close())

  test('pages of the server', async (t) => {
    const prepare = ({ root }: { root: string }) => {
      makeAuthority(root)
      makeCertificate(root, 'site', { names: 'DNS:localhost' })
    }
    await withServer({ conf: CONF, files, apps: { 'who.wsgi': WHO }, prepare }, async (server) => {
      const at = (place: string, user = '') => server.url(place).replace('//', `//${user}`)
      await t.test('Basic and Digest log-in', async () => {
        assert.match(await browser.documentOf(at('/basic', 'anna:secret@')), /<h1>anna by Basic<\/h1>/)
        assert.match(await browser.documentOf(at('/digest', 'anna:secret@')), /<h1>anna by Digest<\/h1>/)
        assert.doesNotMatch(await browser.documentOf(at('/digest', 'anna:wrong@')), /anna/)
      })
      await t.test('a page whose files come over HTTP/2', async () => {
        const seen = await browser.documentOf(`https://localhost:${server.layout.ports[1]}/page.html`)
        assert.match(seen, /\/static\/page\.css=h2 /)
        assert.match(seen, /\/static\/dot\.svg=h2 /)
        assert.match(seen, /page=h2 rgb\(1, 2, 3\)/)
        await server.waitForLog(/"GET \/static\/page\.css HTTP\/2\.0" 200 /, 'access.log')
      })
      await t.test('Digest log-in and static files behind it, over HTTP/2', async () => {
        const place = `localhost:${server.layout.ports[1]}/private/page.html`
        const seen = await browser.documentOf(`https://anna:secret@${place}`)
        assert.match(seen, /\/private\/page\.css=h2 /)
        assert.match(seen, /\/private\/dot\.svg=h2 /)
        assert.match(seen, /page=h2 rgb\(4, 5, 6\)/)
        await server.waitForLog(/ anna [^\n]*"GET \/private\/page\.css HTTP\/2\.0" 200 /, 'access.log')
        assert.doesNotMatch(await browser.documentOf(`https://anna:wrong@${place}`), /rgb/)
      })
      await t.test('a listing', async () => {
        const listing = await browser.documentOf(at('/files/'))
        assert.match(listing, /<a href="a%20file%20with%20spaces%20[^"]*">a file with spaces/)
        assert.match(listing, /<td>A picture<\/td>/)
      })
      await t.test('an error page and the status page', async () => {
        assert.match(await browser.documentOf(at('/nowhere')), /<h1>Not Found<\/h1>/)
        assert.match(await browser.documentOf(at('/status')), /<h1>Server Status for 127\.0\.0\.1/)
      })
      await pictures(server, { listing: '/files/', error: '/nowhere', status: '/status', page: '/page.html' })
    })
  })

  test('the demo', async () => {
    const folder = path.join(PROJECT, 'examples', 'demo')
    const options = {
      bare: true,
      conf: `Include "${folder}/httpd.conf"\n`,
      args: [
        ...[
          '-d',
          folder,
          '-f',
          '${ROOT}/httpd.conf',
          '-C',
          'Define PORT ${PORT}',
          '-C',
          'Define LOGS ${ROOT}',
        ],
        ...['-C', `WSGIPythonHome "${usable(findPython('3') as Python).home}"`],
      ],
    }
    await withServer(options, async (server) => {
      assert.match(await browser.documentOf(server.url('/')), /It runs in a daemon process/)
      assert.match(await browser.documentOf(server.url('/embedded')), /It runs embedded/)
      assert.match(await browser.documentOf(server.url('/static/')), /<h1>Static files<\/h1>/)
      await pictures(server, { demo: '/', 'demo-embedded': '/embedded', 'demo-static': '/static/' })
    })
  })

  async function pictures(server: TestServer, places: Readonly<Record<string, string>>): Promise<void> {
    const folder = process.env.WSGI_HTTPD_SCREENSHOTS
    if (folder === undefined) return
    for (const [name, place] of Object.entries(places)) {
      await browser.screenshot(server.url(place), path.join(folder, `${name}.png`))
      await browser.screenshot(server.url(place), path.join(folder, `${name}-narrow.png`), '390,800')
    }
  }
})
