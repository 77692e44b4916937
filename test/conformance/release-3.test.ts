/**
 * release-3.md names tests; this checks that they are there.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { PROJECT } from '../support/server.js'
import { readConformanceCases } from './case.js'

test('each test that release-3.md names exists', () => {
  const cases = new Set(readConformanceCases().map(({ name }) => name))
  const page = readFileSync(path.join(PROJECT, 'test', 'conformance', 'release-3.md'), 'utf8')
  const named = [...page.matchAll(/ \| `([^`]+)` \|$/gm)].map(([, name = '']) => name)
  assert.ok(named.length > 50)
  const exists = (name: string): boolean => {
    const [, file, title = ''] = /^(\S+\.test\.ts): (.*)$/.exec(name) ?? []
    if (file === undefined) return cases.has(name)
    return readFileSync(path.join(PROJECT, 'test', file), 'utf8').includes(title)
  }
  assert.deepEqual(
    named.filter((name) => !exists(name)),
    [],
  )
})
