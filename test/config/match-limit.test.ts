/** Patterns that would try for ever do not match; all others are as without the limit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fnmatch } from '../../src/config/fnmatch.js'
import { limitMatches } from '../../src/config/match-limit.js'
import { compileRegex } from '../../src/config/regex.js'

limitMatches()

test('patterns that would try for ever', () => {
  const many = 'a'.repeat(50)
  for (const pattern of [
    '^(a+)+$',
    '^(a+?)+$',
    '(?i)^(A|a)+$',
    '^(?=a)(a|aa)+$',
    '^(?!b)(a+)+$',
    '^(a)\\1(a+)+$',
    '^(a{1,40}){1,40}$',
    '^(?>a)(a+)+$',
  ]) {
    assert.equal(compileRegex(pattern).exec(`${many}!`), null, pattern)
    assert.equal(compileRegex(pattern).test(`${many}!`), false, pattern)
    assert.equal(compileRegex(pattern).exec(many)?.[0], many, pattern)
  }
  assert.equal(fnmatch('*a*a*a*a*a*a*a*a*a*a*a*b').test('a'.repeat(200)), false)
})

test('what a limited expression is', () => {
  const regex = compileRegex('^/(?<dir>[a-z]+)/(.*)$')
  assert.deepEqual([...(regex.exec('/a/b/c') ?? [])], ['/a/b/c', 'a', 'b/c'])
  assert.equal(regex.exec('/a/b')?.groups?.dir, 'a')
  assert.equal('/a/b'.replace(regex, '$2'), 'b')
  assert.deepEqual([...('abbc'.match(compileRegex('(a)(?>b+)(c)')) ?? [])], ['abbc', 'a', 'c'])
  assert.equal('abbc'.replace(compileRegex('(a)(?>b+)(c)'), '$2$1'), 'ca')
  assert.throws(() => compileRegex('('), /missing closing parenthesis/)
})
