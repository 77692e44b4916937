import assert from 'node:assert/strict'
import { test } from 'node:test'
import { raw } from '../support/http.js'
import { until } from '../support/wait.js'
import { withFront } from './front.js'

const CLOSE = 'Connection: close\r\n\r\n'
const GET = 'GET /a.txt HTTP/1.1\r\n'

/** What it is, the bytes, the status that they must be answered with. */
const CASES: readonly (readonly [string, string, number])[] = [
  ['a plain request', `${GET}Host: a\r\n${CLOSE}`, 200],
  ['two Host fields', `${GET}Host: a\r\nHost: a\r\n${CLOSE}`, 400],
  ['no Host', `${GET}${CLOSE}`, 400],
  ['empty Host', `${GET}Host:\r\n${CLOSE}`, 400],
  ['Host with a slash', `${GET}Host: a/b\r\n${CLOSE}`, 400],
  ['Host with a blank', `${GET}Host: a b\r\n${CLOSE}`, 400],
  ['Host with two dots', `${GET}Host: a..b\r\n${CLOSE}`, 400],
  ['Host with a user', `${GET}Host: a@b\r\n${CLOSE}`, 400],
  ['Host of digits', `${GET}Host: 1234\r\n${CLOSE}`, 400],
  ['Host with two colons', `${GET}Host: a:1:2\r\n${CLOSE}`, 400],
  ['Host with an empty port', `${GET}Host: a:\r\n${CLOSE}`, 400],
  ['Host with a port of letters', `${GET}Host: a:x\r\n${CLOSE}`, 400],
  ['Host with a large port', `${GET}Host: a:70000\r\n${CLOSE}`, 400],
  ['Host with an underscore', `${GET}Host: a_b\r\n${CLOSE}`, 200],
  ['Host of an IPv6 address', `${GET}Host: [::1]\r\n${CLOSE}`, 200],
  ['Host with a final dot', `${GET}Host: a.\r\n${CLOSE}`, 200],
  ['HTTP/1.0 without Host', `GET /a.txt HTTP/1.0\r\n\r\n`, 200],
  ['an absolute target', `GET http://b/a.txt HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 200],
  ['an absolute target without Host', `GET http://b/a.txt HTTP/1.1\r\n${CLOSE}`, 400],
  ['an absolute target of the other scheme', `GET https://b/a.txt HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 200],
  ['a method that is none', `FOO /a.txt HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 400],
  ['CONNECT with an authority', `CONNECT a:80 HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 405],
  ['CONNECT with a path', `CONNECT /a HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 400],
  ['HTTP/0.9 written out', `GET /a.txt HTTP/0.9\r\n\r\n`, 400],
  ['HTTP/2.0 in a line of HTTP/1', `GET /a.txt HTTP/2.0\r\nHost: a\r\n${CLOSE}`, 505],
  [
    'two codings',
    `POST /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n${CLOSE}0\r\n\r\n`,
    400,
  ],
  [
    'a coding that is not chunked',
    `POST /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n${CLOSE}`,
    400,
  ],
  [
    'length and coding',
    `POST /a.txt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n${CLOSE}0\r\n\r\n`,
    400,
  ],
  ['a coding in HTTP/1.0', `POST /a.txt HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['a length with a sign', `POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n${CLOSE}x`, 400],
  [
    'two lengths',
    `POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n${CLOSE}x`,
    400,
  ],
  ['a folded field', `${GET}Host: a\r\nX: b\r\n c\r\n${CLOSE}`, 400],
  ['a blank before the colon', `${GET}Host : a\r\n${CLOSE}`, 400],
  ['a NUL in a value', `${GET}Host: a\r\nX: a\0b\r\n${CLOSE}`, 400],
  ['a fragment in the target', `GET /a.txt#x HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 400],
  ['a target without slash', `GET a.txt HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 400],
  ['OPTIONS of the server', `OPTIONS * HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 200],
  ['GET of the server', `GET * HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 400],
  ['two Authorization fields', `${GET}Host: a\r\nAuthorization: a\r\nAuthorization: b\r\n${CLOSE}`, 400],
  ['an expectation that nobody knows', `POST /a.txt HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n${CLOSE}`, 417],
  ['a long request line', `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 414],
  ['a request line at the limit', `GET /a.txt?${'a'.repeat(8170)} HTTP/1.1\r\nHost: a\r\n${CLOSE}`, 200],
  ['a long field', `${GET}Host: a\r\nX: ${'a'.repeat(9000)}\r\n${CLOSE}`, 431],
  ['many fields', `${GET}Host: a\r\n${'X: a\r\n'.repeat(101)}${CLOSE}`, 431],
  ['very many fields', `${GET}Host: a\r\n${'X: a\r\n'.repeat(3000)}${CLOSE}`, 431],
  ['more than any limit', `${GET}Host: a\r\n${`X: ${'a'.repeat(8000)}\r\n`.repeat(150)}${CLOSE}`, 431],
  ['no HTTP at all', `hello\r\n\r\n`, 400],
  ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
]

test('headers that break the rules are refused, others served', async (t) => {
  await withFront('', { files: { 'a.txt': 'hello' } }, async ({ port, ended }) => {
    await Promise.all(
      CASES.map(([name, bytes, status]) =>
        t.test(name, async () => {
          const answer = await raw(port, Buffer.from(bytes, 'latin1'))
          assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), answer.slice(0, 200))
        }),
      ),
    )
    await until('each to be logged once', () => ended.length === CASES.length)
  })
})

test('the same bytes one at a time are answered alike', async () => {
  await withFront('', { files: { 'a.txt': 'hello' } }, async ({ port }) => {
    const { connect } = await import('node:net')
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    let received = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
    })
    for (const byte of `${GET}Host: a\r\n${CLOSE}`)
      await new Promise<void>((resolve) => void socket.write(byte, () => resolve()))
    await new Promise((resolve) => socket.once('close', resolve))
    assert.match(received, /^HTTP\/1\.1 200 [^]*\r\n\r\nhello$/)
  })
})

test('HttpProtocolOptions RegisteredMethods refuses what httpd does not know', async () => {
  await withFront(
    'HttpProtocolOptions RegisteredMethods',
    { files: { 'a.txt': 'hello' } },
    async ({ port }) => {
      assert.match(await raw(port, `PURGE /a.txt HTTP/1.1\r\nHost: a\r\n${CLOSE}`), /^HTTP\/1\.1 501 /)
      assert.match(await raw(port, `${GET}Host: a\r\n${CLOSE}`), /^HTTP\/1\.1 200 /)
    },
  )
})
