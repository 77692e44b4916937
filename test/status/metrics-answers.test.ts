/** Answers to processes that ask for the server's metrics, and perhaps do not listen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { MetricsAnswers } from '../../src/status/metrics-answers.js'
import { EMPTY_BOARD } from '../support/status.js'

function asked(allowed: boolean) {
  const sent: { number: number; value: unknown; taken: () => void }[] = []
  const run = { looks: 0, sent, ask: (_: number) => {} }
  const answers = new MetricsAnswers(
    allowed,
    async () => {
      run.looks++
      return EMPTY_BOARD
    },
    ({ number, value }, taken) => void sent.push({ number, value, taken }),
  )
  run.ask = (number) => void answers.answer({ type: 'server_metrics', number, asker: 0 })
  return run
}

test('one answer is under way at a time, and one look does for all that wait', async () => {
  const run = asked(true)
  for (const number of [1, 2, 3]) run.ask(number)
  await setImmediate()
  for (const number of [1, 2, 3]) {
    assert.deepEqual(
      run.sent.map((one) => one.number),
      [1, 2, 3].slice(0, number),
    )
    run.sent.at(-1)?.taken()
    await setImmediate()
  }
  assert.equal(run.looks, 1)
  run.ask(4)
  await setImmediate()
  assert.equal(run.looks, 2)
  assert.ok(run.sent.every(({ value }) => value !== null))
})

test('who does not listen is not answered without end, allowed or not', async () => {
  for (const allowed of [true, false]) {
    const run = asked(allowed)
    for (let number = 0; number < 5000; number++) run.ask(number)
    await setImmediate()
    assert.equal(run.sent.length, 1)
    for (let at = 0; at < run.sent.length; at++) {
      run.sent[at]?.taken()
      await setImmediate()
    }
    assert.ok(run.sent.length <= 1001, `${run.sent.length}`)
    assert.ok(run.sent.every(({ value }) => (value !== null) === allowed))
  }
})
