import assert from 'node:assert/strict'
import { test } from 'node:test'
import { confirmedName, inDomain, type Resolver } from '../../src/modules/client-host.js'
import { parseSubnet, SubnetError } from '../../src/modules/subnet.js'

test('ranges of addresses', () => {
  const rows: [range: string, inside: string[], outside: string[]][] = [
    ['10', ['10.0.0.1', '10.255.0.0', '::ffff:10.1.1.1'], ['11.0.0.1', '::1', '110.0.0.1']],
    ['10.1.', ['10.1.9.9'], ['10.2.0.0']],
    ['192.0.2.7', ['192.0.2.7'], ['192.0.2.8']],
    ['192.0.2.0/25', ['192.0.2.127'], ['192.0.2.128']],
    ['192.0.2.9/255.255.255.0', ['192.0.2.200'], ['192.0.3.9']],
    ['255.255.255.255', ['255.255.255.255'], ['0.0.0.0']],
    ['2001:db8::/32', ['2001:db8:ffff::1'], ['2001:db9::1', '32.1.13.184']],
    ['::1', ['::1'], ['::2', '127.0.0.1']],
    ['fe80::/10', ['fe80::1%eth0'], ['fec0::1']],
  ]
  for (const [range, inside, outside] of rows) {
    const contains = parseSubnet(range)
    for (const address of inside) assert.equal(contains(address), true, `${address} in ${range}`)
    for (const address of outside) assert.equal(contains(address), false, `${address} in ${range}`)
  }
})

test('what is no range, and whether it looks like one', () => {
  const rows: [text: string, isAddress: boolean][] = [
    ['example.org', false],
    ['10.1/16', true],
    ['10..1', true],
    ['256', true],
    ['1.2.3.4.5', true],
    ['1.2.3.4/0', true],
    ['1.2.3.4/33', true],
    ['::1/129', true],
    ['::1/ffff::', true],
    ['1:2', true],
    ['', false],
  ]
  for (const [text, isAddress] of rows) {
    assert.throws(
      () => parseSubnet(text),
      (error) => error instanceof SubnetError && error.isAddress === isAddress,
      text,
    )
  }
})

test('a name counts only if it leads back to the address', async () => {
  const resolver = (names: readonly string[], addresses: Record<string, string[]>): Resolver => ({
    reverse: async () => names,
    addresses: async (name) => addresses[name] ?? Promise.reject(new Error('no such name')),
  })
  const client = '::ffff:192.0.2.1'
  assert.equal(
    await confirmedName(client, resolver(['A.example.'], { 'A.example.': ['192.0.2.1'] })),
    'a.example',
  )
  assert.equal(
    await confirmedName(client, resolver(['bank.example'], { 'bank.example': ['192.0.2.2'] })),
    undefined,
  )
  assert.equal(await confirmedName(client, resolver(['a', 'b'], { b: ['192.0.2.1'] })), 'b')
  assert.equal(await confirmedName(client, resolver([], {})), undefined)
  const failing: Resolver = {
    reverse: async () => Promise.reject(new Error('down')),
    addresses: async () => [],
  }
  assert.equal(await confirmedName(client, failing), undefined)
})

test('domains end at a dot', () => {
  assert.equal(inDomain('Good.com', 'www.good.COM'), true)
  assert.equal(inDomain('good.com', 'good.com'), true)
  assert.equal(inDomain('good.com', 'nogood.com'), false)
  assert.equal(inDomain('.good.com', 'www.good.com'), true)
  assert.equal(inDomain('www.good.com', 'good.com'), false)
})
