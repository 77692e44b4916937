/** What the listing flags print. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  builtInText,
  directivesText,
  dumpText,
  includesText,
  modulesText,
  runSettingsText,
  virtualHostsText,
} from '../../src/cli/dump.js'
import { core, http } from '../../src/modules/core.js'
import { mpm } from '../../src/modules/mpm.js'
import { siteOf } from '../support/site.js'

const modules = [core, http, mpm]

const SITE = siteOf(
  `ServerName main.example:8080
ServerRoot /etc
PidFile run/x.pid
ErrorLog "|/usr/bin/logger -t x"
<VirtualHost *:81>
ServerName a.example
ServerAlias b.example *.c.example
</VirtualHost>
<VirtualHost *:81>
ServerName d.example:99
</VirtualHost>
<VirtualHost 127.0.0.1:82 [::1]:82>
ServerName e.example
ServerAlias x.example
</VirtualHost>
<VirtualHost _default_:83>
</VirtualHost>
<VirtualHost *:*>
ServerName z
</VirtualHost>
`,
  modules,
)

test('-S: virtual hosts by address, in the words of httpd', () => {
  assert.equal(
    virtualHostsText(SITE),
    `VirtualHost configuration:
127.0.0.1:82           e.example (/etc/httpd/httpd.conf:12)
[::1]:82               e.example (/etc/httpd/httpd.conf:12)
*:81                   is a NameVirtualHost
         default server a.example (/etc/httpd/httpd.conf:5)
         port 81 namevhost a.example (/etc/httpd/httpd.conf:5)
                 alias b.example
                 wild alias *.c.example
         port 81 namevhost d.example (/etc/httpd/httpd.conf:9)
*:83                   main.example (/etc/httpd/httpd.conf:16)
*:*                    z (/etc/httpd/httpd.conf:18)
`,
  )
})

test('-S: run settings', () => {
  const text = runSettingsText({ ...SITE, defines: { FOO: 'bar', BAZ: '' } })
  assert.deepEqual(
    text.split('\n').filter((line) => !line.startsWith('Main DocumentRoot')),
    [
      'ServerRoot: "/etc"',
      'Main ErrorLog: "|/usr/bin/logger -t x"',
      'PidFile: "/etc/run/x.pid"',
      'Define: FOO=bar',
      'Define: BAZ',
      '',
    ],
  )
})

test('-l and -M: modules, without parts that have no name of their own', () => {
  const all = [core, http, { id: 'x_module, early', source: 'mod_x.c, early', directives: [] }]
  assert.equal(builtInText(all), 'Compiled in modules:\n  core.c\n  http_core.c\n')
  assert.equal(modulesText(all), 'Loaded Modules:\n core_module (static)\n http_module (static)\n')
})

test('-L: where directives may stand', () => {
  const all = { id: 'x_module', source: 'mod_x.c' }
  const declare = (
    contexts: readonly ('server' | 'vhost' | 'directory' | 'htaccess')[],
    override?: 'FileInfo' | 'All',
  ) => ({
    name: 'X',
    syntax: '',
    help: 'what it does',
    contexts,
    args: { kind: 'none' } as const,
    apply: () => {},
    ...(override ? { override } : {}),
  })
  const text = (...directives: ReturnType<typeof declare>[]): string =>
    directivesText([{ ...all, directives }])
  assert.equal(
    text(declare(['server'])),
    'X (mod_x.c)\n\twhat it does\n\tAllowed in *.conf only outside <Directory>, <Files>, <Location>, or <If>\n',
  )
  assert.equal(
    text(declare(['directory', 'htaccess'], 'FileInfo')),
    'X (mod_x.c)\n\twhat it does\n\tAllowed in *.conf only inside <Directory>, <Files>, <Location>, or <If> and in .htaccess\n\twhen AllowOverride includes FileInfo\n',
  )
  assert.equal(
    text(declare(['server', 'vhost', 'directory', 'htaccess'], 'All')),
    "X (mod_x.c)\n\twhat it does\n\tAllowed in *.conf anywhere and in .htaccess\n\twhen AllowOverride isn't None\n",
  )
})

test('DUMP_INCLUDES: the files, below those that asked for them', () => {
  const includes = [
    {
      file: '/c/a',
      line: 0,
      includes: [{ file: '/c/b', line: 4, includes: [{ file: '/c/c', line: 1, includes: [] }] }],
    },
  ]
  const tree = {
    nodes: [],
    defines: {},
    serverRoot: '/c',
    file: '/c/a',
    includes,
    anyDocumentRoot: false,
    warnings: [],
  }
  const expected = 'Included configuration files:\n  (*) /c/a\n    (4) /c/b\n      (1) /c/c\n'
  assert.equal(includesText(tree), expected)
  assert.equal(dumpText(['X', 'DUMP_INCLUDES'], { tree, site: SITE }, modules), expected)
  assert.equal(dumpText([], { tree, site: SITE }, modules), '')
})
