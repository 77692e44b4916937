import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Outcome } from '../../src/modules/module.js'
import { RequestSlots } from '../../src/request/request-slots.js'
import { sendWhole } from '../../src/request/response.js'
import { ask, raw } from '../support/http.js'
import { until } from '../support/wait.js'
import { hooksOf, withFront } from './front.js'

test('places are given in order, and not to who has gone', () => {
  const slots = new RequestSlots(1, 2)
  const started: string[] = []
  const gone = new Set<string>()
  const waiting = (name: string) => ({ start: () => void started.push(name), isGone: () => gone.has(name) })
  assert.equal(slots.enter(), true)
  assert.equal(slots.enter(), false)
  assert.equal(slots.wait(waiting('a')), true)
  assert.equal(slots.wait(waiting('b')), true)
  assert.equal(slots.wait(waiting('c')), false)
  gone.add('a')
  assert.equal(slots.wait(waiting('d')), true)
  slots.leave()
  assert.deepEqual(started, ['b'])
  slots.leave()
  assert.deepEqual(started, ['b', 'd'])
  assert.equal(slots.enter(), false)
  slots.leave()
  assert.equal(slots.enter(), true)
  assert.equal(slots.waiting, 0)
})

test('MaxRequestWorkers: one at work, one waits, the next is refused', async () => {
  const answers: (() => void)[] = []
  const slow = hooksOf({
    handler: (request) =>
      new Promise<Outcome>((resolve) =>
        answers.push(() => {
          sendWhole(request, request.path)
          resolve('done')
        }),
      ),
  })
  const slots = new RequestSlots(1, 1)
  await withFront('', { modules: [slow], slots }, async ({ port, records }) => {
    const first = ask(port, '/first')
    await until('the first', () => answers.length === 1)
    const second = ask(port, '/second')
    await until('the second to wait', () => slots.waiting === 1)
    assert.match(await raw(port, 'GET /third HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 503 /)
    assert.ok(records.some((record) => record.includes('MaxRequestWorkers')))
    assert.equal(answers.length, 1)
    answers[0]?.()
    assert.equal((await first).text, '/first')
    await until('the second to begin', () => answers.length === 2)
    answers[1]?.()
    assert.equal((await second).text, '/second')
    const last = ask(port, '/last')
    await until('the last', () => answers.length === 3)
    answers[2]?.()
    assert.equal((await last).status, 200)
  })
})
