/** What the check of a configuration says of process groups and aliases that requests cannot reach. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modules } from '../../src/modules/index.js'
import { siteOf } from '../support/site.js'

const HOSTS = `<VirtualHost *:80>
  ServerName one
  WSGIDaemonProcess own
  WSGIScriptAlias / /one.wsgi process-group=own
</VirtualHost>
<VirtualHost *:80>
  ServerName two
  WSGIScriptAlias / /two.wsgi process-group=own
</VirtualHost>
`

const CASES: readonly [name: string, conf: string, warnings: readonly RegExp[]][] = [
  ['a group that is there', 'WSGIDaemonProcess a\nWSGIScriptAlias / /a.wsgi process-group=a', []],
  ['embedded mode', 'WSGIScriptAlias / /a.wsgi process-group=%{GLOBAL}', []],
  ['a group of the environment', 'WSGIScriptAlias / /a.wsgi process-group=%{ENV:GROUP}', []],
  [
    'WSGIProcessGroup without its group',
    'WSGIProcessGroup nope',
    [/^WSGIProcessGroup nope: requests will get 500\. No WSGI daemon process called 'nope'/],
  ],
  [
    'an alias without its group, told once where virtual hosts inherit it',
    `WSGIScriptAlias / /a.wsgi process-group=nope\n<VirtualHost *:80>\n</VirtualHost>`,
    [/^WSGIScriptAlias process-group=nope: requests will get 500\. No WSGI daemon process called 'nope'/],
  ],
  [
    'an alias behind a shorter one, told once where virtual hosts inherit both',
    'WSGIScriptAlias / /a.wsgi\nWSGIScriptAlias /b /b.wsgi\n<VirtualHost *:80>\n</VirtualHost>',
    [/^WSGIScriptAlias \/b is never reached: \/ stands before it/],
  ],
  [
    'an alias to the group of another virtual host',
    HOSTS,
    [/^WSGIScriptAlias process-group=own: requests will get 500\. .* belongs to another virtual host/],
  ],
]

for (const [name, conf, warnings] of CASES)
  test(name, () => {
    const said = siteOf(conf, modules).warnings.map(({ message }) => message)
    assert.equal(said.length, warnings.length, said.join('\n'))
    for (const [at, pattern] of warnings.entries()) assert.match(said[at] ?? '', pattern)
  })
