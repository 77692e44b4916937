import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modules } from '../../src/modules/index.js'
import { deadline, requestReadTimeout } from '../../src/modules/reqtimeout.js'
import { faultsOf, siteOf } from '../support/site.js'

test('stages are set one by one; the others keep their defaults', () => {
  const settings = (conf: string) => siteOf(conf, modules).main.settings.get(requestReadTimeout)
  const { header, body, handshake } = settings('RequestReadTimeout header=10-30,minrate=100 Body=5')
  assert.deepEqual(header, { timeout: 10, maximum: 30, minRate: 100 })
  assert.deepEqual(body, { timeout: 5, maximum: 0, minRate: 0 })
  assert.deepEqual(handshake, { timeout: 0, maximum: 0, minRate: 0 })
  assert.deepEqual(settings('').header, { timeout: 20, maximum: 40, minRate: 500 })
  assert.equal(settings('RequestReadTimeout header=0').header.timeout, 0)
})

test('bytes extend the time, up to the maximum', () => {
  const stage = { timeout: 20, maximum: 40, minRate: 500 }
  assert.equal(deadline(stage, 1000, 0), 21_000)
  assert.equal(deadline(stage, 1000, 5000), 31_000)
  assert.equal(deadline(stage, 1000, 1e9), 41_000)
  assert.equal(deadline({ ...stage, maximum: 0 }, 0, 500_000), 1_020_000)
  assert.equal(deadline({ ...stage, minRate: 0 }, 0, 500_000), 20_000)
  assert.equal(deadline({ ...stage, timeout: 0 }, 0, 0), Number.POSITIVE_INFINITY)
})

test('mistakes are told', () => {
  const rows: [words: string, fault: string][] = [
    ['header', "Invalid RequestReadTimeout parameter. Parameter must be in the form 'key=value'"],
    ['head=1', 'RequestReadTimeout: head=1: Unknown RequestReadTimeout parameter'],
    ['header=x', "RequestReadTimeout: header=x: Value 'x' not numerical"],
    ['header=10-20', 'RequestReadTimeout: header=10-20: Must set MinRate option if using timeout range'],
    [
      'header=20-10,MinRate=1',
      'RequestReadTimeout: header=20-10,MinRate=1: Maximum timeout must be larger than initial timeout',
    ],
    ['body=20,MinRate=0', 'RequestReadTimeout: body=20,MinRate=0: Minimum data rate must be larger than 0'],
  ]
  for (const [words, fault] of rows)
    assert.deepEqual(faultsOf(`RequestReadTimeout ${words}`, modules), [fault])
})
