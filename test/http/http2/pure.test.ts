import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget } from '../../../src/http/http2/budget.js'
import { outgoingFields, requestHead } from '../../../src/http/http2/fields.js'
import { HeaderFault } from '../../../src/http/message.js'

test('the header of a request: Host from :authority, cookies joined, no pseudo-fields', () => {
  const head = requestHead(
    [':method', 'GET', ':path', '/a?b', ':scheme', 'https', ':authority', 'one.example'].concat([
      'cookie',
      'a=1',
      'accept',
      '*/*',
      'cookie',
      'b=2',
      'x',
      'y',
    ]),
    false,
  )
  assert.equal(head.method, 'GET')
  assert.equal(head.target, '/a?b')
  assert.deepEqual(head.fields, ['Host', 'one.example', 'cookie', 'a=1; b=2', 'accept', '*/*', 'x', 'y'])
  assert.equal(head.fault, undefined)
})

test('a Host that differs from :authority stays, so that it is refused as two are', () => {
  const pseudo = [':method', 'GET', ':path', '/', ':scheme', 'https', ':authority', 'one.example']
  assert.deepEqual(requestHead([...pseudo, 'host', 'ONE.example'], false).fields, ['Host', 'one.example'])
  assert.deepEqual(requestHead([...pseudo, 'host', 'two.example'], false).fields, [
    'Host',
    'one.example',
    'host',
    'two.example',
  ])
})

test('a body without length is announced as chunks are', () => {
  const pseudo = [':method', 'POST', ':path', '/', ':scheme', 'https', ':authority', 'h']
  assert.deepEqual(requestHead(pseudo, true).fields, ['Host', 'h', 'Transfer-Encoding', 'chunked'])
  assert.deepEqual(requestHead([...pseudo, 'content-length', '3'], true).fields, [
    'Host',
    'h',
    'content-length',
    '3',
  ])
})

test('a path with a blank, or none, is refused', () => {
  assert.notEqual(requestHead([':method', 'GET', ':path', '/a b'], false).fault, undefined)
  assert.notEqual(requestHead([':method', 'GET'], false).fault, undefined)
})

test('fields of a response: lower case, connection fields left out, repeated ones kept, faults thrown', () => {
  const { headers } = outgoingFields(
    [
      'Content-Type',
      'text/plain',
      'Connection',
      'close',
      'Set-Cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
      'X-A',
      '1',
    ].concat(['X-A', '2', 'Location', '/a', 'Location', '/b', 'Transfer-Encoding', 'chunked']),
  )
  assert.deepEqual(
    { ...headers },
    {
      'content-type': 'text/plain',
      'set-cookie': ['a=1', 'b=2'],
      'x-a': ['1', '2'],
      location: '/b',
    },
  )
  assert.throws(() => outgoingFields(['X', 'a\r\nSet-Cookie: b=1']), HeaderFault)
  assert.throws(() => outgoingFields(['Content-Length', '3, 3']), HeaderFault)
  assert.throws(() => outgoingFields(['X Y', 'a']), HeaderFault)
  assert.throws(() => outgoingFields([':status', '200']), HeaderFault)
})

test('a budget allows a burst, and what comes back with time', () => {
  const budget = new Budget(3, 2, 0)
  assert.deepEqual(
    [0, 0, 0, 0].map((now) => budget.take(now)),
    [true, true, true, false],
  )
  assert.deepEqual(
    [400, 500, 500].map((now) => budget.take(now)),
    [false, true, false],
  )
  assert.deepEqual(
    [100_000, 100_000, 100_000, 100_000].map((now) => budget.take(now)),
    [true, true, true, false],
  )
})
