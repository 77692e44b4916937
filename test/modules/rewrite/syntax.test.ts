/** How rewriting directives are written, inherited and refused. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Command } from '../../../src/config/directive.js'
import { modules } from '../../../src/modules/index.js'
import { splitFlags, splitRewriteArguments } from '../../../src/modules/rewrite/arguments.js'
import { cookieHeader } from '../../../src/modules/rewrite/cookie.js'
import { parseMap, parseTextMap } from '../../../src/modules/rewrite/maps.js'
import { rewriteServer } from '../../../src/modules/rewrite/settings.js'
import { replacePrefix, splitQueryOff } from '../../../src/modules/rewrite/url.js'
import type { Request } from '../../../src/request/request.js'
import { faultsOf, siteOf } from '../../support/site.js'

test('arguments keep their backslashes', () => {
  const rows: [line: string, expected: unknown][] = [
    ['^/a$ /b [R,L]', { first: '^/a$', second: '/b', flags: '[R,L]' }],
    ['"^/a b\\.c$" \'/x y\'', { first: '^/a b\\.c$', second: '/x y', flags: undefined }],
    ['^/a\\ b$   -   "[E=X:a b]"', { first: '^/a\\ b$', second: '-', flags: '[E=X:a b]' }],
    ['^/a$', undefined],
    ['', undefined],
  ]
  for (const [line, expected] of rows) assert.deepEqual(splitRewriteArguments(line), expected, line)
  assert.deepEqual(splitFlags('[ R=301 , E=a:b=c,L]'), [
    { name: 'R', value: '301' },
    { name: 'E', value: 'a:b=c' },
    { name: 'L', value: '' },
  ])
})

test('what is wrong is told when the configuration is read', () => {
  const rows: [line: string, expected: RegExp][] = [
    ['RewriteRule ^a', /^RewriteRule: bad argument line '\^a'/],
    ['RewriteRule ^a b R', /^RewriteRule: bad flag delimiters/],
    ['RewriteRule ^a b [X]', /^RewriteRule: unknown flag 'X'/],
    ['RewriteRule ( b', /^RewriteRule: cannot compile regular expression '\('/],
    ['RewriteRule ^a b [R=418]', /^RewriteRule: invalid HTTP response code '418' for flag 'R'/],
    ['RewriteRule ^a b [R=100]', /^RewriteRule: invalid HTTP response code '100' for flag 'R'/],
    ['RewriteRule ^a b [N=x]', /invalid value 'x'/],
    ['RewriteCond %{X} [a', /^RewriteCond: cannot compile regular expression/],
    ['RewriteCond %{X} a [XX]', /^RewriteCond: unknown flag 'XX'/],
    ['RewriteCond %{X} -gt 5', /needs its number right behind it|bad flag delimiters/],
    [
      'RewriteCond expr "%{NOPE} == 1"',
      /^RewriteCond: cannot compile expression .*Variable 'NOPE' does not exist/,
    ],
    ['RewriteOptions nonsense', /^RewriteOptions: unknown option 'nonsense'/],
    ['RewriteMap m int:nope', /^RewriteMap: internal map not found:nope/],
    ['RewriteMap m txt:/nowhere/at/all', /^RewriteMap: file for map m not found:\/nowhere\/at\/all/],
    ['RewriteMap m bogus:x', /^RewriteMap: file for map m not found:/],
    ['RewriteMap m dbm:/etc/hosts', /maps of type dbm are not supported/],
    ['<Directory /srv>\nRewriteBase x\n</Directory>', /^RewriteBase: argument is not a valid URL/],
  ]
  for (const [line, expected] of rows) assert.match(faultsOf(line, modules).join('\n'), expected, line)
})

test('every status that is known can end a request, as CORS preflights are answered', () => {
  for (const status of [200, 204, 302, 404, 500])
    assert.deepEqual(faultsOf(`RewriteRule ^(.*)$ $1 [R=${status},L]`, modules), [])
})

test('virtual hosts inherit rules where the options say so, and have none without a directive of their own', () => {
  const rules = (main: string, host: string): string[] => {
    const site = siteOf(`${main}\n<VirtualHost *:80>\n${host}\n</VirtualHost>`, modules)
    const server = site.virtualHosts[0]
    const settings = server?.settings.get(rewriteServer)
    return settings?.serverIndex === server?.index ? (settings?.rules.map(({ text }) => text) ?? []) : []
  }
  const main = 'RewriteEngine On\nRewriteRule m -'
  const own = 'RewriteRule v -'
  assert.deepEqual(rules(main, own), ['v -'])
  assert.deepEqual(rules(main, `RewriteOptions Inherit\n${own}`), ['v -', 'm -'])
  assert.deepEqual(rules(main, `RewriteOptions InheritBefore\n${own}`), ['m -', 'v -'])
  assert.deepEqual(rules(`${main}\nRewriteOptions InheritDown`, own), ['v -', 'm -'])
  assert.deepEqual(rules(`${main}\nRewriteOptions InheritDownBefore`, own), ['m -', 'v -'])
  assert.deepEqual(rules(`${main}\nRewriteOptions InheritDown`, `RewriteOptions IgnoreInherit\n${own}`), [
    'v -',
  ])
  assert.deepEqual(rules(`${main}\nRewriteOptions InheritDownBefore`, ''), [])
})

test('queries', () => {
  const plain = { query: 'replace', queryLast: false, noQuery: false } as const
  const rows: [
    target: string,
    flags: Parameters<typeof splitQueryOff>[2],
    filename: string,
    query: string | undefined,
  ][] = [
    ['/a', plain, '/a', 'old'],
    ['/a?n', plain, '/a', 'n'],
    ['/a?n', { ...plain, query: 'append' }, '/a', 'n&old'],
    ['/a?', { ...plain, query: 'append' }, '/a', 'old'],
    ['/a', { ...plain, query: 'discard' }, '/a', undefined],
    ['/a', { ...plain, noQuery: true }, '/a', undefined],
    ['/a?b?c', plain, '/a', 'b?c'],
    ['/a?b?c', { ...plain, queryLast: true }, '/a?b', 'c'],
    ['/a?b&', plain, '/a', 'b'],
  ]
  for (const [target, flags, filename, query] of rows)
    assert.deepEqual(splitQueryOff(target, 'old', flags), { filename, query }, target)
})

test('a text map is read again after an edit in place that leaves size and date as they were', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-map-'))
  const file = path.join(folder, 'map')
  const command = { resolve: (word: string) => word } as Command
  try {
    const write = (text: string): void => {
      writeFileSync(file, text)
      utimesSync(file, 1000, 1000)
    }
    write('key before')
    const map = parseMap(command, 'map', `txt:${file}`)
    const request = {} as Request
    assert.equal(map.lookUp('key', request), 'before')
    write('key behind')
    assert.equal(map.lookUp('key', request), 'behind')
    write('')
    assert.equal(map.lookUp('key', request), undefined)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('small things: maps of text, cookies, prefixes', () => {
  assert.deepEqual(
    [...parseTextMap('# c\na b c\n\n  d\te\na x\nalone\n')],
    [
      ['a', 'b'],
      ['d', 'e'],
    ],
  )
  assert.equal(cookieHeader('a:b', 0), undefined)
  assert.equal(
    cookieHeader('a:b:example.org:1440', 0),
    'a=b; path=/; domain=example.org; expires=Fri, 02-Jan-1970 00:00:00 GMT',
  )
  assert.equal(cookieHeader(';a;x:y;example.org;;/p', 0), 'a=x:y; path=/p; domain=example.org')
  assert.equal(replacePrefix('/srv/www/a', '/srv/www/', '/base/'), '/base/a')
  assert.equal(replacePrefix('/srv/wwwx/a', '/srv/www/', '/base/'), '/srv/wwwx/a')
})
