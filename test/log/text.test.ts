/** The small parts: escaping, moments, strftime, levels. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { commonLogTime, ctime, nowMicros } from '../../src/log/clock.js'
import { escapeItem, escapeMessage } from '../../src/log/escape.js'
import { admits, levelNumber, mergeLevels, shortModuleName } from '../../src/log/levels.js'
import { compileStrftime } from '../../src/log/strftime.js'
import './support.js'

test('escaping', () => {
  assert.equal(escapeItem('plain text 1~'), 'plain text 1~')
  assert.equal(escapeItem('"\\\b\t\n\v\f\r\x7f\xff'), '\\"\\\\\\b\\t\\n\\v\\x0c\\r\\x7f\\xff')
  assert.equal(escapeMessage('say "hi"\n'), 'say "hi"\\n')
  // what is no byte is written as its UTF-8 bytes
  assert.equal(escapeItem('\u20ac\u{1f600}'), '\\xe2\\x82\\xac\\xf0\\x9f\\x98\\x80')
})

test('moments', () => {
  const micros = 1795354038000001
  assert.equal(ctime(micros, { fraction: 'us' }), 'Sun Nov 22 13:27:18.000001 2026')
  assert.equal(ctime(micros, { compact: true, zone: true }), '2026-11-22 13:27:18 +0000')
  assert.equal(commonLogTime(micros / 1000), '[22/Nov/2026:13:27:18 +0000]')
  const before = Date.now()
  const now = nowMicros() / 1000
  assert.ok(now > before - 50 && now < Date.now() + 50)
})

test('strftime prints what date(1) prints', {
  skip: process.platform !== 'linux' && 'needs GNU date',
}, () => {
  const conversions = [...'aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%']
  // `%c`, `%x`, `%r` are the C locale's; Q is no conversion to either
  const format = `${conversions.map((letter) => `${letter}=%${letter}`).join('|')}|100%|%Ey|%Od|text`
  const compiled = compileStrftime(format)
  // around new year, where the three ways to count weeks differ, a leap day, noon and midnight
  for (const day of [
    '2023-12-31',
    '2024-01-01',
    '2024-02-29',
    '2024-12-30',
    '2027-01-01',
    '2028-12-31',
    '2026-03-08',
  ])
    for (const time of ['00:00:00', '12:00:00', '23:59:59']) {
      const seconds = Date.parse(`${day}T${time}Z`) / 1000
      const expected = execFileSync('date', ['-u', '-d', `@${seconds}`, `+${format}`], {
        env: { LC_ALL: 'C', TZ: 'UTC' },
        encoding: 'utf8',
      })
      assert.equal(compiled(seconds * 1000), expected.slice(0, -1))
    }
})

test('LogLevel merges', () => {
  const levels = (level: string | undefined, modules: Record<string, string> = {}) => ({
    ...(level !== undefined && { level: levelNumber(level) as number }),
    modules: new Map(Object.entries(modules).map(([name, word]) => [name, levelNumber(word) as number])),
  })
  const base = levels('warn', { wsgi: 'info', ssl: 'error' })
  // a bare level ends the per-module ones outside of it
  assert.deepEqual(mergeLevels(base, levels('debug', { core: 'info' })), levels('debug', { core: 'info' }))
  assert.deepEqual(
    mergeLevels(base, levels(undefined, { wsgi: 'debug' })),
    levels('warn', { wsgi: 'debug', ssl: 'error' }),
  )
  assert.equal(mergeLevels(base, {}), base)
})

test('notices are always written, other levels by module', () => {
  const levels = {
    level: levelNumber('crit') as number,
    modules: new Map([['wsgi', levelNumber('info') as number]]),
  }
  const written = (module: string, level: string) => admits(levels, module, levelNumber(level) as number)
  assert.equal(written('core', 'notice'), true)
  assert.equal(written('core', 'error'), false)
  assert.equal(written('core', 'crit'), true)
  assert.equal(written('wsgi', 'info'), true)
  assert.equal(written('wsgi', 'debug'), false)
})

test('a module has three names', () => {
  for (const name of ['wsgi', 'wsgi_module', 'mod_wsgi.c', 'WSGI_Module'])
    assert.equal(shortModuleName(name), 'wsgi')
  assert.equal(shortModuleName('core.c'), 'core')
  assert.equal(shortModuleName('authz_core_module'), 'authz_core')
})
