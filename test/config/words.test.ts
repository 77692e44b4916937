/** Words by httpd's quoting rules. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitWords, trimSpace } from '../../src/config/words.js'

const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['', []],
  ['  a\tb  ', ['a', 'b']],
  ['"a b" \'c d\'', ['a b', 'c d']],
  ['"a""b"', ['a', 'b']],
  ['"a"b', ['a', 'b']],
  ['a"b c"', ['a"b', 'c"']],
  ['"never closed ', ['never closed ']],
  ['"\\d+\\.py"', ['\\d+\\.py']],
  ['"a \\" b" \'it\\\'s\'', ['a " b', "it's"]],
  ['"a\\\'b"', ["a\\'b"]],
  ['a\\\\b a\\"b', ['a\\b', 'a\\"b']],
  ['"\\\\"', ['\\']],
  ['"ends in \\', ['ends in \\']],
  ['""', ['']],
  ['" " x', [' ', 'x']],
  ['a\xa0b', ['a\xa0b']],
]

for (const [text, words] of CASES) {
  test(JSON.stringify(text), () => {
    assert.deepEqual(splitWords(text), words)
  })
}

test('a no-break space is no white space', () => {
  assert.equal(trimSpace(' \xa0a\xa0 '), '\xa0a\xa0')
})
