import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipWithout } from '../support/pythons.js'
import { faultRun } from './run.js'

const needs = process.platform === 'linux' ? skipWithout('3') : 'needs /proc'

test('a short fault run loses nothing but what killed processes were executing', {
  skip: needs,
}, async (t) => {
  const report = await faultRun({ seconds: 20, seed: 4 })
  t.diagnostic(
    `${report.requests} requests, ${report.failed} in killed processes, ${JSON.stringify(report.faults)}`,
  )
  assert.deepEqual(report.wrong, [])
  assert.ok(report.requests > 100)
})
