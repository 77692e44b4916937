/** The corpus of hostile requests against a real server: each as a whole and a byte at a time, with the same answers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from '../support/server.js'
import { APART } from './apart.js'
import { BODIES, CORPUS } from './corpus.js'
import { exchange, inTurns, statuses } from './wire.js'

/** What is longer is sent in larger pieces, or it would take minutes. */
const SINGLE_BYTES_MAX = 600

/** The sizes of pieces that a request is sent in. */
const sizesOf = (bytes: Buffer) => [bytes.length, bytes.length <= SINGLE_BYTES_MAX ? 1 : 1021]

/**
 * Whether the answers are the first of those expected, and the last one says that the connection closes: what has not arrived of a chunked body when
 * its request is answered may end the connection, so where requests follow, time decides.
 */
function isClosedEarly(received: string, found: readonly number[], expected: readonly number[]): boolean {
  const last = received.slice(received.lastIndexOf('HTTP/1.1 '))
  return (
    found.length > 0 &&
    found.length < expected.length &&
    found.every((status, at) => status === expected[at]) &&
    /\r\nConnection: close\r\n/.test(last)
  )
}

test('hostile requests are refused, or read as what they are for everybody', async () => {
  assert.ok(CORPUS.length >= 220, `${CORPUS.length} rows`)
  const names = new Set(CORPUS.map(([name]) => name))
  assert.equal(names.size, CORPUS.length, 'names are there once')
  for (const name of Object.keys(APART)) assert.ok(names.has(name), `apart.ts names ${name}`)
  const options = {
    conf: 'DocumentRoot "${ROOT}/htdocs"\n',
    files: { 'htdocs/a.txt': 'hello' },
    python: 'none',
  }
  await withServer(options, async ({ port }) => {
    const wrong: string[] = []
    const tasks = CORPUS.flatMap(([name, text, ...expected]) => {
      const bytes = Buffer.from(text, 'latin1')
      return sizesOf(bytes).map((size) => async () => {
        const received = await exchange(port, bytes, size)
        const found = statuses(received)
        if (JSON.stringify(found) !== JSON.stringify(expected) && !isClosedEarly(received, found, expected))
          wrong.push(`${name}, ${size} at a time: ${found.join(' ')} in place of ${expected.join(' ')}`)
        assert.doesNotMatch(received, /root:|smuggled/)
      })
    })
    await inTurns(tasks)
    assert.deepEqual(wrong, [])
  })
})

const READER = `
def application(environ, start_response):
    body = ('%d bytes' % len(environ['wsgi.input'].read())).encode()
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
`

/** The statuses of answers, and in place of 200 what the application says. */
function readings(received: string): (number | string)[] {
  const told = [...received.matchAll(/\r\n\r\n(\d+ bytes)/g)].map(([, text]) => text as string)
  return statuses(received).map((status) => (status === 200 ? (told.shift() ?? 200) : status))
}

test('an application reads what was sent, or the request is refused', async () => {
  const options = {
    conf: `
WSGIScriptAlias /read "\${ROOT}/apps/read.wsgi"
WSGIChunkedRequest On
LogLevel info
<VirtualHost *:\${PORT2}>
  ServerName localhost
  MaxKeepAliveRequests 0
</VirtualHost>
Listen 127.0.0.1:\${PORT2}
`,
    apps: { 'read.wsgi': READER },
    files: { 'htdocs/a.txt': 'hello' },
  }
  await withServer(options, async ({ port, layout }) => {
    const wrong: string[] = []
    const tasks = BODIES.flatMap(([name, text, ...expected]) => {
      const bytes = Buffer.from(text, 'latin1')
      return sizesOf(bytes).map((size) => async () => {
        const found = readings(await exchange(port, bytes, size))
        // whether there is anything to continue with, only the server knows that has read no body yet
        const answers = found[0] === 100 || expected[0] !== 100 ? expected : expected.slice(1)
        if (JSON.stringify(found) !== JSON.stringify(answers))
          wrong.push(`${name}, ${size} at a time: ${found.join(', ')} in place of ${expected.join(', ')}`)
      })
    })
    await inTurns(tasks)
    assert.deepEqual(wrong, [])

    // who has sent all there is to send may close that side, and gets every answer
    const both = 'POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc'
    const four = readings(await exchange(port, Buffer.from(both.repeat(4)), 1000, true))
    assert.deepEqual(four, ['3 bytes', '3 bytes', '3 bytes', '3 bytes'])
    // ... and nothing happens where the last request is not whole
    assert.deepEqual(readings(await exchange(port, Buffer.from(both.slice(0, -1)), 1000, true)), [])

    // ten thousand requests in one go, one after the other
    const many = Buffer.from('HEAD /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(10_000))
    const received = await exchange(layout.ports[1] as number, many, many.length, true)
    assert.equal(statuses(received).filter((status) => status === 200).length, 10_000)
  })
})
