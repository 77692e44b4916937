/**
 * release-3.md names tests; this checks that they are there.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namedTests } from '../support/named-tests.js'
import { readConformanceCases } from './case.js'

test('each test that release-3.md names exists', () => {
  const cases = new Set(readConformanceCases().map(({ name }) => name))
  const { count, missing } = namedTests('conformance/release-3.md', (name) => cases.has(name))
  assert.ok(count > 50)
  assert.deepEqual(missing, [])
})
