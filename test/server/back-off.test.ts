import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BackOff, OF_GROWTH } from '../../src/server/back-off.js'

test('a process that had come up is replaced at once, then after ever longer waits', () => {
  const backOff = new BackOff()
  const waits = Array.from({ length: 9 }, () => backOff.afterEnd(100, true))
  assert.deepEqual(waits, [0, 500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000])
})

test('a process that never came up is not started again at once', () => {
  const backOff = new BackOff()
  assert.deepEqual(
    [1, 2, 3].map(() => backOff.afterEnd(50, false)),
    [500, 1000, 2000],
  )
})

test('a process that lived well makes the next death the first one', () => {
  const backOff = new BackOff()
  for (let deaths = 0; deaths < 5; deaths++) backOff.afterEnd(10, true)
  assert.equal(backOff.afterEnd(60_000, true), 0)
  assert.equal(backOff.afterEnd(10, true), 0)
  assert.equal(backOff.afterEnd(10, true), 500)
})

test('processes that outgrow their limit soon are left alone for longer each time, but never for long', () => {
  const backOff = new BackOff(OF_GROWTH)
  const waits = Array.from({ length: 7 }, () => backOff.afterEnd(1000, true))
  assert.deepEqual(waits, [0, 5000, 10_000, 20_000, 40_000, 60_000, 60_000])
  assert.equal(backOff.afterEnd(60_000, true), 0, 'this one has lived')
})
