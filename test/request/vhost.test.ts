import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServerConfig } from '../../src/config/site.js'
import { coreServer } from '../../src/modules/core/settings.js'
import { core } from '../../src/modules/core.js'
import { parseAbsoluteTarget, parseHost, VhostTable } from '../../src/request/vhost.js'
import { siteOf } from '../support/site.js'

const CONF = `ServerName main
<VirtualHost *:*>
  ServerName any
</VirtualHost>
<VirtualHost *:8080>
  ServerName First
  ServerAlias *.example.com
</VirtualHost>
<VirtualHost _default_:8080>
  ServerName www.example.com
  ServerAlias second s?cond.test
</VirtualHost>
<VirtualHost *:8081>
  ServerName hidden
</VirtualHost>
<VirtualHost 127.0.0.1:8081>
  ServerName exact
</VirtualHost>
<VirtualHost [::1]:8082 10.0.0.1>
  ServerName six
</VirtualHost>
`

const nameOf = (server: ServerConfig) => server.settings.get(coreServer).serverName?.key
const table = new VhostTable(siteOf(CONF, [core]))

/** Local address, port, host asked for, name of the host that serves. */
const CASES: readonly (readonly [string, number, string, string])[] = [
  ['10.0.0.9', 8080, 'first', 'first'],
  ['10.0.0.9', 8080, 'FIRST:99', 'first'],
  ['10.0.0.9', 8080, 'first.', 'first'],
  ['10.0.0.9', 8080, 'second', 'www.example.com'],
  ['10.0.0.9', 8080, 'sicond.test', 'www.example.com'],
  // the first host with the name, be it by wildcard
  ['10.0.0.9', 8080, 'www.example.com', 'first'],
  ['10.0.0.9', 8080, 'a.b.example.com', 'first'],
  ['10.0.0.9', 8080, 'nobody', 'first'],
  // never by name where a better address has hosts
  ['10.0.0.9', 8080, 'any', 'first'],
  ['127.0.0.1', 8081, 'hidden', 'exact'],
  ['::ffff:127.0.0.1', 8081, 'hidden', 'exact'],
  ['10.0.0.9', 8081, 'exact', 'hidden'],
  ['::1', 8082, 'x', 'six'],
  ['10.0.0.1', 8080, 'first', 'six'],
  ['10.0.0.9', 9999, 'first', 'any'],
]

for (const [address, port, host, expected] of CASES)
  test(`${host} on ${address} port ${port} is served by ${expected}`, () => {
    const choice = table.group(address, port).choose(host)
    assert.equal(choice && nameOf(choice.server), expected)
  })

test('the main server serves where no address fits', () => {
  const only = new VhostTable(siteOf('ServerName main\n<VirtualHost *:1>\n</VirtualHost>', [core]))
  assert.equal(nameOf(only.group('10.0.0.1', 2).choose('x')?.server as ServerConfig), 'main')
})

test('requests without host go to the default, or by ServerPath', () => {
  const paths = new VhostTable(
    siteOf(
      '<VirtualHost *:1>\nServerName a\n</VirtualHost>\n<VirtualHost *:1>\nServerName b\nServerPath /b\n</VirtualHost>',
      [core],
    ),
  )
  const group = paths.group('10.0.0.1', 1)
  assert.equal(nameOf(group.chooseByPath('/x').server), 'a')
  assert.equal(nameOf(group.chooseByPath('/b/x').server), 'b')
  assert.equal(nameOf(group.chooseByPath('/bx').server), 'a')
})

test('host values', () => {
  const valid: readonly (readonly [string, string, number])[] = [
    ['a', 'a', 0],
    ['A.B:80', 'a.b', 80],
    ['a.', 'a', 0],
    ['a_b', 'a_b', 0],
    ['1a', '1a', 0],
    ['[::1]:80', '[::1]', 80],
    ['10.0.0.1', '10.0.0.1', 0],
  ]
  for (const [value, hostname, port] of valid) assert.deepEqual(parseHost(value), { hostname, port }, value)
  const invalid = [
    '',
    'a/b',
    'a b',
    'a..b',
    '.a',
    'a@b',
    '1234',
    '1.2.3',
    '1.2.3.04',
    'a:',
    'a:x',
    'a:0',
    'a:65536',
  ]
  for (const value of [...invalid, 'a:1:2', 'a.1', '[::g]', '[1]', '::1', 'a,b', 'é'])
    assert.equal(parseHost(value), undefined, value)
})

test('an absolute target is taken apart', () => {
  assert.deepEqual(parseAbsoluteTarget('http://H:1/p?q'), {
    scheme: 'http',
    authority: 'H:1',
    rest: '/p?q',
    isOurs: true,
  })
  assert.deepEqual(parseAbsoluteTarget('HTTP://h?q'), {
    scheme: 'http',
    authority: 'h',
    rest: '/?q',
    isOurs: true,
  })
  assert.equal(parseAbsoluteTarget('http://u@h/')?.isOurs, false)
  assert.equal(parseAbsoluteTarget('gopher://h/')?.isOurs, false)
  assert.equal(parseAbsoluteTarget('https://h/')?.isOurs, true)
  assert.equal(parseAbsoluteTarget('mailto:a'), undefined)
})
