/** Large files: sent by the kernel itself where that is possible, in pieces elsewhere; both have to look alike. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, truncateSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import type { ClientConnection } from '../../src/request/connection.js'
import type { Request } from '../../src/request/request.js'
import { ask } from '../support/http.js'
import { until } from '../support/wait.js'
import { type Front, withFront } from './front.js'

const SIZE = 24 * 1024 * 1024
/** Random, so that bytes at the wrong place show; more than the buffers of both ends can have on loopback. */
const LARGE = randomBytes(SIZE)

const head = (more = ''): string => `GET /large HTTP/1.1\r\nHost: a\r\n${more}\r\n`

/** Bytes that Node has written to the client's connection: what sendfile sends is not among them. */
const byNode = ({ connection }: Request): number => (connection as ClientConnection).socket.bytesWritten

for (const way of ['On', 'Off'] as const) {
  const withLarge = (use: (front: Front) => Promise<void>, conf = '') =>
    withFront(`EnableSendfile ${way}\n${conf}`, { files: { large: LARGE } }, use)

  test(`EnableSendfile ${way}: whole files and ranges, many at once`, async () => {
    await withLarge(async ({ port, ended }) => {
      const ranges = ['0-', '1000001-9999999', '70000-170000', '-1', `${SIZE - 300_001}-`, '5-66000']
      await Promise.all(
        [...ranges, ...ranges.slice(1)].map(async (range) => {
          const [from = '', to = ''] = range.split('-')
          const start = from === '' ? SIZE - Number(to) : Number(from)
          const end = from === '' || to === '' ? SIZE : Number(to) + 1
          const answer = await ask(port, '/large', { headers: { Range: `bytes=${range}` } })
          assert.equal(answer.status, 206)
          assert.ok(answer.bytes.equals(LARGE.subarray(start, end)), range)
        }),
      )
      const several = await ask(port, '/large', {
        headers: { Range: 'bytes=10-9,0-2999999,5000000-9999999' },
      })
      assert.equal(several.status, 200)
      const parts = await ask(port, '/large', { headers: { Range: 'bytes=1-2999999,5000000-9999999,7-9' } })
      assert.equal(parts.headers['content-length'], String(parts.bytes.length))
      for (const [first, last] of [
        [1, 2_999_999],
        [5_000_000, 9_999_999],
      ] as const) {
        const part = parts.bytes.indexOf(`Content-Range: bytes ${first}-${last}/${SIZE}\r\n\r\n`)
        const start = parts.bytes.indexOf('\r\n\r\n', part) + 4
        assert.ok(
          parts.bytes.subarray(start, start + last - first + 1).equals(LARGE.subarray(first, last + 1)),
        )
      }
      assert.equal((await ask(port, '/large', { method: 'HEAD' })).bytes.length, 0)
      await until('all to be logged', () => ended.length === 2 * ranges.length + 2)
      const whole = ended.filter(({ bytesSent }) => bytesSent === SIZE)
      assert.equal(whole.length, 2)
      for (const request of whole) {
        if (way === 'On' && process.platform === 'linux')
          assert.ok(byNode(request) < SIZE / 2, `${byNode(request)} bytes by Node`)
        else assert.ok(byNode(request) >= SIZE)
      }
    })
  })

  test(`EnableSendfile ${way}: a client that stops and goes on gets everything, and its connection stays`, async () => {
    await withLarge(async (front) => {
      const { ended } = front
      const client = await stopped(front, head() + head('Range: bytes=0-99999\r\n'))
      const received = await readUntil(client, (text) =>
        text.endsWith(LARGE.toString('latin1', 99_900, 100_000)),
      )
      const first = received.indexOf('\r\n\r\n') + 4
      assert.ok(received.slice(first, first + SIZE) === LARGE.toString('latin1'))
      assert.match(received.slice(first + SIZE, first + SIZE + 40), /^HTTP\/1\.1 206 /)
      client.destroy()
      await until('both to be logged', () => ended.length === 2)
      assert.deepEqual(
        ended.map(({ bytesSent, cut }) => [bytesSent, cut]),
        [
          [SIZE, false],
          [100_000, false],
        ],
      )
    })
  })

  test(`EnableSendfile ${way}: a client that reads nothing is cut off by Timeout`, async () => {
    await withLarge(async (front) => {
      const { ended, records } = front
      const client = await stopped(front, head())
      await until('the request to end', () => ended.length === 1)
      assert.match(records.join(), /WSGH0010/)
      assert.ok((ended[0]?.bytesSent ?? SIZE) < SIZE)
      client.destroy()
    }, 'Timeout 1')
  })

  test(`EnableSendfile ${way}: a file that becomes shorter is an error in the log and a connection that ends`, async () => {
    await withLarge(async (front) => {
      const { root, records } = front
      const client = await stopped(front, head())
      truncateSync(path.join(root, 'large'), SIZE - 1)
      const received = await readUntil(client, () => false)
      assert.equal(received.length - received.indexOf('\r\n\r\n') - 4, SIZE - 1)
      await until('the error', () => /WSGH0003 .* ended after 25165823 bytes/.test(records.join()))
    })
  })

  test(`EnableSendfile ${way}: clients that go leave no descriptors behind`, async () => {
    await withLarge(async ({ port, ended }) => {
      const before = readdirSync('/dev/fd').length
      const clients = Array.from({ length: 24 }, (_, at) => {
        const client = connect(port, '127.0.0.1')
        client.on('error', () => {})
        client.write(head())
        let bytes = 0
        client.on('data', (data: Buffer) => {
          bytes += data.length
          if (bytes > at * 100_000) client.resetAndDestroy()
        })
        return client
      })
      await until('all to be logged', () => ended.length === clients.length)
      await until('the descriptors to be closed', () => readdirSync('/dev/fd').length <= before)
    })
  })
}

/** Connects and asks, and reads nothing until the server waits for the client. */
async function stopped({ port, server }: Front, requests: string): Promise<Socket> {
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const client = connect(port, '127.0.0.1').pause()
  client.on('error', () => {})
  client.write(requests)
  const [theirs] = await accepted
  await until('the server to wait', () => theirs.writableLength > 0)
  return client
}

function readUntil(client: Socket, isEnough: (end: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = []
    const done = (): void => resolve(Buffer.concat(pieces).toString('latin1'))
    client.on('data', (data: Buffer) => {
      pieces.push(data)
      if (isEnough(data.toString('latin1'))) done()
    })
    client.once('close', done)
    client.once('error', reject)
    client.resume()
  })
}
