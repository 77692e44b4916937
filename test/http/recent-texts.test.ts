import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentTexts } from '../../src/http/recent-texts.js'

test('a text is found again until another one takes its place', () => {
  const texts = new RecentTexts<number>()
  texts.set('abc', 1)
  texts.set('abcd', 2)
  assert.equal(texts.get('abc'), 1)
  assert.equal(texts.get('abcd'), 2)
  assert.equal(texts.get('abd'), undefined)
  texts.set('abd', 3)
  assert.equal(texts.get('abc'), undefined)
  assert.equal(texts.get('abd'), 3)
  texts.set('x'.repeat(3 + 256), 4)
  assert.equal(texts.get('abd'), undefined)
  texts.set('y'.repeat(2049), 5)
  assert.equal(texts.get('y'.repeat(2049)), undefined)
})
