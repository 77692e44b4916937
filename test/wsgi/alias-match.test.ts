import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ScriptAlias } from '../../src/modules/wsgi/settings.js'
import { matchAlias, matchPrefix, substitute } from '../../src/wsgi/alias-match.js'

const prefixes: [url: string, path: string, taken: number][] = [
  ['/app', '/app', 4],
  ['/app', '/app/x', 4],
  ['/app', '/apple', 0],
  ['/app/', '/app', 0],
  ['/app/', '/app/x', 5],
  ['/app/', '/app//x', 6],
  ['/app', '//app', 5],
  ['//app', '/app/x', 4],
  ['/a//b', '/a/b/c', 4],
  ['/App', '/app', 0],
]

for (const [url, path, taken] of prefixes) {
  test(`${url} takes ${taken} of ${path}`, () => assert.equal(matchPrefix(url, path), taken))
}

test('the first alias that matches wins, not the longest', () => {
  const found = matchAlias([alias('/', '/srv/root.wsgi'), alias('/admin', '/srv/admin.wsgi')], '/admin/x')
  assert.equal(found?.filename, '/srv/root.wsgi/admin/x')
})

test('a directory as target takes the next part of the path as script', () => {
  assert.equal(
    matchAlias([alias('/wsgi/', '/srv/scripts/')], '/wsgi/a.wsgi/x')?.filename,
    '/srv/scripts/a.wsgi/x',
  )
})

test('the Match form substitutes groups and keeps the rest', () => {
  const match = { ...alias('', '/srv/$1.wsgi'), url: undefined, pattern: /^\/apps\/([a-z]+)/ }
  assert.equal(matchAlias([match], '/apps/blog/2026')?.filename, '/srv/blog.wsgi/2026')
  assert.equal(matchAlias([match], '/other'), undefined)
})

test('a match that takes nothing does not count', () => {
  assert.equal(matchAlias([{ ...alias('', '/srv/x'), url: undefined, pattern: /x*/ }], '/abc'), undefined)
})

test('a backslash takes the meaning of $ and &', () => {
  const found = 'abc'.match(/b/) as RegExpMatchArray
  assert.equal(substitute('\\$0-$0-\\&-&', found), '$0-b-&-b')
})

function alias(url: string, script: string): ScriptAlias {
  return {
    url,
    pattern: undefined,
    script,
    processGroup: undefined,
    applicationGroup: undefined,
    callableObject: undefined,
    passAuthorization: undefined,
    at: { file: 'test', line: 1 },
  }
}
