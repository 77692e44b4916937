/** The clients that people have at hand, each used for what it is known for, against one server: curl, openssl s_client, h2load. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../support/certificates.js'
import { skipWithout } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'

const WHO = `
def application(environ, start_response):
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    names = ('REMOTE_USER', 'AUTH_TYPE', 'SERVER_PROTOCOL', 'SSL_CLIENT_S_DN_CN', 'REQUEST_METHOD')
    return [' '.join([str(environ.get(name)) for name in names] + [str(len(body))]).encode()]
`

const CONF = `
Listen 127.0.0.1:\${PORT2} https
WSGIDaemonProcess who threads=4
WSGIScriptAlias /who "\${ROOT}/apps/who.wsgi" process-group=who application-group=%{GLOBAL}
<Location /who/digest>
    AuthType Digest
    AuthName staff
    AuthDigestProvider file
    AuthUserFile "\${ROOT}/digests"
    Require valid-user
</Location>
<VirtualHost *:\${PORT2}>
    SSLEngine on
    SSLCertificateFile "\${ROOT}/localhost.crt"
    SSLCertificateKeyFile "\${ROOT}/localhost.key"
    SSLCACertificateFile "\${ROOT}/ca.crt"
    SSLOptions +StdEnvVars
    Protocols h2 http/1.1
    <Location /who/cert>
        SSLVerifyClient require
    </Location>
</VirtualHost>
`

/** Larger than what one write takes, and no piece of it like another. */
const LARGE = Array.from({ length: 60_000 }, (_, line) => `line ${line}\n`).join('')
const files = {
  'htdocs/large.txt': LARGE,
  digests: `anna:staff:${createHash('md5').update('anna:staff:secret').digest('hex')}\n`,
}

const without = (program: string) =>
  spawnSync(program, ['--version']).status !== 0 && `no ${program} on this machine`
const noCurl = without('curl')

test("people's clients", { skip: skipWithout('3') || skipWithoutOpenssl }, async (t) => {
  const prepare = ({ root }: { root: string }) => {
    makeAuthority(root)
    makeCertificate(root, 'localhost')
    makeCertificate(root, 'client', { subject: '/CN=anna' })
  }
  await withServer({ conf: CONF, files, apps: { 'who.wsgi': WHO }, prepare }, async (server) => {
    const secure = `https://localhost:${server.layout.ports[1]}`
    const run = async (program: string, words: readonly string[], input = '') => {
      const running = promisify(execFile)(program, words, { cwd: server.root, timeout: 60_000 })
      running.child.stdin?.end(input)
      return (await running).stdout
    }
    const curl = (...words: string[]) => run('curl', ['-sS', '--cacert', 'ca.crt', ...words])

    await t.test('curl --http2', { skip: noCurl }, async () => {
      assert.equal(await curl('--http2', `${secure}/who`), 'None None HTTP/2.0 None GET 0')
      assert.equal(await curl('--http1.1', `${secure}/who`), 'None None HTTP/1.1 None GET 0')
      const posted = await curl('--http2', '--data-binary', '@htdocs/large.txt', `${secure}/who`)
      assert.equal(posted, `None None HTTP/2.0 None POST ${LARGE.length}`)
    })

    await t.test('curl --digest, over HTTP/1.1 and over HTTP/2', { skip: noCurl }, async () => {
      const words = ['--digest', '-u', 'anna:secret']
      assert.equal(await curl(...words, server.url('/who/digest')), 'anna Digest HTTP/1.1 None GET 0')
      assert.equal(await curl('--http2', ...words, `${secure}/who/digest`), 'anna Digest HTTP/2.0 None GET 0')
      const wrong = ['--digest', '-u', 'anna:wrong', '-o', 'out', '-w', '%{response_code}']
      assert.equal(await curl(...wrong, server.url('/who/digest')), '401')
    })

    await t.test('curl --cert', { skip: noCurl }, async () => {
      const known = ['--cert', 'client.crt', '--key', 'client.key']
      assert.match(await curl('--http1.1', ...known, `${secure}/who/cert`), /HTTP\/1\.1 anna GET/)
      const unknown = curl('--http1.1', '-f', `${secure}/who/cert`)
      await assert.rejects(unknown, /curl: \(\d+\)/)
    })

    await t.test('curl: ranges and resume', { skip: noCurl }, async () => {
      assert.equal(await curl('-r', '0-6', server.url('/large.txt')), 'line 0\n')
      assert.equal(await curl('-r', '-12', server.url('/large.txt')), LARGE.slice(-12))
      assert.match(
        await curl('-i', '-r', '0-3,7-10', server.url('/large.txt')),
        /206[^]*multipart\/byteranges/,
      )
      const half = path.join(server.root, 'half.txt')
      for (const [version, place] of [
        ['--http1.1', server.url('/large.txt')],
        ['--http2', `${secure}/large.txt`],
      ] as const) {
        writeFileSync(half, LARGE.slice(0, 12_345))
        await curl(version, '-C', '-', '-o', half, place)
        assert.ok(readFileSync(half, 'utf8') === LARGE, `the rest was fetched with ${version}`)
      }
    })

    await t.test('openssl s_client', () => useSClient(server, run))

    await t.test('h2load', { skip: without('h2load') }, async () => {
      for (const place of ['/who', '/large.txt']) {
        const said = await run('h2load', ['-n', '200', '-c', '4', '-m', '10', `${secure}${place}`])
        assert.match(said, /200 succeeded, 0 failed/)
        assert.match(said, /200 2xx, 0 3xx, 0 4xx, 0 5xx/)
      }
    })
    assert.doesNotMatch(server.errorLog(), /\[[\w-]*:?(emerg|alert|crit)\]/)
  })
})

async function useSClient(
  server: TestServer,
  run: (program: string, words: readonly string[], input?: string) => Promise<string>,
): Promise<void> {
  const words = ['s_client', '-connect', `127.0.0.1:${server.layout.ports[1]}`, '-servername', 'localhost']
  const request = 'GET /who HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  const plain = await run('openssl', [...words, '-CAfile', 'ca.crt', '-ign_eof'], request)
  assert.match(plain, /Verify return code: 0 \(ok\)/)
  assert.match(plain, /HTTP\/1\.1 200 OK[^]*None None HTTP\/1\.1 None GET 0/)
  const alpn = await run('openssl', [...words, '-alpn', 'h2,http/1.1'], '')
  assert.match(alpn, /ALPN protocol: h2/)
  assert.match(await run('openssl', [...words, '-tls1_2', '-ign_eof'], request), /Protocol {2}: TLSv1\.2/)
}
