import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addCounts, DURATION_BOUNDS_MS, durationPlace, newCounts } from '../../src/status/counts.js'

test('a duration has its place below the first bound that is longer', () => {
  const rows: [milliseconds: number, place: number][] = [
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [1000, 10],
    [131_071, 17],
    [131_072, 18],
    [10_000_000, 18],
  ]
  for (const [milliseconds, place] of rows) {
    assert.equal(durationPlace(milliseconds), place, `${milliseconds} ms`)
    assert.equal(DURATION_BOUNDS_MS.filter((bound) => bound <= milliseconds).length, place)
  }
})

test('counts are added by name and place, and nothing else is', () => {
  const sum = newCounts()
  const one = { ...newCounts(), accesses: 2, statuses: [0, 0, 5], more: 7 }
  addCounts(sum, one)
  addCounts(sum, one)
  assert.deepEqual(sum, { ...newCounts(), accesses: 4, statuses: [0, 0, 10, 0, 0, 0] })
})
