/** Wildcards: pattern, what matches, what does not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FnmatchOptions, fnmatch, hasWildcards } from '../../src/config/fnmatch.js'

const CASES: readonly (readonly [string, FnmatchOptions, readonly string[], readonly string[]])[] = [
  ['*.conf', {}, ['a.conf', '.conf', 'a/b.conf'], ['a.conf.bak', 'a.CONF']],
  ['*.conf', { pathname: true }, ['a.conf'], ['a/b.conf']],
  ['/srv/*/www/', { pathname: true }, ['/srv/a/www/'], ['/srv/a/b/www/', '/srv/www/']],
  ['a?c', {}, ['abc', 'a/c', 'a\nc'], ['ac', 'abbc']],
  ['a?c', { pathname: true }, ['abc'], ['a/c']],
  ['[a-c]x', {}, ['ax', 'cx'], ['dx', '-x']],
  ['[!a-c]x', {}, ['dx', '/x'], ['ax']],
  ['[^a]', { pathname: true }, ['b'], ['a', '/']],
  ['[a\\]]', {}, ['a', ']'], ['\\']],
  ['[]', {}, [], ['', ']', '[]']],
  ['[a', {}, ['[a'], ['a']],
  ['[a/b]', { pathname: true }, ['[a/b]'], ['a']],
  ['\\*', {}, ['*'], ['a', '\\*']],
  ['a.b+c(d)$', {}, ['a.b+c(d)$'], ['axb+c(d)$']],
  ['*.EXAMPLE.com', { ignoreCase: true }, ['a.example.COM', 'a.b.example.com'], ['example.com']],
  ['', {}, [''], ['a']],
  ['**a', {}, ['a', 'xxa'], ['b']],
]

for (const [pattern, options, yes, no] of CASES) {
  test(`${pattern} ${JSON.stringify(options)}`, () => {
    const regex = fnmatch(pattern, options)
    for (const text of yes) assert.ok(regex.test(text), `should match ${text}`)
    for (const text of no) assert.ok(!regex.test(text), `should not match ${text}`)
  })
}

test('wildcards are told from plain paths', () => {
  for (const pattern of ['*', 'a?', '[a]', 'x[]']) assert.ok(hasWildcards(pattern), pattern)
  for (const pattern of ['a', '\\*', '[a', 'a]']) assert.ok(!hasWildcards(pattern), pattern)
})
