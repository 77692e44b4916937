import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OptionSyntaxError, parseOptions, takeWord } from '../../src/wsgi/options.js'

const good: [text: string, pairs: [string, string][]][] = [
  ['', []],
  ['threads=2', [['threads', '2']]],
  [
    "display-name='my site' threads=2",
    [
      ['display-name', 'my site'],
      ['threads', '2'],
    ],
  ],
  ['home="/srv/a\\"b"', [['home', '/srv/a"b']]],
  ['home="/srv/a\\\\b"', [['home', '/srv/a\\b']]],
  [
    'home=/a"b c=d',
    [
      ['home', '/a"b'],
      ['c', 'd'],
    ],
  ],
  ['threads= 2', [['threads', '2']]],
  ['home= processes=2', [['home', 'processes=2']]],
  ['home="no end', [['home', 'no end']]],
  [
    '"home=/a b"=x',
    [
      ['"home', '/a'],
      ['b"', 'x'],
    ],
  ],
  ['user=', [['user', '']]],
  [
    'a=1 a=2',
    [
      ['a', '1'],
      ['a', '2'],
    ],
  ],
]

for (const [text, pairs] of good) {
  test(`options: ${text || '(empty)'}`, () => assert.deepEqual(parseOptions(text), pairs))
}

for (const text of ['threads = 2', '=2', 'threads', 'a=1 b']) {
  test(`options: ${text} is refused`, () => assert.throws(() => parseOptions(text), OptionSyntaxError))
}

test('words may be quoted; the rest begins after white space', () => {
  assert.deepEqual(takeWord('  "/srv/my app/x.wsgi"  a=1', 0), { word: '/srv/my app/x.wsgi', next: 24 })
  assert.equal(takeWord('   ', 0), undefined)
})
