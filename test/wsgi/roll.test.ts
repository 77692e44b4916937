import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Roll } from '../../src/wsgi/roll.js'

test('members may leave in any order, and leaving twice does no harm', () => {
  const roll = new Roll<{ rollIndex: number; name: string }>()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ rollIndex: -1, name })) as [
    { rollIndex: number; name: string },
    { rollIndex: number; name: string },
    { rollIndex: number; name: string },
  ]
  for (const member of [a, b, c]) roll.add(member)
  roll.delete(a)
  roll.delete(a)
  assert.deepEqual(new Set(roll.list()), new Set([b, c]))
  roll.delete(c)
  assert.deepEqual(roll.list(), [b])
  roll.delete(b)
  assert.equal(roll.size, 0)
  assert.deepEqual(
    [a, b, c].map(({ rollIndex }) => rollIndex),
    [-1, -1, -1],
  )
})
