/** What hook scripts learn of TLS: `mod_ssl.is_https()` and `mod_ssl.var_lookup(name)`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../../support/certificates.js'
import { askSecurely } from '../../support/https.js'
import { findPythons } from '../../support/pythons.js'
import { type ServerOptions, withServer } from '../../support/server.js'

const ACCESS = `
def allow_access(environ, host):
    look = environ['mod_ssl.var_lookup']
    assert environ['mod_ssl.is_https']() is True
    assert look('SSL_PROTOCOL').startswith('TLSv1.'), look('SSL_PROTOCOL')
    assert look('NO_SUCH_VARIABLE') == ''
    assert not any(key.startswith('SSL_') for key in environ)
    if not look('SSL_CLIENT_CERT'):
        return False
    assert look('SSL_CLIENT_CERT').startswith('-----BEGIN CERTIFICATE-----')
    return look('SSL_CLIENT_S_DN_CN') == 'client'
`

const OPTIONS: ServerOptions = {
  prepare: ({ root }) => {
    makeAuthority(root)
    for (const name of ['one.example', 'client', 'stranger'])
      makeCertificate(root, name, { subject: `/CN=${name}` })
  },
  apps: { 'access.py': ACCESS },
  files: { 'htdocs/a.txt': 'a file' },
  conf: `
Listen 127.0.0.1:\${PORT2} https
<VirtualHost *:\${PORT2}>
  ServerName one.example
  SSLEngine on
  SSLCertificateFile one.example.crt
  SSLCertificateKeyFile one.example.key
  SSLCACertificateFile ca.crt
  SSLVerifyClient optional
  <Location />
    WSGIAccessScript \${ROOT}/apps/access.py
  </Location>
</VirtualHost>`,
}

const isEmbeddable = findPythons().some(
  ({ major, minor, sharedLibrary }) => major === 3 && minor >= 8 && sharedLibrary !== undefined,
)

test('an access script over TLS', {
  skip: skipWithoutOpenssl || (!isEmbeddable && 'no Python to embed'),
}, async () => {
  await withServer(OPTIONS, async (server) => {
    const port = server.layout.ports[1] as number
    const status = async (name?: string) => {
      const file = (suffix: string) => readFileSync(path.join(server.root, `${name}.${suffix}`))
      const own = name === undefined ? {} : { cert: file('crt'), key: file('key') }
      return (await askSecurely(port, '/a.txt', { name: 'one.example', ...own })).status
    }
    assert.deepEqual([await status(), await status('client'), await status('stranger')], [403, 200, 403])
    assert.doesNotMatch(server.errorLog(), /AssertionError/)
  })
})
