import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { connect as secure } from 'node:tls'
import { cipherNames } from '../../src/modules/ssl/cipher-names.js'
import { parseProtocols } from '../../src/modules/ssl/protocols.js'
import { DistinguishedName } from '../../src/tls/certificate.js'
import { readGreeting } from '../../src/tls/client-hello.js'
import { derChildren, objectIdentifier } from '../../src/tls/der.js'

/** What a client of Node's sends first. */
function clientHello(serverName: string | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        resolve(bytes)
        socket.destroy()
        server.close()
      })
    })
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      const socket = connect(port, '127.0.0.1', () => {
        const client = secure({ socket, ...(serverName === undefined ? {} : { servername: serverName }) })
        client.on('error', () => {})
      })
      socket.on('error', () => {})
    })
    server.on('error', reject)
  })
}

test('the host name is read from a ClientHello, however it is cut', async () => {
  const bytes = await clientHello('One.Example')
  assert.deepEqual(readGreeting(bytes), { kind: 'tls', serverName: 'one.example' })
  for (let length = 1; length < bytes.length; length++)
    assert.deepEqual(readGreeting(bytes.subarray(0, length)), { kind: 'more' }, `${length} bytes`)
  // the same message in records of 100 bytes
  const message = bytes.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += 100) {
    const part = message.subarray(at, at + 100)
    records.push(Buffer.from([0x16, 3, 1, 0, part.length]), part)
  }
  assert.deepEqual(readGreeting(Buffer.concat(records)), { kind: 'tls', serverName: 'one.example' })
})

test('a ClientHello without a name, HTTP, and neither', async () => {
  assert.deepEqual(readGreeting(await clientHello(undefined)), { kind: 'tls', serverName: undefined })
  assert.deepEqual(readGreeting(Buffer.alloc(0)), { kind: 'more' })
  assert.deepEqual(readGreeting(Buffer.from('GET / HTTP/1.1\r\n')), { kind: 'http' })
  assert.deepEqual(readGreeting(Buffer.from('\r\nPOST /')), { kind: 'http' })
  assert.deepEqual(readGreeting(Buffer.from([0x80, 0x2e, 1, 3, 1])), { kind: 'unknown' })
  assert.deepEqual(readGreeting(Buffer.from([0x16, 3, 1, 0, 4, 2, 0, 0, 0])), { kind: 'unknown' })
  // one that says it has 16 MiB
  assert.deepEqual(readGreeting(Buffer.from([0x16, 3, 1, 0, 4, 1, 255, 255, 255])), { kind: 'unknown' })
})

test('no ClientHello, however broken, throws', async () => {
  const bytes = await clientHello('one.example')
  for (let at = 5; at < bytes.length; at++) {
    const broken = Buffer.from(bytes)
    broken[at] = broken[at] === 255 ? 0 : 255
    readGreeting(broken)
  }
})

test('SSLProtocol takes ranges', () => {
  const parse = (text: string) =>
    parseProtocols(text.split(' '), (message) => {
      throw new Error(message)
    })
  assert.deepEqual(parse('all -SSLv3'), { min: 'TLSv1', max: 'TLSv1.3' })
  assert.deepEqual(parse('-all +TLSv1.2 +TLSv1.3'), { min: 'TLSv1.2', max: 'TLSv1.3' })
  assert.deepEqual(parse('all -TLSv1 -TLSv1.1'), { min: 'TLSv1.2', max: 'TLSv1.3' })
  assert.deepEqual(parse('tlsv1.3'), { min: 'TLSv1.3', max: 'TLSv1.3' })
  assert.deepEqual(parse('TLSv1.2 TLSv1.3'), { min: 'TLSv1.3', max: 'TLSv1.3' })
  assert.throws(() => parse('all -TLSv1.2'), /without gaps/)
  assert.throws(() => parse('-all'), /no protocol is left/)
  assert.throws(() => parse('+SSLv3'), /insecure/)
  assert.throws(() => parse('TLSv2'), /Illegal protocol 'TLSv2'/)
})

test('distinguished names are written as RFC 2253 says', () => {
  // C=GB, O="Org, Inc.", CN=" #é"
  const part = (oid: number[], tag: number, text: string) => {
    const value = Buffer.from(text)
    const pair = Buffer.concat([Buffer.from([6, oid.length, ...oid, tag, value.length]), value])
    return Buffer.concat([Buffer.from([0x31, pair.length + 2, 0x30, pair.length]), pair])
  }
  const name = new DistinguishedName(
    Buffer.concat([
      part([0x55, 4, 6], 0x13, 'GB'),
      part([0x55, 4, 10], 0x0c, 'Org, Inc.'),
      part([0x55, 4, 3], 0x0c, ' #é'),
      part([0x55, 4, 3], 0x0c, 'two'),
    ]),
  )
  assert.equal(name.text, 'CN=two,CN=\\ #\\C3\\A9,O=Org\\, Inc.,C=GB')
  assert.equal(name.oneLine, '/C=GB/O=Org, Inc./CN= #\\xC3\\xA9/CN=two')
  assert.equal(name.get('O'), 'Org, Inc.')
  assert.equal(name.get('CN', 1), 'two')
  assert.deepEqual(
    [...name.variables()].map(([key]) => key),
    ['C', 'O', 'CN', 'CN_1'],
  )
})

test('DER that is cut short is refused', () => {
  assert.throws(() => derChildren(Buffer.from([0x30, 5, 1])), RangeError)
  assert.throws(() => derChildren(Buffer.from([0x30, 0x80, 1])), RangeError)
  assert.equal(
    objectIdentifier(Buffer.from([0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1])),
    '1.2.840.113549.1.1.1',
  )
})

test('lists of ciphers are taken apart', () => {
  const sorted = (list: string) => [...cipherNames(list)].sort()
  assert.deepEqual(sorted('AES256-SHA'), ['AES256-SHA'])
  assert.deepEqual(sorted('ECDHE+AESGCM:!aRSA'), [
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
  ])
  assert.ok(cipherNames('HIGH:!aNULL').has('ECDHE-RSA-AES128-GCM-SHA256'))
  assert.deepEqual(sorted('NOSUCH'), [])
})
