/**
 * mod_remoteip: walking back through a header of addresses, and the PROXY protocol.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseProxyHeader } from '../../src/http/proxy-protocol.js'
import { walkBack } from '../../src/modules/remoteip/walk.js'
import { parseSubnet } from '../../src/modules/subnet.js'
import { withServer } from '../support/server.js'

const inside = { contains: parseSubnet('10.0.0.0/8'), internal: true }
const outside = { contains: parseSubnet('198.51.100.0/24'), internal: false }

test('the header is walked back as far as addresses are believed', () => {
  const walk = (header: string, peer: string, trusted = [inside, outside]) => {
    const found = walkBack(header, peer, trusted)
    return found === undefined ? undefined : [found.client, found.rest, found.proxies.join()]
  }
  assert.deepEqual(walk('203.0.113.9', '10.0.0.1'), ['203.0.113.9', undefined, ''])
  assert.deepEqual(walk('203.0.113.9, 10.1.2.3', '10.0.0.1'), ['203.0.113.9', undefined, ''])
  assert.deepEqual(walk('8.8.8.8, 203.0.113.9', '10.0.0.1'), ['203.0.113.9', '8.8.8.8', ''])
  assert.deepEqual(walk('203.0.113.9,198.51.100.7', '10.0.0.1'), ['203.0.113.9', undefined, '198.51.100.7'])
  // a proxy that is not ours may not present private addresses
  assert.deepEqual(walk('192.168.0.1, 198.51.100.7', '10.0.0.1'), ['198.51.100.7', '192.168.0.1', ''])
  assert.equal(walk('203.0.113.9', '203.0.113.1'), undefined)
  assert.equal(walk('nonsense', '10.0.0.1'), undefined)
  assert.equal(walk('', '10.0.0.1'), undefined)
  assert.deepEqual(walk('nonsense, 203.0.113.9', '10.0.0.1'), ['203.0.113.9', 'nonsense', ''])
  assert.deepEqual(walk('2001:db8::1', '10.0.0.1'), ['2001:db8::1', undefined, ''])
  // nobody named: everybody is believed, about public addresses
  assert.deepEqual(walk('203.0.113.9', '192.0.2.1', []), ['203.0.113.9', undefined, '192.0.2.1'])
  assert.equal(walk('10.0.0.9', '192.0.2.1', []), undefined)
})

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const version2 = (command: number, family: number, payload: Buffer) =>
  Buffer.concat([
    SIGNATURE,
    Buffer.from([0x20 | command, family, payload.length >> 8, payload.length & 255]),
    payload,
  ])
const IPV4 = Buffer.from([203, 0, 113, 9, 192, 0, 2, 1, 0x12, 0x34, 0, 80])

test('PROXY headers of both versions, whole and cut', () => {
  const line = Buffer.from('PROXY TCP4 203.0.113.9 192.0.2.1 4660 80\r\nGET / HTTP/1.1\r\n')
  const expected = { kind: 'header', client: { address: '203.0.113.9', port: 4660 } }
  assert.deepEqual(parseProxyHeader(line), { ...expected, bytes: 42 })
  for (let length = 0; length < 42; length++)
    assert.equal(parseProxyHeader(line.subarray(0, length)).kind, 'more', `${length} bytes`)
  const binary = version2(1, 0x11, Buffer.concat([IPV4, Buffer.alloc(300)]))
  assert.deepEqual(parseProxyHeader(binary), { ...expected, bytes: binary.length })
  for (let length = 0; length < binary.length; length++)
    assert.equal(parseProxyHeader(binary.subarray(0, length)).kind, 'more', `${length} bytes`)
  const six = parseProxyHeader(
    version2(
      1,
      0x21,
      Buffer.concat([Buffer.from('20010db8000000000000000000000001', 'hex'), Buffer.alloc(20)]),
    ),
  )
  assert.deepEqual(six.kind === 'header' && six.client, { address: '2001:db8:0:0:0:0:0:1', port: 0 })
  assert.deepEqual(parseProxyHeader(version2(0, 0, Buffer.alloc(0))), {
    kind: 'header',
    client: undefined,
    bytes: 16,
  })
  assert.deepEqual(parseProxyHeader(Buffer.from('PROXY UNKNOWN\r\n')), {
    kind: 'header',
    client: undefined,
    bytes: 15,
  })
})

test('what is no PROXY header is refused', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    'PROXY TCP4 203.0.113.9 192.0.2.1 4660\r\n',
    'PROXY TCP4 2001:db8::1 192.0.2.1 1 2\r\n',
    'PROXY TCP4 203.0.113.9 192.0.2.1 99999 80\r\n',
    `PROXY TCP4 ${' '.repeat(120)}`,
  ])
    assert.equal(parseProxyHeader(Buffer.from(text)).kind, 'invalid', text)
  assert.equal(parseProxyHeader(version2(2, 0x11, IPV4)).kind, 'invalid')
  assert.equal(parseProxyHeader(version2(1, 0x11, IPV4.subarray(0, 4))).kind, 'invalid')
  assert.equal(parseProxyHeader(Buffer.concat([SIGNATURE, Buffer.from([0x11, 0x11, 0, 0])])).kind, 'invalid')
})

const APP = `
def application(environ, start_response):
    body = ' '.join(environ.get(name, '-') for name in ('REMOTE_ADDR', 'REMOTE_PORT', 'HTTP_X_FORWARDED_FOR', 'HTTP_X_PROXIES')).encode()
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
`

test('requests behind proxies: applications, access rules and logs see the client', async () => {
  const conf = `
Listen 127.0.0.1:\${PORT2}
LogFormat "%h %a %{c}a %{remote}p" addresses
CustomLog addresses.log addresses
WSGIScriptAlias /app "\${ROOT}/apps/app.wsgi"
RemoteIPHeader X-Forwarded-For
RemoteIPProxiesHeader X-Proxies
RemoteIPInternalProxy 127.0.0.0/8
RemoteIPTrustedProxyList proxies.txt
<Location /app/only>
  Require ip 203.0.113.9
</Location>
<VirtualHost *:\${PORT2}>
  RemoteIPProxyProtocol On
</VirtualHost>
`
  const files = { 'proxies.txt': '# ours\n198.51.100.0/24\n' }
  await withServer({ conf, files, apps: { 'app.wsgi': APP } }, async (server) => {
    const forwarded = (value: string) => ({ headers: { 'X-Forwarded-For': value } })
    assert.match((await server.get('/app')).text, /^127\.0\.0\.1 \d+ - -$/)
    assert.match((await server.get('/app', forwarded('203.0.113.9'))).text, /^203\.0\.113\.9 \d+ - -$/)
    assert.match(
      (await server.get('/app', forwarded('8.8.8.8, 203.0.113.9, 198.51.100.4'))).text,
      /^203\.0\.113\.9 \d+ 8\.8\.8\.8 198\.51\.100\.4$/,
    )
    assert.equal((await server.get('/app/only')).status, 403)
    assert.equal((await server.get('/app/only', forwarded('203.0.113.9'))).status, 200)
    await server.waitForLog(/^203\.0\.113\.9 203\.0\.113\.9 127\.0\.0\.1 \d+$/m, 'addresses.log')

    // several requests on one connection, of several clients
    const one = (address: string, more = '') =>
      `GET /app HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${address}\r\n${more}\r\n`
    const both = await server.raw(one('203.0.113.9') + one('203.0.113.10', 'Connection: close\r\n'))
    assert.match(both, /203\.0\.113\.9 \d+ - -[^]*203\.0\.113\.10 \d+ - -$/)

    const port = server.layout.ports[1]
    const request = 'GET /app HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    const line = await server.raw(`PROXY TCP4 203.0.113.9 192.0.2.1 4660 80\r\n${request}`, port)
    assert.match(line, /\r\n\r\n203\.0\.113\.9 4660 - -$/)
    const binary = await server.raw(Buffer.concat([version2(1, 0x11, IPV4), Buffer.from(request)]), port)
    assert.match(binary, /\r\n\r\n203\.0\.113\.9 4660 - -$/)
    assert.match(await server.raw(`PROXY UNKNOWN\r\n${request}`, port), /\r\n\r\n127\.0\.0\.1 \d+ - -$/)
    assert.equal(await server.raw(request, port), '')
    await server.waitForLog(/\[remoteip:error\] .*does not begin with a PROXY header/)
  })
})
