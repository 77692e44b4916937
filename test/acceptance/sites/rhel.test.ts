/**
 * The stock configuration of RHEL 9 and its relatives, served as it is: first without a site, then with Django in a file of `conf.d`, which a
 * graceful restart brings in, by HTTP and by the HTTPS host of `ssl.conf`.
 */
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { isRoot } from '../../support/cache.js'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../../support/certificates.js'
import { askSecurely } from '../../support/https.js'
import { findPython, skipWithout } from '../../support/pythons.js'
import { type Layout, runLauncher, type TestServer, withServer } from '../../support/server.js'
import { virtualEnvironment } from '../../support/venv.js'
import { deployDjango, REQUIREMENTS, useDjango, useDjangoStatic } from '../sites.js'
import { RHEL_LINKS, rhelTree } from './rhel-tree.js'

const SITE = `# What an administrator would write.
WSGIDaemonProcess guestbook user=\${ACCOUNT} group=\${ACCOUNT_GROUP} python-home=\${VENV} python-path=\${ROOT}/srv/django
WSGIScriptAlias / \${ROOT}/srv/django/guestbook/wsgi.py process-group=guestbook application-group=%{GLOBAL}
Alias /static \${ROOT}/srv/django/static
<Directory \${ROOT}/srv/django>
    Require all granted
</Directory>
`

const NOBODY = { uid: 65534, gid: 65534 }

function makeTree(layout: Layout): void {
  const { root, ports } = layout
  const [port = 0, tlsPort = 0] = ports
  const tree = rhelTree({ root, account: 'nobody', group: '#65534', address: '127.0.0.1', port, tlsPort })
  for (const [name, text] of Object.entries(tree)) {
    const file = path.join(root, name)
    mkdirSync(name.endsWith('/') ? file : path.dirname(file), { recursive: true })
    if (!name.endsWith('/')) writeFileSync(file, text)
  }
  for (const [name, target] of Object.entries(RHEL_LINKS)) symlinkSync(target, path.join(root, name))
  // Where the harness looks.
  symlinkSync('var/log/httpd/error_log', path.join(root, 'error.log'))
  makeAuthority(root)
  makeCertificate(root, 'localhost', { names: 'DNS:localhost,DNS:guestbook.example' })
  for (const [folder, suffix] of [
    ['certs', 'crt'],
    ['private', 'key'],
  ] as const) {
    mkdirSync(path.join(root, 'etc/pki/tls', folder), { recursive: true })
    symlinkSync(
      path.join(root, `localhost.${suffix}`),
      path.join(root, `etc/pki/tls/${folder}/localhost.${suffix}`),
    )
  }
  layout.write('var/www/html/files/a10.txt', 'ten')
  layout.write('var/www/html/files/a9.txt', 'nine')
  layout.write('var/www/html/files/.hidden', 'hidden')
}

describe('the configuration of RHEL', { skip: skipWithout('3') || skipWithoutOpenssl }, () => {
  test('serves its own pages, and Django when that is added', async (t) => {
    const venv = await virtualEnvironment(findPython('3')?.version ?? '3', REQUIREMENTS)
    if ('skip' in venv) return t.skip(venv.skip)
    const prepare = async (layout: Layout) => {
      makeTree(layout)
      await deployDjango(path.join(layout.root, 'srv/django'), venv.home, isRoot ? NOBODY : undefined)
    }
    const args = ['-d', '${ROOT}/etc/httpd', '-f', 'conf/httpd.conf']
    await withServer(
      { bare: true, python: 'none', conf: '# ${PORT} ${PORT2}', args, prepare },
      async (server) => {
        const tlsPort = server.layout.ports[1] as number
        // As an operator would ask: the file is found below the directory.
        const checked = await runLauncher(['-d', path.join(server.root, 'etc/httpd'), '-t'])
        assert.equal(checked.code, 0)
        assert.match(checked.stderr, /Syntax OK/)
        await t.test('the stock tree', () => useStock(server, tlsPort))
        const site = SITE.replaceAll('${VENV}', venv.home)
          .replaceAll('${ACCOUNT}', 'nobody')
          .replaceAll('${ACCOUNT_GROUP}', '#65534')
        server.write(
          'etc/httpd/conf.d/guestbook.conf',
          isRoot ? site : site.replace(/user=\S+ group=\S+ /, ''),
        )
        await server.reload()
        await t.test('Django', () => useDjango(server.port, 'guestbook.example'))
        await t.test('its static files', () => useDjangoStatic(server.port, 'guestbook.example'))
        await t.test('the same over TLS', async () => {
          const page = await askSecurely(tlsPort, '/', { name: 'guestbook.example' })
          assert.match(page.text, /<h1>Guest book<\/h1>/)
          assert.equal(page.certificate, 'localhost')
          await server.waitForLog(
            /\] 127\.0\.0\.1 TLSv1\.3 \S+ "GET \/ HTTP\/1\.1" \d+$/m,
            'var/log/httpd/ssl_request_log',
          )
          await server.waitForLog(/"GET \/ HTTP\/1\.1" 200 \d+$/m, 'var/log/httpd/ssl_access_log')
        })
        assert.doesNotMatch(server.errorLog(), /\[[\w-]*:?(emerg|alert|crit)\]/)
      },
    )
  })
})

async function useStock(server: TestServer, tlsPort: number): Promise<void> {
  const front = await server.get('/')
  assert.equal(front.status, 403)
  assert.match(front.text, /Test page of the distribution/)
  assert.equal((await server.get('/.noindex.html')).status, 200)
  const listing = await server.get('/files/')
  assert.equal(listing.status, 200)
  assert.equal(listing.headers['content-type'], 'text/html;charset=ISO-8859-1')
  assert.deepEqual(
    [...listing.text.matchAll(/href="(a\d+\.txt|\.hidden)"/g)].map((found) => found[1]),
    ['a9.txt', 'a10.txt'],
  )
  const file = await server.get('/files/a9.txt')
  assert.equal(file.headers['content-type'], 'text/plain; charset=UTF-8')
  assert.equal((await server.get('/.htaccess')).status, 403)
  assert.equal((await server.get('/cgi-bin/')).status, 403)
  assert.equal((await askSecurely(tlsPort, '/files/a9.txt', { name: 'localhost' })).text, 'nine')
  await server.waitForLog(/"GET \/files\/a9\.txt HTTP\/1\.1" 200 4 "-" "-"/, 'var/log/httpd/access_log')
}
