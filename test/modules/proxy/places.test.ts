/** `<Proxy>` sections, `RewriteRule … [P]` and TLS to backends, on the real server. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { modules } from '../../../src/modules/index.js'
import { proxyPlaces } from '../../../src/modules/proxy/place.js'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../../support/certificates.js'
import { withServer } from '../../support/server.js'
import { faultsOf } from '../../support/site.js'

const answer: RequestListener = (request, response) => {
  response.setHeader('Server', 'backend/9')
  response.end(request.url)
}

const directory = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-proxy-'))
const servers: Server[] = []
let plain = 0

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

before(async () => {
  plain = await listen(createServer(answer))
})

after(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(directory, { recursive: true })
})

test('sections of backends hold for what goes there, by ProxyPass and by [P]', async () => {
  const conf = `
ProxyPass /a http://127.0.0.1:${plain}/a
ProxyPass /b http://127.0.0.1:${plain}/b
ProxyPass /c http://127.0.0.1:${plain}/c
<Proxy "http://127.0.0.1:${plain}/b">
    Require all denied
</Proxy>
<ProxyMatch "/c/x$">
    Require all denied
</ProxyMatch>
<Proxy *>
    Header set X-Star 1
</Proxy>
<Location /b/open>
    Require all granted
</Location>
RewriteEngine On
RewriteRule ^/p/(.*)$ http://127.0.0.1:${plain}/d/$1 [P]
RewriteRule ^/pb/(.*)$ http://127.0.0.1:${plain}/b/$1 [P]
RewriteRule ^/query$ http://127.0.0.1:${plain}/q?z=1 [P,QSA]
RewriteRule ^/raw/(.*)$ http://127.0.0.1:${plain}/r\\%2F$1 [P,NE]
RewriteRule ^/ftp$ ftp://127.0.0.1/ [P]
<Directory "\${ROOT}/htdocs/h">
    RewriteEngine On
    RewriteRule ^x(.*)$ http://127.0.0.1:${plain}/h$1 [P]
</Directory>
`
  await withServer({ conf, files: { 'htdocs/h/': '', 'htdocs/own.txt': 'own' } }, async (server) => {
    const rows: [url: string, status: number, text?: string][] = [
      ['/a/1?q=2', 200, '/a/1?q=2'],
      ['/b/1', 403],
      ['/b/open', 200, '/b/open'],
      ['/c/x', 403],
      ['/c/y', 200, '/c/y'],
      ['/p/1%202%25?x', 200, '/d/1%202%25?x'],
      ['/pb/1', 403],
      ['/query?a=1', 200, '/q?z=1&a=1'],
      ['/raw/1%202', 200, '/r%2F1%202'],
      ['/h/x1/2', 200, '/h1/2'],
      ['/ftp', 500],
    ]
    for (const [url, status, text] of rows) {
      const got = await server.get(url)
      assert.equal(got.status, status, url)
      if (text === undefined) continue
      assert.equal(got.text, text)
      // a directory's rules run when sections have been chosen already
      assert.equal(got.headers['x-star'], url.startsWith('/h/') ? undefined : '1', url)
      assert.equal(got.headers.server, 'backend/9', 'the backend says who it is')
    }
    const own = await server.get('/own.txt')
    assert.equal(own.headers['x-star'], undefined)
    assert.match(String(own.headers.server), /^wsgi-httpd/)
  })
})

test('how a section may have written a URL', () => {
  const rows: [name: string, places: string[]][] = [
    ['proxy:http://A:8080/X', ['http://a:8080/X', 'ws://a:8080/X']],
    ['proxy:http://a:80/x', ['http://a/x', 'http://a:80/x', 'ws://a/x', 'ws://a:80/x']],
    [
      'proxy:unix:/s|https://a:1/',
      ['https://a:1/', 'unix:/s|https://a:1/', 'wss://a:1/', 'unix:/s|wss://a:1/'],
    ],
    ['proxy:nonsense', ['nonsense']],
  ]
  for (const [name, places] of rows) assert.deepEqual(proxyPlaces(name), places)
})

test('what sections and directives of TLS refuse', () => {
  const rows: [conf: string, fault: RegExp][] = [
    ['<Proxy>\n</Proxy>', /<Proxy> directive requires additional arguments/],
    ['<Proxy http://a/ retry=5>\n</Proxy>', /parameters \(retry=5\) are not taken here/],
    ['<ProxyMatch "(">\n</ProxyMatch>', /Regex could not be compiled/],
    ['SSLProxyVerify perhaps', /SSLProxyVerify: Invalid argument 'perhaps'/],
    ['SSLProxyCACertificateFile /nowhere', /file '\/nowhere' does not exist/],
    ['SSLProxyProtocol all -TLSv1.2', /SSLProxyProtocol: .* leave a version out/],
    ['<Location />\nSSLProxyEngine On\n</Location>', /SSLProxyEngine not allowed in <Location> context/],
  ]
  for (const [conf, fault] of rows) {
    const faults = faultsOf(conf, modules)
    assert.equal(faults.length, 1, conf)
    assert.match(faults[0] as string, fault)
  }
})

test('TLS to backends is as the directives say', { skip: skipWithoutOpenssl }, async () => {
  makeAuthority(directory)
  makeCertificate(directory, 'named', { names: 'IP:127.0.0.1' })
  makeCertificate(directory, 'other.test')
  const secure = (name: string): Promise<number> => {
    const file = (end: string) => readFileSync(path.join(directory, `${name}.${end}`))
    return listen(createSecureServer({ cert: file('crt'), key: file('key') }, answer))
  }
  const [named, other] = [await secure('named'), await secure('other.test')]
  const ca = path.join(directory, 'ca.crt')
  const host = (name: string, lines: string) =>
    `<VirtualHost *:\${PORT}>\nServerName ${name}\n${lines}\n</VirtualHost>\n`
  const on = 'SSLProxyEngine On\n'
  const conf = `
ProxyPass /named/ https://127.0.0.1:${named}/
ProxyPass /other/ https://127.0.0.1:${other}/
${host('off', '')}
${host('default', on)}
${host('anyname', `${on}SSLProxyCheckPeerName Off`)}
${host('verified', `${on}SSLProxyVerify require\nSSLProxyCACertificateFile ${ca}`)}
${host('unverified', `${on}SSLProxyVerify require\nSSLProxyCACertificateFile ${path.join(directory, 'other.test.crt')}`)}
${host('lenient', `${on}SSLProxyVerify optional_no_ca`)}
${host('shallow', `${on}SSLProxyVerify require\nSSLProxyVerifyDepth 0\nSSLProxyCACertificateFile ${ca}`)}
${host('section', `<Proxy https://127.0.0.1:${named}>\n${on}</Proxy>`)}
`
  await withServer({ conf }, async (server) => {
    const rows: [host: string, named: number, other: number][] = [
      ['off', 500, 500],
      ['default', 200, 500],
      ['anyname', 200, 200],
      ['verified', 200, 500],
      ['unverified', 500, 500],
      ['lenient', 200, 500],
      ['shallow', 500, 500],
      ['section', 200, 500],
    ]
    for (const [name, ...statuses] of rows)
      for (const [at, place] of ['/named/x', '/other/x'].entries()) {
        const got = await server.get(place, { headers: { Host: name } })
        assert.equal(got.status, statuses[at], `${name} ${place}`)
        if (got.status === 200) assert.equal(got.text, '/x')
      }
    await server.waitForLog(/AH00961: https: failed to enable ssl support for 127\.0\.0\.1/)
    await server.waitForLog(/AH01997: .*Peer certificate does not match for hostname 127\.0\.0\.1/)
    await server.waitForLog(/AH01997: .*certificate verification failed: /)
    await server.waitForLog(/AH01997: .*certificate chain too long/)
    await server.waitForLog(/AH00898: Error during SSL Handshake with remote server returned by \/other\/x/)
  })
})
