import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChunkedDecoder } from '../../src/http/http1/chunked.js'
import { parseHead } from '../../src/http/http1/grammar.js'
import { HeadReader } from '../../src/http/http1/head-reader.js'
import { headText } from '../../src/http/http1/response-head.js'
import { HeaderFault } from '../../src/http/message.js'

const HEAD = 'POST /a?b HTTP/1.1\r\nHost: a\r\nX:  b\tc \r\nEmpty:\r\nContent-Length: 5\r\n'

test('a header is taken apart as it was sent', () => {
  assert.deepEqual(parseHead(HEAD), {
    method: 'POST',
    target: '/a?b',
    version: '1.1',
    rawHeaders: ['Host', 'a', 'X', 'b\tc', 'Empty', '', 'Content-Length', '5'],
    length: 5,
    canKeep: true,
    saysClose: false,
  })
})

test('whether the connection may be kept', () => {
  const rows: [version: string, fields: string, kept: boolean, saysClose: boolean][] = [
    ['1.1', '', true, false],
    ['1.0', '', false, false],
    ['1.0', 'Connection: close\r\n', false, true],
    ['1.1', 'Connection: close\r\n', false, true],
    ['1.1', 'Connection: x, CLOSE , y\r\n', false, true],
    ['1.0', 'connection: Keep-Alive\r\n', true, false],
    ['1.0', 'Connection: keep-alive\r\nConnection: close\r\n', false, true],
    ['1.1', 'Connection: closed\r\n', true, false],
  ]
  for (const [version, fields, kept, saysClose] of rows) {
    const head = parseHead(`GET / HTTP/${version}\r\n${fields}`)
    assert.deepEqual(
      typeof head === 'string' ? head : [head.canKeep, head.saysClose],
      [kept, saysClose],
      fields,
    )
  }
})

test('a header in pieces of any size is the same header, and the rest is left', () => {
  for (let size = 1; size < HEAD.length + 8; size++) {
    const reader = new HeadReader(1000)
    const bytes = `\r\n${HEAD}\r\nhello`
    let found: unknown
    let end = 0
    for (let at = 0; found === undefined && at < bytes.length; at += size) {
      found = reader.feed(bytes.slice(at, at + size))
      end = at + reader.consumed
    }
    assert.equal(found, HEAD)
    assert.equal(end, bytes.length - 5)
  }
})

test('what cannot become a header is refused at its first wrong line', () => {
  const rows: [bytes: string, status: number | undefined][] = [
    ['GET / HTTP/1.1\r\nHost: a', undefined],
    ['\x16\x03\x01', 400],
    ['GET / HTTP/1.1\n', 400],
    ['GET / HTTP/1.1\r\n folded', undefined],
    ['GET / HTTP/1.1\r\n folded\r\n', 400],
    ['GET / HTTP/1.1\r\nHost : a\r\n', 400],
    ['GET / HTTP/1.1\r\nHost: a\rb', 400],
    ['get', undefined],
    ['g(t', 400],
    ['\r\n'.repeat(9), 400],
    ['G'.repeat(101), 414],
    [`GET / HTTP/1.1\r\n${'X: a\r\n'.repeat(20)}`, 431],
  ]
  for (const [bytes, status] of rows) {
    const progress = new HeadReader(100).feed(bytes)
    assert.equal(typeof progress === 'object' ? progress.status : progress, status, JSON.stringify(bytes))
  }
})

function decode(
  bytes: string,
  size: number,
): { body: string; trailers: string[]; fault: boolean; rest: string } {
  const decoder = new ChunkedDecoder()
  const whole = Buffer.from(bytes, 'latin1')
  let body = ''
  let at = 0
  while (at < whole.length && !decoder.done && decoder.fault === undefined) {
    const piece = whole.subarray(at, at + size)
    at += decoder.feed(piece, 0, (data) => {
      body += data.toString('latin1')
    })
  }
  return {
    body,
    trailers: decoder.trailers,
    fault: decoder.fault !== undefined,
    rest: decoder.done ? bytes.slice(at) : '',
  }
}

test('chunked bodies, at once and byte by byte', () => {
  const bytes = '3\r\nabc\r\n00A;x="a\\"b";y\r\n0123456789\r\n0\r\nT: 1\r\nHost: b\r\n\r\nrest'
  for (const size of [1, 2, 3, 7, 1000])
    assert.deepEqual(decode(bytes, size), {
      body: 'abc0123456789',
      trailers: ['T', '1'],
      fault: false,
      rest: 'rest',
    })
})

test('chunked bodies that are not framed as they should be', () => {
  const rows = [
    ['size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
    ['size in C', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['no size', '\r\nabc'],
    ['blank after the size', '3 \r\nabc\r\n0\r\n\r\n'],
    ['blank before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
    ['line feed alone', '3\nabc\r\n0\r\n\r\n'],
    ['line feed alone after the data', '3\r\nabc\n0\r\n\r\n'],
    ['more data than its size', '3\r\nabcd\r\n0\r\n\r\n'],
    ['a size beyond all', `${'f'.repeat(16)}\r\n`],
    ['a line beyond all', `1;${'x'.repeat(5000)}`],
    ['extensions beyond all', `${`1;${'x'.repeat(4000)}\r\na\r\n`.repeat(5)}`],
    ['carriage return in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
    ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
    ['trailers beyond all', `0\r\n${`A: ${'x'.repeat(1000)}\r\n`.repeat(20)}`],
  ] as const
  for (const [name, bytes] of rows)
    for (const size of [1, 10_000]) assert.equal(decode(bytes, size).fault, true, `${name}, by ${size}`)
})

test('a response header that would be two is refused', () => {
  const head = { status: 200, reason: 'OK', bodyless: false, hasLength: true, close: false }
  assert.match(
    headText({ ...head, fields: ['A', 'b'] }),
    /^HTTP\/1\.1 200 OK\r\nDate: [^\r]+ GMT\r\nA: b\r\n$/,
  )
  for (const fields of [
    ['A', 'b\nc'],
    ['A', 'b\rc'],
    ['A', 'b\0c'],
    ['A', 'b\u0100c'],
    ['A\r\nB', 'c'],
    ['A:', 'b'],
    ['', 'b'],
    ['Content-Type', 'text/plain\r\nSet-Cookie: a=b'],
    ['Content-Type\r\nSet-Cookie', 'a=b'],
    ['content-type ', 'text/plain'],
    ['Content-Length', ''],
    ['Content-Length', '+5'],
    ['Content-Length', '3, 3'],
    ['Content-Length', '5 '],
    ['content-length', '0x5'],
    ['CONTENT-LENGTH', 'abc'],
  ])
    assert.throws(() => headText({ ...head, fields }), HeaderFault)
  assert.throws(() => headText({ ...head, reason: 'a\r\nb', fields: [] }), HeaderFault)
})

test('lines that come again are the same, and others are looked at as ever', () => {
  const head = { status: 200, reason: 'OK', bodyless: false, hasLength: true, close: false }
  const text = (...fields: string[]) => headText({ ...head, fields }).replace(/Date: [^\r]+/, 'Date')
  const first = 'HTTP/1.1 200 OK\r\nDate\r\n'
  for (let round = 0; round < 2; round++) {
    assert.equal(text('Vary', 'a', 'Vary', 'b'), `${first}Vary: a\r\nVary: b\r\n`)
    assert.equal(text('Vary', '', 'vary', 'b'), `${first}Vary: \r\nvary: b\r\n`)
    assert.equal(text('Vary', 'b', 'X', 'b', 'VARY', 'c'), `${first}Vary: b\r\nX: b\r\nVARY: c\r\n`)
    assert.equal(text('Vary', 'x'.repeat(1000)), `${first}Vary: ${'x'.repeat(1000)}\r\n`)
    assert.throws(() => text('Vary', 'b\r\nX: y'), HeaderFault)
    assert.match(
      headText({ ...head, status: 404, reason: 'Not Found', fields: [] }),
      /^HTTP\/1\.1 404 Not Found\r\n/,
    )
    assert.match(headText({ ...head, version: '1.0', fields: [] }), /^HTTP\/1\.0 200 OK\r\n/)
    assert.match(headText({ ...head, reason: 'Fine', fields: [] }), /^HTTP\/1\.1 200 Fine\r\n/)
  }
})

test('fields that come again are read anew where anything about them differs', () => {
  const read = (line: string, fields: string) => {
    const head = parseHead(`${line}\r\n${fields}`)
    return typeof head === 'string' ? head : [head.target, head.rawHeaders, head.length, head.canKeep]
  }
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(read('GET /a HTTP/1.1', 'Host: a\r\n'), ['/a', ['Host', 'a'], 0, true])
    assert.deepEqual(read('GET /b HTTP/1.1', 'Host: b\r\n'), ['/b', ['Host', 'b'], 0, true])
    assert.deepEqual(read('GET /c HTTP/1.0', 'Host: b\r\n'), ['/c', ['Host', 'b'], 0, false])
    assert.deepEqual(read('POST / HTTP/1.1', 'Content-Length: 12\r\n'), [
      '/',
      ['Content-Length', '12'],
      12,
      true,
    ])
    assert.deepEqual(read('POST / HTTP/1.1', 'Content-Length: 13\r\n'), [
      '/',
      ['Content-Length', '13'],
      13,
      true,
    ])
    assert.deepEqual(read('POST / HTTP/1.1', 'Content-Length: x3\r\n'), 'Content-Length is not a number')
    assert.deepEqual(read('GET / HTTP/1.1', 'Host; a\r\n'), 'a field is not "name: value"')
    const chunked = 'Transfer-Encoding: chunked\r\n'
    assert.deepEqual(read('POST / HTTP/1.1', chunked), ['/', ['Transfer-Encoding', 'chunked'], -1, true])
    assert.deepEqual(read('POST / HTTP/1.0', chunked), 'Transfer-Encoding in an HTTP/1.0 request')
  }
})
