/**
 * What places demand of TLS connections: `SSLRequire`, `SSLCipherSuite` in sections. Answers are those that httpd gives.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../support/certificates.js'
import { askSecurely } from '../support/https.js'
import { type Layout, withConfiguration, withServer } from '../support/server.js'

function certificates({ root }: Layout): void {
  makeAuthority(root)
  makeCertificate(root, 'one.example')
  makeCertificate(root, 'client', {
    subject: '/C=GB/O=Snake Oil, Ltd./OU=Staff/CN=client',
    more: '1.2.3.4.5.6=ASN1:UTF8String:foobar\n2.16.840.1.113730.1.13=ASN1:IA5String:a comment\n1.2.3.4.5.7=ASN1:INTEGER:7',
  })
}

/** Expressions, and the statuses without and with a client's certificate. */
const REQUIREMENTS: readonly (readonly [text: string, without: number, withCertificate: number])[] = [
  ['%{SSL_PROTOCOL} eq "TLSv1.3"', 200, 200],
  ['%{SSL_CIPHER} eq "x"', 403, 403],
  ['%{SSL_CIPHER} !~ m/^(EXP|NULL)/', 200, 200],
  ['%{SSL_CIPHER_USEKEYSIZE} >= 9', 200, 200],
  ['%{SSL_CLIENT_S_DN_O} eq "Snake Oil, Ltd."', 403, 200],
  ['%{SSL_CLIENT_S_DN_OU} in {"Staff", "CA", "Dev"}', 403, 200],
  ['"foobar" in PeerExtList("1.2.3.4.5.6")', 403, 200],
  ['"foo" in PeerExtList("1.2.3.4.5.6")', 403, 403],
  ['"a comment" in peerextlist("2.16.840.1.113730.1.13")', 403, 200],
  ['"7" in PeerExtList("1.2.3.4.5.7")', 403, 403],
  ['%{SSL_CLIENT_VERIFY} eq "SUCCESS" or %{REMOTE_ADDR} =~ m/^192\\.76\\.162\\.[0-9]+$/', 403, 200],
  ['( %{TIME_WDAY} -ge 0 and %{TIME_WDAY} -le 6 and not %{HTTP:X-Secret} eq "1" )', 200, 200],
  ['file("${ROOT}/secret") eq "hush"', 200, 200],
  ['file("${ROOT}/nowhere") eq "hush"', 403, 403],
]

const place = (index: number, text: string) =>
  `Alias /r${index}/ "\${ROOT}/htdocs/"\n<Location /r${index}/>\nSSLRequire ${text.replace('${ROOT}', '${ROOT}')}\n</Location>\n`

const CONF = `
Listen 127.0.0.1:\${PORT2} https
<VirtualHost *:\${PORT2}>
  ServerName one.example
  SSLEngine on
  SSLCertificateFile one.example.crt
  SSLCertificateKeyFile one.example.key
  SSLCACertificateFile ca.crt
  SSLVerifyClient optional
  SSLCipherSuite ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384
</VirtualHost>
${REQUIREMENTS.map(([text], index) => place(index, text)).join('')}
<Location /r0/outer/>
  SSLRequire %{SSL_CLIENT_VERIFY} eq "NONE"
</Location>
<Location /strong/>
  SSLCipherSuite AES256+ECDHE
</Location>
Alias /strong/ "\${ROOT}/htdocs/"
<Directory "\${ROOT}/htdocs/any">
  SSLRequire false
  Require all denied
  Satisfy Any
  Order allow,deny
  Allow from all
</Directory>
<Directory "\${ROOT}/htdocs/strict">
  SSLOptions +StrictRequire
  SSLRequire false
  Satisfy Any
  Order allow,deny
  Allow from all
</Directory>
<Directory "\${ROOT}/htdocs/ht">
  AllowOverride AuthConfig
</Directory>
`

describe('what places demand of TLS', { skip: skipWithoutOpenssl }, () => {
  test('SSLRequire and SSLCipherSuite in sections', async () => {
    await withServer(
      {
        prepare: certificates,
        files: {
          secret: 'hush',
          'htdocs/a.txt': 'a',
          'htdocs/outer/a.txt': 'a',
          'htdocs/strict/a.txt': 'a',
          'htdocs/ht/a.txt': 'a',
          'htdocs/ht/.htaccess': 'SSLRequire %{SSL_CLIENT_VERIFY} eq "SUCCESS"\n',
        },
        conf: CONF,
      },
      async (server) => {
        const port = server.layout.ports[1] as number
        const file = (name: string) => readFileSync(path.join(server.root, name))
        const client = { cert: file('client.crt'), key: file('client.key') }
        const status = async (url: string, more = {}) =>
          (await askSecurely(port, url, { name: 'one.example', ...more })).status
        for (const [index, [text, without, withCertificate]] of REQUIREMENTS.entries())
          assert.deepEqual(
            [await status(`/r${index}/a.txt`), await status(`/r${index}/a.txt`, client)],
            [without, withCertificate],
            text,
          )
        // those of inner places come in addition
        assert.equal(await status('/r0/outer/a.txt'), 200)
        assert.equal(await status('/r0/outer/a.txt', client), 403)
        assert.equal(await status('/ht/a.txt'), 403)
        assert.equal(await status('/ht/a.txt', client), 200)
        assert.equal(await status('/strict/a.txt'), 403)
        // it is about TLS alone
        assert.equal((await server.get('/r1/a.txt')).status, 200)

        await server.waitForLog(/\[ssl:info\] .*AH02228: Failed expression: %\{SSL_CIPHER\} eq "x"/)
        await server.waitForLog(
          /\[ssl:error\] .*AH02229: access to \S*\/a\.txt failed, reason: SSL requirement expression not fulfilled/,
        )
        await server.waitForLog(
          /\[ssl:error\] .*AH02265: .*Failed to execute SSL requirement expression: Cannot read file/,
        )

        const old = { maxVersion: 'TLSv1.2' }
        const strong = { ...old, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }
        const weak = { ...old, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }
        assert.equal(await status('/strong/a.txt', strong), 200)
        assert.equal(await status('/strong/a.txt', weak), 403)
        assert.equal(await status('/a.txt', weak), 200)
        assert.equal(await status('/strong/a.txt'), 200)
        await server.waitForLog(/AH02262: .*SSLCipherSuite here does not have ECDHE-ECDSA-AES128-GCM-SHA256/)
      },
    )
  })

  test('what is wrong with them is found by -t', async () => {
    const faults = [
      ['SSLRequire %{NOPE} eq ""', /SSLRequire: Variable 'NOPE' does not exist/],
      [
        'SSLRequire "x" in OID("1.2.3")',
        /SSLRequire: List-returning function 'OID' does not exist; PeerExtList/,
      ],
      ['SSLRequire', /SSLRequire takes an expression/],
      ['SSLCipherSuite NOSUCH', /SSLCipherSuite: no cipher of this TLS library matches 'NOSUCH'/],
      [
        'SSLCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256',
        /TLSv1\.3 ciphers cannot be set inside a directory context/,
      ],
    ] as const
    const conf = faults.map(([line]) => `<Location />\n${line}\n</Location>\n`).join('')
    await withConfiguration({ conf }, ['-t'], ({ code, stderr }) => {
      for (const [, message] of faults) assert.match(stderr, message)
      assert.equal(code, 1)
    })
  })
})
