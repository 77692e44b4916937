/** Which application group gets the main interpreter, and the rules on order and visibility of process groups, from configuration texts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { vocabulary } from '../../src/modules/registry.js'
import { importsOf } from '../../src/wsgi/imports.js'
import { mainApplicationGroup } from '../../src/wsgi/main-group.js'
import { daemonGroups, refusal } from '../../src/wsgi/visibility.js'
import { applyText, siteOf } from '../support/site.js'

const BASE = 'ServerName www.example.com\nListen 80\nDocumentRoot /\nWSGIDaemonProcess g\n'

const groups: [name: string, conf: string, group: string | null][] = [
  ['one mount', 'WSGIScriptAlias /a /a.wsgi process-group=g', 'www.example.com|/a'],
  ['one mount in capitals', 'WSGIScriptAlias /A /a.wsgi process-group=g', 'www.example.com|/A'],
  [
    'one mount in capitals that are no matter',
    'WSGICaseSensitivity Off\nWSGIScriptAlias /A /a.wsgi process-group=g',
    'www.example.com|/a',
  ],
  [
    'a virtual host without a name of its own',
    '<VirtualHost *:8080>\nWSGIScriptAlias /a /a.wsgi process-group=g\n</VirtualHost>',
    'www.example.com:8080|/a',
  ],
  ['one mount at the root', 'WSGIScriptAlias / /a.wsgi process-group=g', 'www.example.com|'],
  ['one mount by directive', 'WSGIProcessGroup g\nWSGIScriptAlias /a /a.wsgi', 'www.example.com|/a'],
  ['a literal name', 'WSGIScriptAlias /a /a.wsgi process-group=g application-group=x', 'x'],
  ['%{SERVER}', 'WSGIScriptAlias /a /a.wsgi process-group=g application-group=%{SERVER}', 'www.example.com'],
  ['%{GLOBAL} has it anyway', 'WSGIScriptAlias /a /a.wsgi process-group=g application-group=%{GLOBAL}', null],
  [
    'two mounts',
    'WSGIScriptAlias /a /a.wsgi process-group=g\nWSGIScriptAlias /b /b.wsgi process-group=g',
    null,
  ],
  [
    'another mount elsewhere',
    'WSGIScriptAlias /a /a.wsgi process-group=g\nWSGIScriptAlias /b /b.wsgi',
    'www.example.com|/a',
  ],
  ['two ports', 'Listen 8080\nWSGIScriptAlias /a /a.wsgi process-group=g', null],
  ['names that clients choose', 'WSGIScriptAlias /a /a.wsgi process-group=g application-group=%{HOST}', null],
  [
    'groups that requests choose',
    'WSGIScriptAlias /a /a.wsgi process-group=g\nWSGIScriptAlias /b /b.wsgi process-group=%{ENV:X}',
    null,
  ],
  ['a pattern', 'WSGIScriptAliasMatch ^/(.) /$1.wsgi process-group=g', null],
  [
    'another application imported',
    'WSGIScriptAlias /a /a.wsgi process-group=g\nWSGIImportScript /b.wsgi process-group=g application-group=%{GLOBAL}',
    null,
  ],
  [
    'a server that several names share',
    'WSGIScriptAlias /a /a.wsgi process-group=g\n<VirtualHost *:80>\nServerName b\n</VirtualHost>',
    null,
  ],
]

for (const [name, conf, expected] of groups) {
  test(`main interpreter: ${name}`, () => {
    const site = siteOf(BASE + conf, vocabulary)
    const [group] = daemonGroups(site)
    assert.ok(group)
    assert.equal(mainApplicationGroup(site, group), expected)
  })
}

test('scripts to load: those of the group, in the order of the file', () => {
  const site = siteOf(
    `${BASE}WSGIScriptAlias /a /a.wsgi process-group=g application-group=x
WSGIScriptAliasMatch ^/b /b.wsgi process-group=g application-group=x
WSGIScriptAlias /c /c.wsgi process-group=g
WSGIImportScript /d.wsgi process-group=g application-group=%{SERVER}
WSGIImportScript /e.wsgi process-group=%{GLOBAL} application-group=%{GLOBAL}`,
    vocabulary,
  )
  assert.deepEqual(importsOf(site, 'g'), [
    { script: '/a.wsgi', application_group: 'x' },
    { script: '/d.wsgi', application_group: 'www.example.com' },
  ])
  assert.deepEqual(importsOf(site, ''), [{ script: '/e.wsgi', application_group: '' }])
})

const IMPORT = 'WSGIImportScript /i.wsgi process-group=h application-group=%{GLOBAL}'
const host = (name: string, inside: string) =>
  `<VirtualHost *:80>\nServerName ${name}\n${inside}\n</VirtualHost>\n`

const faults: [name: string, conf: string, message: RegExp | undefined][] = [
  ['before its process group', `${IMPORT}\nWSGIDaemonProcess h`, /^WSGI process group not yet configured\./],
  [
    'in the main server, of a virtual host',
    `${host('a', 'WSGIDaemonProcess h')}${IMPORT}`,
    /^WSGI process group not accessible\./,
  ],
  [
    'of another virtual host',
    host('a', 'WSGIDaemonProcess h') + host('b', IMPORT),
    /^WSGI process group not accessible\./,
  ],
  ['of a virtual host of the same name', host('a', 'WSGIDaemonProcess h') + host('a', IMPORT), undefined],
  ['of the main server', `WSGIDaemonProcess h\n${host('b', IMPORT)}`, undefined],
  [
    'by an alias with both groups',
    `WSGIScriptAlias / /a.wsgi process-group=h application-group=x\nWSGIDaemonProcess h`,
    /not yet configured/,
  ],
  ['by an alias with one group', `WSGIScriptAlias / /a.wsgi process-group=h\nWSGIDaemonProcess h`, undefined],
]

for (const [name, conf, message] of faults) {
  test(`a script to load ${name}: ${message ? 'refused' : 'fine'}`, () => {
    const { errors } = applyText(BASE + conf, vocabulary)
    if (message) assert.match(errors[0]?.message ?? 'no fault', message)
    else assert.deepEqual(errors, [])
  })
}

test('a group of a virtual host is for hosts of its name alone', () => {
  const site = siteOf(BASE + host('a', 'WSGIDaemonProcess h') + host('a', '') + host('b', ''), vocabulary)
  const [first, same, other] = site.virtualHosts
  assert.ok(first && same && other)
  assert.equal(refusal(site, first, 'h'), undefined)
  assert.equal(refusal(site, same, 'h'), undefined)
  assert.match(refusal(site, other, 'h') ?? '', /cannot be accessed by this WSGI application/)
  assert.match(refusal(site, site.main, 'h') ?? '', /cannot be accessed/)
  assert.match(refusal(site, first, 'nobody') ?? '', /No WSGI daemon process called 'nobody'/)
})
