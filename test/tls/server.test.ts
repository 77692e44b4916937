/**
 * TLS on the real server: which certificate, which clients, which variables, and what is refused.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import path from 'node:path'
import { describe, test } from 'node:test'
import { connect } from 'node:tls'
import { encryptKey, makeAuthority, makeCertificate, skipWithoutOpenssl } from '../support/certificates.js'
import { askSecurely } from '../support/https.js'
import { type Layout, type ServerOptions, withConfiguration, withServer } from '../support/server.js'

const skip = skipWithoutOpenssl

const ENVIRON = `
def application(environ, start_response):
    names = sorted(k for k in environ if k.startswith('SSL_') or k in ('HTTPS', 'wsgi.url_scheme', 'REMOTE_USER', 'SERVER_PORT'))
    body = ''.join('%s=%s\\n' % (k, environ[k].replace('\\n', '|')) for k in names).encode('latin-1')
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
`

function certificates({ root }: Layout): void {
  makeAuthority(root)
  makeAuthority(root, 'other')
  makeCertificate(root, 'one.example', { subject: '/C=GB/O=Org, Inc./CN=one.example' })
  makeCertificate(root, 'two.example', { names: 'DNS:two.example,DNS:*.two.example' })
  makeCertificate(root, 'client', { subject: '/C=GB/O=Org/CN=client/emailAddress=c@x.example' })
  makeCertificate(root, 'stranger', { by: 'other' })
}

const host = (name: string, more = '') => `
<VirtualHost *:\${PORT2}>
  ServerName ${name}
  SSLEngine on
  SSLCertificateFile ${name}.crt
  SSLCertificateKeyFile ${name}.key
  ${more}
</VirtualHost>`

const OPTIONS: ServerOptions = {
  prepare: certificates,
  apps: { 'environ.wsgi': ENVIRON },
  files: {
    'htdocs/a.txt': 'a file',
    // what FakeBasicAuth looks up: the certificate's name, and the word password (by openssl passwd -apr1)
    users: '/C=GB/O=Org/CN=client/emailAddress=c@x.example:$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1\n',
  },
  conf: `
Listen 127.0.0.1:\${PORT2} https
LogFormat "%r %>s %{SSL_PROTOCOL}x %{cipher}c %{SSL_CLIENT_S_DN_CN}x %{SSL_TLS_SNI}x" tls
CustomLog tls.log tls
WSGIScriptAlias /environ "\${ROOT}/apps/environ.wsgi"
<Location /environ/full>
  SSLOptions +StdEnvVars +ExportCertData
</Location>
<Location /environ/secure>
  SSLRequireSSL
</Location>
<Location /environ/valid>
  Require ssl-verify-client
</Location>
<Location /environ/expr>
  Require expr %{SSL_CLIENT_S_DN_O} == 'Org' && %{HTTPS} == 'on'
</Location>
<Location /environ/fake>
  AuthType Basic
  AuthName certificates
  AuthBasicProvider file
  AuthUserFile "\${ROOT}/users"
  SSLOptions +FakeBasicAuth
  Require valid-user
</Location>
${host('one.example', 'SSLProtocol -all +TLSv1.2')}
${host(
  'two.example',
  `ServerAlias *.two.example
  SSLCACertificateFile ca.crt
  <Location /environ/clients>
    SSLVerifyClient require
    SSLUserName SSL_CLIENT_S_DN_CN
  </Location>`,
)}
<VirtualHost *:\${PORT2}>
  ServerName none.example
</VirtualHost>
<VirtualHost *:\${PORT2}>
  ServerName clients.example
  SSLEngine on
  SSLCertificateFile two.example.crt
  SSLCertificateKeyFile two.example.key
  SSLCACertificateFile ca.crt
  SSLVerifyClient require
</VirtualHost>
`,
}

describe('TLS', { skip }, () => {
  test('hosts, clients, variables, refusals', async () => {
    await withServer(OPTIONS, async (server) => {
      const port = server.layout.ports[1] as number
      const file = (name: string) => readFileSync(path.join(server.root, name))
      const ask = (name: string, place: string, more = {}) => askSecurely(port, place, { name, ...more })
      const client = { cert: file('client.crt'), key: file('client.key') }
      const stranger = { cert: file('stranger.crt'), key: file('stranger.key') }

      // the certificate by the name in the handshake, and each host's own versions
      const one = await ask('one.example', '/a.txt')
      assert.deepEqual(
        [one.status, one.text, one.certificate, one.protocol],
        [200, 'a file', 'one.example', 'TLSv1.2'],
      )
      const two = await ask('www.two.example', '/a.txt')
      assert.deepEqual([two.status, two.certificate, two.protocol], [200, 'two.example', 'TLSv1.3'])
      // unknown names and none get the first host's; a host without SSLEngine is reached with it
      assert.equal((await ask('unknown.example', '/a.txt')).certificate, 'one.example')
      assert.equal((await ask('', '/a.txt', { hostHeader: 'one.example' })).status, 200)
      assert.equal((await ask('none.example', '/a.txt')).status, 200)
      assert.equal((await ask('', '/a.txt', { hostHeader: 'none.example' })).status, 421)
      // a request for another host than that of the handshake
      assert.equal((await ask('one.example', '/a.txt', { hostHeader: 'two.example' })).status, 421)
      assert.equal((await ask('', '/a.txt', { hostHeader: 'two.example' })).status, 421)
      assert.equal((await ask('two.example', '/a.txt', { hostHeader: 'www.two.example' })).status, 200)
      await server.waitForLog(
        /\[ssl:error\] .*AH02032: Hostname one\.example provided via SNI and hostname two\.example/,
      )

      // variables
      const plain = await ask('two.example', '/environ')
      assert.equal(
        plain.text,
        `SERVER_PORT=443\nSSL_TLS_SNI=two.example\nwsgi.url_scheme=https\n`.replace('443', '443'),
      )
      const full = (await ask('one.example', '/environ/full')).text
      assert.match(full, /^SSL_SERVER_S_DN=CN=one\.example,O=Org\\, Inc\.,C=GB$/m)
      assert.match(full, /^SSL_SERVER_S_DN_O=Org, Inc\.$/m)
      assert.match(full, /^SSL_SERVER_I_DN_CN=ca$/m)
      assert.match(full, /^SSL_SERVER_A_KEY=id-ecPublicKey$/m)
      assert.match(full, /^SSL_SERVER_A_SIG=ecdsa-with-SHA256$/m)
      assert.match(full, /^SSL_PROTOCOL=TLSv1\.2$/m)
      assert.match(full, /^SSL_CIPHER=ECDHE-ECDSA-AES/m)
      assert.match(full, /^SSL_CIPHER_USEKEYSIZE=(128|256)$/m)
      assert.match(full, /^SSL_CLIENT_VERIFY=NONE$/m)
      assert.match(full, /^SSL_SERVER_CERT=-----BEGIN CERTIFICATE-----\|/m)
      assert.match(full, /^SSL_SERVER_V_START=[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT$/m)
      assert.doesNotMatch(full, /^HTTPS=/m)

      // SSLRequireSSL
      assert.equal((await server.get('/environ/secure')).status, 403)
      assert.equal((await ask('one.example', '/environ/secure')).status, 200)

      // client certificates of a place
      assert.equal((await ask('two.example', '/environ/clients')).status, 403)
      const known = await ask('two.example', '/environ/clients', client)
      assert.equal(known.status, 200)
      assert.match(known.text, /^REMOTE_USER=client$/m)
      assert.equal((await ask('two.example', '/environ/clients', stranger)).status, 403)
      assert.equal((await ask('two.example', '/a.txt', stranger)).status, 200)
      const shown = (await ask('two.example', '/environ/full', client)).text
      assert.match(shown, /^SSL_CLIENT_VERIFY=SUCCESS$/m)
      assert.match(shown, /^SSL_CLIENT_S_DN=emailAddress=c@x\.example,CN=client,O=Org,C=GB$/m)
      assert.match(shown, /^SSL_CLIENT_S_DN_Email=c@x\.example$/m)
      assert.match(shown, /^SSL_CLIENT_V_REMAIN=19$/m)
      assert.match(shown, /^SSL_CLIENT_SAN_DNS_0=client$/m)
      assert.match(shown, /^SSL_CLIENT_CERT=-----BEGIN CERTIFICATE-----\|/m)
      assert.equal((await ask('two.example', '/environ/valid')).status, 403)
      assert.equal((await ask('two.example', '/environ/valid', client)).status, 200)
      assert.equal((await ask('two.example', '/environ/expr', client)).status, 200)
      assert.equal((await ask('two.example', '/environ/expr')).status, 403)
      const fake = await ask('two.example', '/environ/fake', client)
      assert.match(fake.text, /^REMOTE_USER=\/C=GB\/O=Org\/CN=client\/emailAddress=c@x\.example$/m)
      assert.equal((await ask('two.example', '/environ/fake')).status, 401)
      const Authorization = `Basic ${Buffer.from('/C=GB/O=Org/CN=client/emailAddress=c@x.example:password').toString('base64')}`
      assert.equal((await ask('two.example', '/environ/fake', { headers: { Authorization } })).status, 403)
      // ... and of a host
      await assert.rejects(ask('clients.example', '/a.txt'))
      await assert.rejects(ask('clients.example', '/a.txt', stranger))
      assert.equal((await ask('clients.example', '/a.txt', client)).status, 200)
      await server.waitForLog(
        /\[ssl:info\] .*AH02008: SSL library error in handshake: .*DEPTH_ZERO|UNABLE_TO/,
      )

      // log variables
      await server.waitForLog(
        /^GET \/a\.txt HTTP\/1\.1 200 TLSv1\.3 TLS_\w+ client clients\.example$/m,
        'tls.log',
      )

      // plain HTTP, and what is nothing at all
      const answer = await server.raw('GET /a.txt HTTP/1.1\r\nHost: one.example\r\n\r\n', port)
      assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
      assert.match(answer, /speaking plain HTTP to an SSL-enabled server port/)
      await server.waitForLog(/AH01996: SSL handshake failed: HTTP spoken on HTTPS port/)
      assert.equal(await server.raw('\x00\x01\x02', port), '')
    })
  })

  test('a second handshake on a connection is refused, and too old versions are', async () => {
    await withServer(OPTIONS, async (server) => {
      const port = server.layout.ports[1] as number
      const { output } = await sClient(port, ['-servername', 'one.example', '-tls1_2'], 'R\n')
      assert.match(output, /Protocol *: TLSv1\.2/)
      assert.match(output, /no renegotiation|unexpected message|wrong version|Connection reset|:error:/)
      const old = await sClient(port, ['-servername', 'two.example', '-tls1_1'], '')
      assert.match(old.output, /alert|error/)
      assert.doesNotMatch(old.output, /Cipher is (?!\(NONE\))/)
    })
  })

  test('a client that does not shake hands is dropped, others are served meanwhile', async () => {
    await withServer(
      { ...OPTIONS, conf: `RequestReadTimeout handshake=3\n${OPTIONS.conf}` },
      async (server) => {
        const port = server.layout.ports[1] as number
        const closed = [Buffer.alloc(0), Buffer.from([0x16, 3, 1, 2, 0, 1])].map(
          (bytes) =>
            new Promise<void>((resolve) => {
              const socket = connectPlain(port, '127.0.0.1', () => socket.write(bytes))
              socket.on('close', () => resolve())
              socket.on('error', () => {})
              socket.resume()
            }),
        )
        assert.equal((await askSecurely(port, '/a.txt', { name: 'one.example' })).status, 200)
        await Promise.all(closed)
      },
    )
  })

  test('a graceful restart takes over renewed certificates, and loses no request', async () => {
    await withServer(OPTIONS, async (server) => {
      const port = server.layout.ports[1] as number
      const serial = () =>
        new Promise<string>((resolve, reject) => {
          const socket = connect(
            { host: '127.0.0.1', port, servername: 'two.example', rejectUnauthorized: false },
            () => {
              resolve(socket.getPeerCertificate().serialNumber)
              socket.destroy()
            },
          )
          socket.once('error', reject)
        })
      const before = await serial()
      let answered = 0
      let going = true
      const load = Array.from({ length: 4 }, async () => {
        while (going) {
          const { status } = await askSecurely(port, '/a.txt', { name: 'two.example' })
          assert.equal(status, 200)
          answered++
        }
      })
      makeCertificate(server.root, 'two.example')
      await server.reload()
      const after = await serial()
      const atReload = answered
      while (answered < atReload + 8)
        await Promise.race([...load, new Promise((done) => setTimeout(done, 20))])
      going = false
      await Promise.all(load)
      assert.notEqual(after, before)
    })
  })

  test('sessions are resumed on the host that they were made for, and on no other', async () => {
    await withServer(OPTIONS, async (server) => {
      const port = server.layout.ports[1] as number
      const shake = (servername: string, session?: Buffer) =>
        new Promise<{ session: Buffer; reused: boolean }>((resolve, reject) => {
          const socket = connect(
            {
              host: '127.0.0.1',
              port,
              servername,
              rejectUnauthorized: false,
              maxVersion: 'TLSv1.2',
              ...(session && { session }),
            },
            () => {
              resolve({ session: socket.getSession() as Buffer, reused: socket.isSessionReused() })
              socket.destroy()
            },
          )
          socket.once('error', reject)
        })
      const first = await shake('two.example')
      assert.equal(first.reused, false)
      // whichever server worker answers
      for (let time = 0; time < 4; time++)
        assert.equal((await shake('two.example', first.session)).reused, true)
      assert.equal((await shake('one.example', first.session)).reused, false)
    })
  })
})

describe('TLS configuration', { skip }, () => {
  const conf = (lines: string) =>
    `Listen 127.0.0.1:\${PORT2} https\n<VirtualHost *:\${PORT2}>\nServerName one.example\nSSLEngine on\n${lines}\n</VirtualHost>`
  const refused = async (lines: string, message: RegExp) =>
    await withConfiguration({ prepare: certificates, conf: conf(lines) }, ['-t'], ({ code, stderr }) => {
      assert.match(stderr, message)
      assert.equal(code, 1)
    })

  test('files that are missing or do not belong together are found by -t, with their place', async () => {
    await refused(
      '',
      /line 4 of .*httpd\.conf:\nSSLEngine on, but the server one\.example:443 has no SSLCertificateFile/,
    )
    await refused(
      'SSLCertificateFile nowhere.crt',
      /AH00526: Syntax error on line 5 of .*:\nSSLCertificateFile: file '.*nowhere\.crt' does not exist or is empty/,
    )
    await refused(
      'SSLCertificateFile one.example.crt',
      /holds no private key, and no SSLCertificateKeyFile names one/,
    )
    await refused(
      'SSLCertificateFile one.example.crt\nSSLCertificateKeyFile two.example.key',
      /line 6 of .*:\nSSLCertificateKeyFile: the private key in .*two\.example\.key does not belong to the certificate/,
    )
    await refused(
      'SSLCertificateFile one.example.crt\nSSLCertificateKeyFile one.example.key\nSSLCipherSuite NOSUCH',
      /line 7 of .*:\nSSLCipherSuite: no cipher/,
    )
  })

  test('a key with a pass phrase is opened by the program that knows it', async () => {
    const lines = 'SSLCertificateFile one.example.crt\nSSLCertificateKeyFile one.example.locked'
    const prepare = (layout: Layout) => {
      certificates(layout)
      encryptKey(layout.root, 'one.example', 'open sesame')
      layout.write('phrase.sh', '#!/bin/sh\necho "$@" > "${ROOT}/asked"\necho open sesame\n')
      chmodSync(path.join(layout.root, 'phrase.sh'), 0o755)
    }
    await withConfiguration({ prepare, conf: conf(lines) }, ['-t'], ({ stderr }) =>
      assert.match(stderr, /has a pass phrase: name a program that tells it with SSLPassPhraseDialog exec:/),
    )
    await withConfiguration(
      { prepare, conf: `SSLPassPhraseDialog exec:phrase.sh\n${conf(lines)}` },
      ['-t'],
      ({ code, stderr }, layout) => {
        assert.equal(code, 0, stderr)
        assert.equal(layout.read('asked'), 'one.example:443 ECC\n')
      },
    )
  })
})

/** `openssl s_client`, given these lines after the handshake. */
function sClient(port: number, words: string[], input: string): Promise<{ output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...words])
    let output = ''
    const take = (text: Buffer) => {
      output += text
      if (/Verify return code|Verification/.test(output) && input !== '') {
        child.stdin.write(input)
        input = ''
      }
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.stdin.on('error', () => {})
    if (input === '') child.stdin.end()
    const timer = setTimeout(() => child.kill(), 60_000)
    child.once('error', reject)
    child.once('close', () => {
      clearTimeout(timer)
      resolve({ output })
    })
  })
}
