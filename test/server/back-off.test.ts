import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackOff } from '../../src/server/back-off.js'

test('a process that had come up is replaced at once, then after ever longer waits', () => {
  const backOff = new BackOff()
  const waits = Array.from({ length: 9 }, () => backOff.afterDeath(100, true))
  assert.deepEqual(waits, [0, 500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000])
})

test('a process that never came up is not started again at once', () => {
  const backOff = new BackOff()
  assert.deepEqual(
    [1, 2, 3].map(() => backOff.afterDeath(50, false)),
    [500, 1000, 2000],
  )
})

test('a process that lived well makes the next death the first one', () => {
  const backOff = new BackOff()
  for (let deaths = 0; deaths < 5; deaths++) backOff.afterDeath(10, true)
  assert.equal(backOff.afterDeath(60_000, true), 0)
  assert.equal(backOff.afterDeath(10, true), 0)
  assert.equal(backOff.afterDeath(10, true), 500)
})
