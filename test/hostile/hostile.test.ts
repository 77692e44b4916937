/** The corpus of hostile requests against a real server: each as a whole and a byte at a time, with the same answers. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { withServer } from '../support/server.js'
import { CORPUS } from './corpus.js'

/** What is longer is sent in larger pieces, or it would take minutes. */
const SINGLE_BYTES_MAX = 600
const AT_A_TIME = 12
const TIMEOUT_MS = 30_000

/** Sends the pieces, each by itself, and returns what came back until the connection closed; a reset ends it like any other close. */
function exchange(port: number, bytes: Buffer, size: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.setEncoding('latin1')
    socket.setTimeout(TIMEOUT_MS, () =>
      socket.destroy(new Error(`still open; received ${received.slice(0, 200)}`)),
    )
    socket.on('data', (text: string) => {
      received += text
    })
    socket.on('timeout', () => reject(new Error('no end')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(received))
    const send = (at: number): void => {
      if (at < bytes.length && socket.writable)
        socket.write(bytes.subarray(at, at + size), () => setImmediate(send, at + size))
    }
    socket.on('connect', () => send(0))
  })
}

/** The statuses of all answers. The file and the error pages never hold such a line. */
function statuses(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map(([, status]) => Number(status))
}

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
  assert.ok(CORPUS.length >= 120, `${CORPUS.length} rows`)
  const options = {
    conf: 'DocumentRoot "${ROOT}/htdocs"\n',
    files: { 'htdocs/a.txt': 'hello' },
    python: 'none',
  }
  await withServer(options, async ({ port }) => {
    const wrong: string[] = []
    const todo = CORPUS.flatMap(([name, text, ...expected]) => {
      const bytes = Buffer.from(text, 'latin1')
      const small = bytes.length <= SINGLE_BYTES_MAX ? 1 : 1021
      return [bytes.length, small].map((size) => async () => {
        const received = await exchange(port, bytes, size)
        const found = statuses(received)
        if (JSON.stringify(found) !== JSON.stringify(expected) && !isClosedEarly(received, found, expected))
          wrong.push(`${name}, ${size} at a time: ${found.join(' ')} in place of ${expected.join(' ')}`)
        assert.doesNotMatch(received, /root:|smuggled/)
      })
    })
    const work = async (): Promise<void> => {
      for (let next = todo.shift(); next !== undefined; next = todo.shift()) await next()
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, work))
    assert.deepEqual(wrong, [])
  })
})
