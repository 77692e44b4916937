/**
 * facts.md names cases and tests; this checks that they are there.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { PROJECT } from '../../support/server.js'
import { readHttpdCases } from './case.js'

const TESTS = path.join(PROJECT, 'test')

/** Whether a test file has a test of that name, or is there where only the file is named. */
function hasTest(file: string, title: string | undefined): boolean {
  const full = path.join(TESTS, file)
  return existsSync(full) && (title === undefined || readFileSync(full, 'utf8').includes(title))
}

test('each case and test that facts.md names exists', () => {
  const cases = readHttpdCases()
  const known = new Set([
    ...cases.map(({ name }) => name),
    ...cases.flatMap(({ name, questions }) => questions.map(({ title }) => `${name} > ${title}`)),
  ])
  const page = readFileSync(path.join(TESTS, 'conformance', 'httpd', 'facts.md'), 'utf8')
  const rows = page.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| What |'))
  assert.ok(rows.length > 80)
  const missing = rows.flatMap((row) => {
    const shown = row.slice(row.lastIndexOf(' | ') + 3)
    const named = [...shown.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
    if (named.length === 0) return [row]
    return named.filter((name) => {
      const [, file, title] = /^(\S+\.test\.ts)(?:: (.*))?$/.exec(name) ?? []
      return file === undefined ? !known.has(name) : !hasTest(file, title)
    })
  })
  assert.deepEqual(missing, [])
})
