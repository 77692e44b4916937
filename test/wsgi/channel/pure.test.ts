/** The parts without sockets: header signatures, the decision whom to wake, and frames from a hostile interpreter. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type FrameSink, Incoming, ProtocolViolation } from '../../../src/wsgi/channel/incoming.js'
import { Pacing } from '../../../src/wsgi/channel/pacing.js'
import { Response } from '../../../src/wsgi/channel/response.js'
import { environKey, SignatureTable } from '../../../src/wsgi/channel/signatures.js'
import type { Exchange } from '../../../src/wsgi/channel/types.js'
import { FLAG_OPEN, FLAG_READING, Receive } from '../../../src/wsgi/channel/wire.js'

describe('header names', () => {
  for (const [name, key] of [
    ['Host', 'HTTP_HOST'],
    ['x-forwarded-for', 'HTTP_X_FORWARDED_FOR'],
    ['Content-Type', 'CONTENT_TYPE'],
    ['content-length', 'CONTENT_LENGTH'],
    ['Proxy', undefined],
    ['X_Forwarded_For', undefined],
    ['X.Y', undefined],
    ['Authorization', undefined],
    ['Proxy-Authorization', undefined],
  ] as const) {
    test(`${name} becomes ${key}`, () => assert.equal(environKey(name, false), key))
  }
  test('Authorization where it is allowed', () =>
    assert.equal(environKey('authorization', true), 'HTTP_AUTHORIZATION'))

  test('duplicates are joined, dropped names leave no trace', () => {
    const table = new SignatureTable()
    const raw = ['A', '1', 'Proxy', 'p', 'b', '2', 'a', '3', 'Cookie', 'x', 'A', '4', 'cookie', 'y']
    for (let i = 0; i < 3; i++) {
      const { keys, values } = table.map(raw, false)
      assert.deepEqual(keys, ['HTTP_A', 'HTTP_B', 'HTTP_COOKIE'])
      assert.deepEqual(values, ['1, 3, 4', '2', 'x; y'])
    }
  })

  test('a sequence gets a number when it comes again, the same one from then on', () => {
    const table = new SignatureTable()
    const numbers = [1, 2, 3].map(() => table.map(['A', '1', 'B', '2'], false).signature?.number)
    assert.deepEqual(numbers, [undefined, 1, 1])
    assert.notEqual(table.map(['A', '1', 'B', '2'], true).signature?.number, 1)
  })

  test('clients cannot make the table grow without bound', () => {
    const table = new SignatureTable()
    const before = table.generation
    for (let i = 0; i < 60_000; i++) {
      const { keys, values, signature } = table.map([`X-${i >> 1}`, 'v', 'Host', 'h'], false)
      assert.equal(keys.length, values.length)
      assert.ok((signature?.number ?? 0) < 4096)
    }
    assert.ok(table.generation > before)
  })
})

describe('whom to wake', () => {
  /** Ten threads, one of which reads. */
  function idle(): Pacing {
    const pacing = new Pacing(10)
    pacing.reported(FLAG_READING, 9, 0, 0, 0, 0, 0)
    return pacing
  }

  test('nobody, while a thread reads and nothing is in flight', () => assert.equal(idle().mustWatch, false))

  test('one thread after a silence: somebody may be blocked', () => {
    const pacing = idle()
    pacing.sent()
    assert.equal(pacing.kicksAtOnce(), 0)
    assert.equal(pacing.mustWatch, true)
    assert.equal(pacing.kicksWhenQuiet(), 1)
    assert.equal(pacing.kicksWhenQuiet(), 0, 'not again before the first was noticed')
  })

  test('twice as many at each further silence, but no more than wait or sleep', () => {
    const pacing = idle()
    for (let i = 0; i < 20; i++) pacing.sent()
    let kicked = 0
    const woken: number[] = []
    for (let round = 0; round < 5; round++) {
      pacing.reported(0, 9 - kicked, 20, kicked, 19 - kicked, 0, 0)
      const count = pacing.kicksWhenQuiet()
      woken.push(count)
      kicked += count
    }
    assert.deepEqual(woken, [1, 2, 4, 2, 0])
  })

  test('one again, once the application has answered', () => {
    const pacing = idle()
    for (let i = 0; i < 20; i++) pacing.sent()
    pacing.reported(0, 9, 20, 0, 19, 0, 0)
    pacing.kicksWhenQuiet()
    pacing.reported(0, 8, 20, 1, 18, 100, 0)
    assert.equal(pacing.kicksWhenQuiet(), 1)
  })

  test('at once where the application is slow', () => {
    const pacing = idle()
    for (let i = 0; i < 20; i++) pacing.reported(FLAG_READING, 9, 0, 0, 0, 50_000, 1000)
    pacing.sent()
    assert.equal(pacing.kicksAtOnce(), 0, 'the reader takes the first')
    pacing.sent()
    assert.equal(pacing.kicksAtOnce(), 1)
    pacing.sent()
    assert.equal(pacing.kicksAtOnce(), 1)
  })

  test('answers may lie in an outbox: watch, even though a thread reads', () => {
    const pacing = idle()
    pacing.reported(FLAG_READING | FLAG_OPEN, 9, 0, 0, 0, 0, 0)
    assert.equal(pacing.mustWatch, true)
  })

  test('with one thread only the helper is woken, and never at once', () => {
    const pacing = new Pacing(1)
    for (let i = 0; i < 20; i++) pacing.reported(0, 1, 0, 0, 0, 50_000, 1000)
    for (let i = 0; i < 5; i++) pacing.sent()
    assert.equal(pacing.kicksAtOnce(), 0)
    assert.equal(pacing.kicksWhenQuiet(), 1)
  })

  test('counters may wrap', () => {
    const pacing = new Pacing(10)
    pacing.reported(FLAG_READING, 9, 0xffffffff, 0, 0, 0, 0)
    pacing.reported(0, 9, 0, 0, 0, 0, 0)
    assert.equal(pacing.kicksWhenQuiet(), 1)
  })
})

describe('frames', () => {
  function frame(type: number, id: number, aux: number, payload: Uint8Array): Buffer {
    const bytes = Buffer.alloc(12 + payload.length)
    bytes.writeUInt32LE(8 + payload.length, 0)
    bytes[4] = type
    bytes.writeUInt16LE(aux, 6)
    bytes.writeUInt32LE(id, 8)
    bytes.set(payload, 12)
    return bytes
  }
  function recorder(): { sink: FrameSink; seen: string[] } {
    const seen: string[] = []
    return {
      seen,
      sink: {
        answer: (id, status, text, body) => seen.push(`answer ${id} ${status} ${text} ${body}`),
        head: (id, status, text) => seen.push(`head ${id} ${status} ${text}`),
        data: (id, chunk) => seen.push(`data ${id} ${chunk}`),
        report: (...numbers) => seen.push(`report ${numbers}`),
        other: (type, id, aux, payload) => seen.push(`other ${type} ${id} ${aux} ${payload}`),
      },
    }
  }
  const streamed = Buffer.concat([
    frame(Receive.head, 1, 200, Buffer.from('OK\0A\0b')),
    frame(Receive.data, 1, 0, Buffer.from('one')),
    frame(Receive.data, 1, 0, Buffer.from('two')),
    frame(Receive.end, 1, 0, Buffer.alloc(0)),
    frame(Receive.log, 2, 3, Buffer.from('text')),
  ])

  test('are the same however the bytes are cut', () => {
    for (const size of [1, 5, 13, 1000]) {
      const { sink, seen } = recorder()
      const incoming = new Incoming(sink)
      for (let at = 0; at < streamed.length; at += size) incoming.push(streamed.subarray(at, at + size))
      assert.deepEqual(seen, [
        'head 1 200 OK\0A\0b',
        'data 1 one',
        'data 1 two',
        'other 6 1 0 ',
        'other 10 2 3 text',
      ])
    }
  })

  test('a large one that comes byte by byte costs as many steps, in a buffer that is used again', () => {
    const sizes: number[] = []
    const incoming = new Incoming({
      ...recorder().sink,
      other: (_type, _id, _aux, payload) => sizes.push(payload.length),
    })
    const bytes = Buffer.concat([frame(Receive.log, 2, 3, Buffer.alloc(2_000_000, 'x')), streamed])
    const one = Buffer.alloc(1)
    for (const byte of bytes) {
      one[0] = byte
      incoming.push(one)
    }
    assert.deepEqual(sizes, [2_000_000, 0, 4])
  })

  test('a head with its whole body at once is an answer', () => {
    const { sink, seen } = recorder()
    new Incoming(sink).push(
      Buffer.concat([
        frame(Receive.head, 1, 200, Buffer.from('OK')),
        frame(Receive.data, 1, 0, Buffer.from('all')),
        frame(Receive.end, 1, 0, Buffer.alloc(0)),
      ]),
    )
    assert.deepEqual(seen, ['answer 1 200 OK all'])
  })

  test('nonsense is a violation, never anything else', () => {
    let state = 12345
    const random = () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return state >>> 8
    }
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(streamed)
      for (let i = 0; i < 1 + (random() % 4); i++) bytes[random() % bytes.length] = random() & 255
      try {
        const incoming = new Incoming(recorder().sink)
        incoming.push(bytes)
      } catch (error) {
        assert.ok(error instanceof ProtocolViolation, String(error))
      }
    }
  })

  test('line breaks cannot get into a response head', () => {
    const incoming = new Incoming(recorder().sink)
    assert.throws(
      () => incoming.push(frame(Receive.head, 1, 200, Buffer.from('OK\0Set-Cookie\0a\r\nX: y'))),
      ProtocolViolation,
    )
  })
})

test('a header that comes again is its own, whatever became of the first', () => {
  const seen: string[][] = []
  const exchange = {
    answered(_status: number, reason: string, headers: string[]) {
      seen.push([reason, ...headers])
      headers.push('X', 'y')
      headers[1] = 'changed'
    },
  } as unknown as Exchange
  const text = 'OK\0Content-Type\0text/plain\0X\0'
  for (let id = 1; id <= 3; id++) new Response(id, exchange).answered(200, text, '')
  assert.deepEqual(seen, Array(3).fill(['OK', 'Content-Type', 'text/plain', 'X', '']))
  for (let round = 0; round < 2; round++)
    assert.throws(() => new Response(1, exchange).answered(200, 'OK\0Alone', ''), ProtocolViolation)
})
