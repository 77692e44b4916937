/** A call of a hook against an interpreter that does as it likes: every end of the exchange settles the call, once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Channel } from '../../../src/wsgi/channel/channel.js'
import type { Exchange, Place } from '../../../src/wsgi/channel/types.js'
import { callHook } from '../../../src/wsgi/hooks/call.js'
import { makeRequest } from '../../support/request.js'

const PLACE: Place = {
  kind: 'hook',
  script: '/h.py',
  callable: 'f',
  reload: true,
  passAuthorization: false,
  base: {},
}

/** Calls a hook whose interpreter answers by `act`; what was logged, and the result. */
async function call(act: (exchange: Exchange) => void) {
  const request = makeRequest('')
  const channel = { dispatch: act, cancel: () => {} } as unknown as Channel
  const environ = { fixed: '', rawHeaders: [], extra: undefined }
  const result = await callHook((job) => job.begin(channel), request, PLACE, GROUP, environ, {
    words: ['\u00e9\0'],
  })
  return { result, log: request.records.map(({ message }) => message).join() }
}

const GROUP = { name: '', isNamedByRequest: false }

const answer = (text: string) => call((exchange) => exchange.answered(200, 'OK', [], Buffer.from(text)))

test('what the function returned', async () => {
  for (const value of [true, false, null, 'text', ['a', 'b']])
    assert.deepEqual((await answer(JSON.stringify({ value }))).result, { value })
})

test('in parts', async () => {
  const { result } = await call((exchange) => {
    exchange.head(200, 'OK', [], { resume: () => {}, drained: () => {} })
    exchange.data(Buffer.from('{"value":'))
    exchange.data(Buffer.from('"x"}'))
    exchange.end()
  })
  assert.deepEqual(result, { value: 'x' })
})

test('what it must not return is logged', async () => {
  const { result, log } = await answer('{"fault": "not like this"}')
  assert.deepEqual(result, { failed: 'error' })
  assert.match(log, /not like this/)
})

test('nonsense', async () => {
  for (const text of ['', '{', 'null', '7', '"x"']) {
    const { result, log } = await answer(text)
    assert.deepEqual(result, { failed: 'error' })
    assert.match(log, /f of '\/h\.py': its answer cannot be read/)
  }
})

test('too much', async () => {
  const { result, log } = await call((exchange) => {
    for (let count = 0; count < 5; count++) exchange.data(Buffer.alloc(1024 * 1024, 'x'))
    exchange.end()
  })
  assert.deepEqual(result, { failed: 'error' })
  assert.match(log, /more than 4194304 bytes/)
})

test('every other end', async () => {
  const ends: [(exchange: Exchange) => void, string][] = [
    [(exchange) => exchange.failed('script', ''), 'script'],
    [(exchange) => exchange.failed('callable', ''), 'callable'],
    [(exchange) => exchange.failed('exception', 'a note'), 'error'],
    [(exchange) => exchange.failed('died', ''), 'error'],
    [(exchange) => exchange.aborted('died'), 'error'],
    [(exchange) => exchange.aborted('cancelled'), 'error'],
    [(exchange) => exchange.rejected('shutdown'), 'error'],
  ]
  for (const [end, failed] of ends) assert.deepEqual((await call(end)).result, { failed })
})

test('arguments travel as ASCII without NUL', async () => {
  let sent: readonly string[] | undefined
  await call((exchange) => {
    sent = exchange.extra
    exchange.rejected('closed')
  })
  assert.deepEqual(sent, ['wsgi_httpd.arguments', '{"words":["\\u00e9\\u0000"]}'])
})
