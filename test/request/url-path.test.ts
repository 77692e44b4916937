import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalizePath, resolveLink, splitQuery } from '../../src/request/url-path.js'

type Mode = 'Off' | 'On' | 'NoDecode'

/** Path as sent, what becomes of it; where they differ, by AllowEncodedSlashes. */
const CASES: readonly (readonly [string, string | number, Mode?])[] = [
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['/../x', 400],
  ['/a/../../x', 400],
  ['/..', 400],
  ['/%zz', 400],
  ['/a%', 400],
  ['/a%2', 400],
  ['/a%00b', 404],
  ['/a%2Fb', 404],
  ['/a%2fb', 404],
  ['/a%2Fb', '/a/b', 'On'],
  ['/a%2fb', '/a%2fb', 'NoDecode'],
  ['/a%2Fb%20c', '/a%2Fb c', 'NoDecode'],
  ['//a//b', '/a/b'],
  ['/a//', '/a/'],
  ['/w/./x', '/w/x'],
  ['/w/x/..', '/w/'],
  ['/w/x/.', '/w/x/'],
  ['/w/x/../', '/w/'],
  ['/w/.x', '/w/.x'],
  ['/w/..x', '/w/..x'],
  ['/w/...', '/w/...'],
  ['/%2e%2e/', 400],
  ['/w/%2e%2E/x', '/x'],
  ['/w/%5c', '/w/\\'],
  ['/%41%7e', '/A~'],
  ['/%25zz', '/%zz'],
  ['/%2541', '/%41'],
  ['/%c3%a9', '/\u00c3\u00a9'],
  ['/%0a', '/\n'],
  ['/w/..%2f..%2fa.txt', '/a.txt', 'On'],
  ['/w/..%2f..%2fa.txt', '/w/..%2f..%2fa.txt', 'NoDecode'],
]

for (const [raw, expected, encodedSlashes = 'Off'] of CASES)
  test(`${raw} with AllowEncodedSlashes ${encodedSlashes} is ${JSON.stringify(expected)}`, () => {
    assert.equal(normalizePath(raw, { encodedSlashes, mergeSlashes: true }), expected)
  })

test('MergeSlashes Off keeps empty components, but for those at the beginning', () => {
  const rules = { encodedSlashes: 'Off', mergeSlashes: false } as const
  assert.equal(normalizePath('//a//b', rules), '/a//b')
  assert.equal(normalizePath('/a//./b', rules), '/a//b')
})

test('the query begins at the first question mark', () => {
  assert.deepEqual(splitQuery('/a?b?c'), { path: '/a', query: 'b?c' })
  assert.deepEqual(splitQuery('/a?'), { path: '/a', query: '' })
  assert.deepEqual(splitQuery('/a'), { path: '/a', query: undefined })
})

test('links are resolved against the directory of a path', () => {
  assert.equal(resolveLink('/a/b', 'c'), '/a/c')
  assert.equal(resolveLink('/a/', 'c'), '/a/c')
  assert.equal(resolveLink('/a/b', '/c'), '/c')
})
