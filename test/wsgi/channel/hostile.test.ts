/** An interpreter that does not keep to the protocol: the channel closes, every exchange gets its final call. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Channel, ChannelRefused } from '../../../src/wsgi/channel/channel.js'
import type { ChannelTarget } from '../../../src/wsgi/channel/types.js'
import { place, request } from './daemon.js'

function frame(type: number, id: number, aux: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(12 + payload.length)
  bytes.writeUInt32LE(8 + payload.length, 0)
  bytes[4] = type
  bytes.writeUInt16LE(aux, 6)
  bytes.writeUInt32LE(id, 8)
  bytes.set(payload, 12)
  return bytes
}

const hello = (text: string) => frame(1, 1, 1, Buffer.from(text))
const HELLO = hello(JSON.stringify({ pid: 1, version: '3.0.0', threads: 1, region: -1 }))

/** A server that greets, and sends `reply`, or does that, as soon as a request comes. */
async function withHostile(
  greeting: Uint8Array,
  reply: Uint8Array | 'close' | ((socket: Socket) => void),
  body: (target: ChannelTarget) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'hostile-'))
  const socketPath = join(directory, 's')
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', (line) => {
      if (!line.includes('"control"')) return
      socket.write(greeting)
      socket.once('data', () => {
        if (reply === 'close') socket.destroy()
        else if (typeof reply === 'function') reply(socket)
        else socket.write(reply)
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  try {
    await body({ socketPath, secret: '', applicationGroup: '', threads: 2 })
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
    rmSync(directory, { recursive: true })
  }
}

const index = Buffer.from([1, 1, 0, 0])

/** Reports of threads that sleep, of an application that is slow, and of all kicks taken, which they are not. */
function reports(count: number): Buffer {
  const asleep = 0xffff
  const one = (number: number) => {
    const payload = Buffer.alloc(16)
    payload.writeUInt32LE((number * asleep) >>> 0, 0)
    payload.writeUInt32LE(0xfffff, 4)
    payload.writeUInt32LE(2000, 8)
    payload.writeUInt32LE(1000, 12)
    return frame(2, 0, asleep, payload)
  }
  return Buffer.concat(Array.from({ length: count }, (_, number) => one(Math.max(0, number - 1))))
}
const CASES: readonly (readonly [string, Uint8Array | 'close'])[] = [
  ['an unknown request', frame(6, 77, 0)],
  ['an answer with an impossible status', frame(3, 1, 99, Buffer.from([0, 0, 0, 0]))],
  ['an answer that overruns its frame', frame(3, 1, 200, Buffer.from([255, 0, 0, 0]))],
  ['a header without value', frame(4, 1, 200, Buffer.from('OK\0A'))],
  ['data before the head', frame(5, 1, 0, Buffer.from('x'))],
  ['an end before the head', frame(6, 1, 0)],
  [
    'a second head',
    Buffer.concat([frame(4, 1, 200, Buffer.from('OK')), frame(4, 1, 200, Buffer.from('OK'))]),
  ],
  ['a body that was not announced', frame(11, 1, 0, index)],
  [
    'a bulk lane that does not exist',
    Buffer.concat([frame(4, 1, 200, Buffer.from('OK')), frame(12, 1, 0, index)]),
  ],
  [
    'a connection given back that was never lent',
    Buffer.concat([frame(4, 1, 200, Buffer.from('OK')), frame(17, 1, 0, Buffer.alloc(8))]),
  ],
  [
    'more bytes than there are',
    Buffer.concat([frame(4, 1, 200, Buffer.from('OK')), frame(17, 1, 0, Buffer.alloc(8, 255))]),
  ],
  ['a body taken that nobody has asked for', frame(20, 1, 0, Buffer.alloc(12))],
  ['a body taken, in a frame of a wrong size', frame(20, 1, 0, Buffer.alloc(8))],
  ['an unknown frame', frame(99, 1, 0)],
  ['an unknown reason', frame(9, 1, 55)],
  ['a frame of four gigabytes', Buffer.alloc(12, 255)],
  ['a second greeting', HELLO],
  ['a report of a wrong size', frame(2, 1, 0)],
  ['thousands of bulk lanes', Buffer.concat(Array.from({ length: 1100 }, (_, i) => frame(13, i, 0)))],
  ['kicks without end, none of which it takes', reports(20_000)],
  ['nothing but the end of the connection', 'close'],
]

for (const [name, reply] of CASES) {
  test(name, { timeout: 60_000 }, async () => {
    await withHostile(HELLO, reply, async (target) => {
      const channel = await Channel.connect(target)
      const closed = new Promise<{ error?: Error }>((resolve) => channel.onClose(resolve))
      const { outcome } = request(channel, place('/x'))
      const { kind, why } = await outcome
      assert.ok(kind === 'failed' || kind === 'aborted' || kind === 'rejected', kind)
      assert.equal(why, 'died')
      const end = await closed
      if (reply !== 'close') assert.equal(end.error?.name, 'ProtocolViolation')
      assert.equal(channel.inFlight, 0)
      assert.equal((await request(channel, place('/x')).outcome).why, 'closed')
    })
  })
}

const GREETINGS: readonly (readonly [string, string])[] = [
  ['nothing that can be read', '{'],
  ['nothing at all', 'null'],
  ['no region', '{"pid":1,"version":"3.0.0","threads":1}'],
  ['a part of a region', '{"region":0.3}'],
  ['a region beyond every file', '{"region":1e300}'],
  ['a region behind the last one', '{"region":64}'],
  ['a region before the first one', '{"region":-2}'],
  ['a region by name', '{"region":"0"}'],
]

for (const [name, greeting] of GREETINGS) {
  test(`a greeting with ${name}`, { timeout: 60_000 }, () =>
    withHostile(hello(greeting), 'close', (target) =>
      assert.rejects(
        Channel.connect(target),
        (error) =>
          error instanceof ChannelRefused && /^cannot reach the runtime .* greeting /.test(error.message),
      ),
    ),
  )
}

test('what it says of its threads does not count', { timeout: 60_000 }, () =>
  withHostile(
    hello('{"threads":1e9,"region":-1}'),
    Buffer.concat(Array.from({ length: 1100 }, (_, i) => frame(13, i, 0))),
    async (target) => {
      const channel = await Channel.connect(target)
      const closed = new Promise<{ error?: Error }>((resolve) => channel.onClose(resolve))
      const { outcome } = request(channel, place('/x'))
      assert.equal((await closed).error?.message, 'too many bulk lanes')
      assert.equal((await outcome).why, 'died')
    },
  ),
)

const NUDGES = 400_000

test('nudges without end are not all answered while it takes no answer', { timeout: 60_000 }, async () => {
  let taken = 0
  let flooded: (socket: Socket) => void = () => {}
  const whenFlooded = new Promise<Socket>((resolve) => {
    flooded = resolve
  })
  const flood = (socket: Socket) => {
    socket.pause()
    socket.write(Buffer.alloc(NUDGES * 12, frame(14, 0, 0)), () => flooded(socket))
  }
  await withHostile(HELLO, flood, async (target) => {
    const channel = await Channel.connect(target)
    const first = request(channel, place('/first'))
    const socket = await whenFlooded
    const second = request(channel, place('/second'))
    await new Promise<void>((resolve) => {
      socket.on('data', (bytes) => {
        taken += bytes.length
        if (bytes.includes('/second')) resolve()
      })
      socket.resume()
    })
    channel.close()
    await Promise.all([first.outcome, second.outcome])
  })
  assert.ok(taken < (NUDGES * 12) / 2, `${taken} bytes`)
})

test('nobody listens', async () => {
  await assert.rejects(
    Channel.connect({ socketPath: '/nonexistent/s', secret: '', applicationGroup: '', threads: 1 }),
    (error) => error instanceof ChannelRefused && /cannot reach the runtime/.test(error.message),
  )
})
