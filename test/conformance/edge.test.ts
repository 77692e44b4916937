/**
 * edge.md names tests; this checks that they are there, and shows what no other test does.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { BODIES, CORPUS } from '../hostile/corpus.js'
import { PROJECT, withServer } from '../support/server.js'
import { readConformanceCases } from './case.js'

test('each test that edge.md names exists', () => {
  const known = new Set([
    ...readConformanceCases().map(({ name }) => name),
    ...CORPUS.map(([name]) => `hostile: ${name}`),
    ...BODIES.map(([name]) => `body: ${name}`),
  ])
  const page = readFileSync(path.join(PROJECT, 'test', 'conformance', 'edge.md'), 'utf8')
  const rows = page.split('\n').filter((line) => /^\| (?!What comes)/.test(line))
  assert.ok(rows.length > 40)
  const missing = rows.filter((row) => {
    const name = / \| `([^`]+)` \|$/.exec(row)?.[1] ?? ''
    const [, file, title = ''] = /^(\S+\.test\.ts): (.*)$/.exec(name) ?? []
    if (file === undefined) return !known.has(name)
    return !readFileSync(path.join(PROJECT, 'test', file), 'utf8').includes(title)
  })
  assert.deepEqual(missing, [])
})

test('names of response fields are sent as they were written', async () => {
  const options = { conf: 'Header set X-MiXeD-case 1', files: { 'htdocs/a.txt': 'a' }, python: 'none' }
  await withServer(options, async (server) => {
    const answer = await server.raw('GET /a.txt HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    assert.match(answer, /\r\nX-MiXeD-case: 1\r\n/)
    assert.match(answer, /\r\nLast-Modified: /)
  })
})
