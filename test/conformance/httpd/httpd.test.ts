/**
 * The cases about the server around the applications, against wsgi-httpd: one server with all of them. What Apache answers to the same questions, and
 * what we answer on purpose instead, is in the records.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { skipWithout } from '../../support/pythons.js'
import { PROJECT } from '../../support/server.js'
import { readHttpdCases } from './case.js'
import { rowsOf } from './differences.js'
import { answersOfHere } from './here.js'
import { keyOf, readRecords, settled } from './records.js'

const cases = readHttpdCases((process.env.CASES ?? '').split(',').filter((word) => word !== ''))
const records = readRecords(cases.map(({ area }) => area))

describe('as Apache httpd', { skip: skipWithout('3') }, async () => {
  const answers = skipWithout('3') ? undefined : await answersOfHere(cases)
  for (const [one, told] of answers ?? [])
    for (const question of one.questions)
      test(keyOf(one, question), () => {
        const record = records.get(keyOf(one, question))
        assert.ok(record, 'no record: run npm run conformance:apache -- --write')
        assert.deepEqual(settled(told.get(question.title) ?? []), record.here ?? record.apache)
      })
})

test('every difference has a reason, and every reason a difference', () => {
  for (const one of cases)
    for (const question of one.questions)
      assert.equal(
        records.get(keyOf(one, question))?.here !== undefined,
        question.why !== undefined,
        `${keyOf(one, question)}: ${question.why ?? 'no reason'}`,
      )
})

test('docs/differences.md lists the differences', () => {
  const page = readFileSync(`${PROJECT}docs/differences.md`, 'utf8')
  for (const row of rowsOf(cases, records))
    assert.ok(page.includes(row), `run npm run conformance:apache -- --write; missing: ${row}`)
})
