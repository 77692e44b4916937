import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inetAddress, ipv6Words, readInetAddress } from '../../src/server/addresses.js'

test('IPv6 addresses in all their forms', () => {
  assert.deepEqual(ipv6Words('::'), [0, 0, 0, 0, 0, 0, 0, 0])
  assert.deepEqual(ipv6Words('::1'), [0, 0, 0, 0, 0, 0, 0, 1])
  assert.deepEqual(ipv6Words('2001:db8::a:b'), [0x2001, 0xdb8, 0, 0, 0, 0, 0xa, 0xb])
  assert.deepEqual(ipv6Words('1:2:3:4:5:6:7:8'), [1, 2, 3, 4, 5, 6, 7, 8])
  assert.deepEqual(ipv6Words('fe80::'), [0xfe80, 0, 0, 0, 0, 0, 0, 0])
  assert.deepEqual(ipv6Words('::ffff:192.0.2.1'), [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x201])
})

test('an IPv4 address has port and address in network order', { skip: process.platform !== 'linux' }, () => {
  assert.equal(inetAddress('127.0.0.1', 0x1234).toString('hex'), '020012347f0000010000000000000000')
})

test('an IPv6 address has a zone index at its end', { skip: process.platform !== 'linux' }, () => {
  const bytes = inetAddress('fe80::1%3', 80)
  assert.equal(bytes.length, 28)
  assert.equal(bytes.readUInt16BE(2), 80)
  assert.equal(bytes.subarray(8, 24).toString('hex'), 'fe800000000000000000000000000001')
  assert.equal(bytes.readUInt32LE(24), 3)
})

test('addresses are read as they were written', () => {
  for (const host of ['127.0.0.1', '0.0.0.0', '::', '::1', '2001:db8::a:b', 'fe80::1%3'])
    assert.deepEqual(readInetAddress(inetAddress(host, 8080)), { host, port: 8080 })
  assert.equal(readInetAddress(Buffer.from([1, 0, 0x2f, 0])), undefined)
})
