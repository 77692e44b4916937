import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  coreDir,
  coreGlobal,
  coreServer,
  encodedSlashesOf,
  hasOption,
  listenSettings,
  OPTION,
} from '../../../src/modules/core/settings.js'
import { core, http } from '../../../src/modules/core.js'
import { maxRequestWorkers, mpm, mpmSettings } from '../../../src/modules/mpm.js'
import { unixd, unixdSettings } from '../../../src/modules/unixd.js'
import { applyText, faultsOf, siteOf } from '../../support/site.js'

const MODULES = [core, http, mpm, unixd]
const serverOf = (text: string) => siteOf(text, MODULES).main.settings.get(coreServer)
const dirOf = (text: string) => siteOf(text, MODULES).main.dir.get(coreDir)

test('server settings', () => {
  const settings = serverOf(`
    ServerName https://WWW.example.com:8443
    ServerAdmin a@b
    Timeout 7
    KeepAlive off
    KeepAliveTimeout 400ms
    MaxKeepAliveRequests 3
    LimitRequestLine 100
    LimitRequestFields 0
    LimitRequestFieldSize 200
    LimitInternalRecursion 4 5
    AccessFileName .a .b
    MergeSlashes Off
    TraceEnable extended
    StrictHostCheck On
  `)
  assert.deepEqual(settings.serverName, {
    host: 'WWW.example.com',
    key: 'www.example.com',
    scheme: 'https',
  })
  assert.equal(settings.serverPort, 8443)
  assert.equal(settings.serverAdmin, 'a@b')
  assert.equal(settings.timeout, 7)
  assert.equal(settings.keepAlive, false)
  assert.equal(settings.keepAliveTimeout, 400)
  assert.equal(settings.maxKeepAliveRequests, 3)
  assert.equal(settings.limitRequestLine, 100)
  assert.equal(settings.limitRequestFields, 0)
  assert.equal(settings.limitRequestFieldSize, 200)
  assert.equal(settings.limitInternalRedirects, 4)
  assert.equal(settings.limitSubrequests, 5)
  assert.deepEqual(settings.accessFileNames, ['.a', '.b'])
  assert.equal(settings.mergeSlashes, false)
  assert.equal(settings.traceEnable, 'extended')
  assert.equal(settings.strictHostCheck, true)
})

test('settings of places', () => {
  const dir = dirOf(`
    AcceptPathInfo on
    FileETag INode Size
    AddDefaultCharset On
    SetHandler Server-Status
    UseCanonicalName dns
    LimitRequestBody 0
    ServerSignature email
    MaxRanges none
  `)
  assert.equal(dir.acceptPathInfo, 'On')
  assert.deepEqual(dir.fileETag, { inode: true, mtime: false, size: true, digest: false })
  assert.equal(dir.addDefaultCharset, 'iso-8859-1')
  assert.equal(dir.handler, 'server-status')
  assert.equal(dir.useCanonicalName, 'DNS')
  assert.equal(dir.limitRequestBody, 0)
  assert.equal(dir.serverSignature, 'EMail')
  assert.equal(dir.maxRanges, 0)
})

/** Lines of Options at server level and in a section, names of the options that are in force inside. */
const OPTIONS: readonly (readonly [string, string, readonly (keyof typeof OPTION)[]])[] = [
  ['', '', ['SymLinks']],
  ['', 'Options None', []],
  ['', 'Options Indexes ExecCGI', ['Indexes', 'ExecCGI']],
  ['', 'Options +Indexes', ['Indexes', 'SymLinks']],
  ['Options Indexes', 'Options +ExecCGI -Indexes', ['ExecCGI']],
  ['Options Indexes', 'Options FollowSymLinks', ['SymLinks']],
  ['', 'Options All', ['Indexes', 'Includes', 'SymLinks', 'ExecCGI']],
  ['', 'Options None\nOptions +MultiViews', ['MultiViews']],
  ['', 'Options +IncludesNOEXEC', ['SymLinks', 'Includes', 'IncludesNOEXEC']],
  ['', 'Options All -Indexes +MultiViews', ['Includes', 'SymLinks', 'ExecCGI', 'MultiViews']],
  ['Options Indexes', 'Options None +ExecCGI', ['ExecCGI']],
  ['', 'Options All MultiViews', ['Indexes', 'Includes', 'SymLinks', 'ExecCGI', 'MultiViews']],
]

for (const [outer, inner, expected] of OPTIONS)
  test(`Options: ${JSON.stringify(outer)} then ${JSON.stringify(inner)}`, () => {
    const { main } = siteOf(`${outer}\n<Directory /a>\n${inner}\n</Directory>`, MODULES)
    const section = main.sections.directory[0]
    assert.ok(section)
    const dir = main.dir.with(section.settings).get(coreDir)
    const names = (Object.keys(OPTION) as (keyof typeof OPTION)[]).filter((name) =>
      hasOption(dir, OPTION[name]),
    )
    assert.deepEqual(new Set(names), new Set(expected))
  })

test('ErrorDocument in its forms, merged by status', () => {
  const { main } = siteOf(
    `ErrorDocument 404 /a?b
     ErrorDocument 403 "a text"
     ErrorDocument 500 http://x/y
     ErrorDocument 502 oops
     <Location /a>
       ErrorDocument 404 default
     </Location>`,
    MODULES,
  )
  assert.deepEqual(main.dir.get(coreDir).errorDocuments, {
    403: { kind: 'text', text: 'a text' },
    404: { kind: 'path', path: '/a?b' },
    500: { kind: 'url', url: 'http://x/y' },
    502: { kind: 'text', text: 'oops' },
  })
  const inner = main.sections.location[0]
  assert.ok(inner)
  const merged = main.dir.with(inner.settings).get(coreDir).errorDocuments
  assert.deepEqual(merged[404], { kind: 'default' })
  assert.deepEqual(merged[403], { kind: 'text', text: 'a text' })
})

test('AllowEncodedSlashes stays with its server, most else reaches virtual hosts', () => {
  const site = siteOf(
    `AllowEncodedSlashes On
     Timeout 9
     <VirtualHost *:80>
       ServerAlias a b
       ServerAlias c
     </VirtualHost>`,
    MODULES,
  )
  const [host] = site.virtualHosts
  assert.ok(host)
  assert.equal(encodedSlashesOf(site.main.settings.get(coreServer), 0), 'On')
  assert.equal(encodedSlashesOf(host.settings.get(coreServer), host.index), 'Off')
  assert.equal(host.settings.get(coreServer).timeout, 9)
  assert.deepEqual(host.settings.get(coreServer).serverAliases, ['a', 'b', 'c'])
})

test('Listen and the process model', () => {
  const { settings } = siteOf(
    `Listen 80
     Listen 127.0.0.1:8080
     Listen [::1]:443
     Listen [::ffff:10.0.0.1]:81 HTTPS
     ListenBacklog 7
     MaxClients 5
     MaxConnectionsPerChild 0
     PidFile run/x.pid
     ServerTokens ProductOnly`,
    MODULES,
  ).main
  const { addresses, backlog } = settings.get(listenSettings)
  assert.deepEqual(
    addresses.map(({ host, port, protocol }) => [host, port, protocol]),
    [
      ['', 80, 'http'],
      ['127.0.0.1', 8080, 'http'],
      ['::1', 443, 'https'],
      ['10.0.0.1', 81, 'https'],
    ],
  )
  assert.equal(backlog, 7)
  assert.equal(settings.get(mpmSettings).maxRequestWorkers, 5)
  assert.equal(settings.get(coreGlobal).pidFile, '/etc/httpd/run/x.pid')
  assert.equal(settings.get(coreGlobal).serverTokens, 'Prod')
})

test('requests at a time, where nothing limits them, are counted as httpd would', () => {
  const room = (conf: string) => maxRequestWorkers(siteOf(conf, MODULES).main.settings.get(mpmSettings))
  assert.equal(room(''), 400)
  assert.equal(room('ServerLimit 4\nThreadsPerChild 10'), 40)
  assert.equal(room('ServerLimit 4\nMaxRequestWorkers 7'), 7)
})

test('User and Group are looked up', () => {
  const { settings } = siteOf('User root\nGroup "#0"', MODULES).main
  assert.deepEqual(settings.get(unixdSettings).user, { name: 'root', id: 0 })
  assert.equal(settings.get(unixdSettings).group?.id, 0)
  assert.deepEqual(siteOf('User "#54321"', MODULES).main.settings.get(unixdSettings).user, {
    name: '#54321',
    id: 54321,
  })
})

test('ChrootDir is told to have no effect: who writes it counts on it', () => {
  const { warnings } = siteOf('ChrootDir /srv/jail', MODULES)
  assert.match(warnings.map(({ message }) => message).join(), /ChrootDir has no effect: the option chroot=/)
})

test('addresses of virtual hosts', () => {
  const of = (word: string) =>
    siteOf(`<VirtualHost ${word}>\n</VirtualHost>`, MODULES).virtualHosts[0]?.addresses
  assert.deepEqual(of('*'), [{ host: '*', port: 0 }])
  assert.deepEqual(of('_default_:80'), [{ host: '*', port: 80 }])
  assert.deepEqual(of('*:*'), [{ host: '*', port: 0 }])
  assert.deepEqual(of('10.0.0.1:80 [FE80::1]:*'), [
    { host: '10.0.0.1', port: 80 },
    { host: 'fe80::1', port: 0 },
  ])
  assert.ok(of('localhost:80')?.every(({ host, port }) => port === 80 && /^(127\.0\.0\.1|::1)$/.test(host)))
})

test('ServerName with a path', () => {
  const { serverName, serverPort } = serverOf('ServerName http://www.example.com:8080/app')
  assert.deepEqual(serverName, { host: 'www.example.com', key: 'www.example.com', scheme: 'http' })
  assert.equal(serverPort, 8080)
})

test('the port of a virtual host without a name is that of its address', () => {
  const { virtualHosts } = siteOf(
    `ServerName main:8099
     <VirtualHost *:8001 *:8002>
     </VirtualHost>
     <VirtualHost *:8003>
       ServerName named
     </VirtualHost>
     <VirtualHost *:8004>
       ServerName main:81
     </VirtualHost>
     <VirtualHost *:*>
     </VirtualHost>`,
    MODULES,
  )
  assert.deepEqual(
    virtualHosts.map(({ settings }) => settings.get(coreServer).serverPort),
    [8001, 0, 81, 8099],
  )
})

/** A wrong text and what must be said about it. */
const FAULTS: readonly (readonly [string, RegExp])[] = [
  ['ServerName a:0', /ServerName "a:0" has an invalid port/],
  ['ServerName http://a*b/', /Invalid ServerName/],
  ['ServerName a*b', /Invalid ServerName "a\*b" use ServerAlias to set multiple server names\./],
  ['Timeout abc', /Timeout "abc" must be a positive integer/],
  ['KeepAliveTimeout 5x', /KeepAliveTimeout has wrong format/],
  ['LimitRequestLine -1', /LimitRequestLine "-1" must be a non-negative integer/],
  ['LimitRequestBody x', /LimitRequestBody requires a non-negative integer\./],
  ['Options Indexes All', /'Options All' must be the first Option given/],
  ['Options +None', /You may not use 'Options \+None' or 'Options -None'/],
  ['Options All -Indexes MultiViews', /Either all Options/],
  ['Options Indexes +ExecCGI', /Either all Options must start with \+ or -, or no Option may\./],
  ['Options Nonsense', /Illegal option Nonsense/],
  ['<Directory /a>\nAllowOverride Nonsense\n</Directory>', /Illegal override option Nonsense/],
  ['AllowOverride None', /AllowOverride not allowed here/],
  ['ErrorDocument 299 x', /Unsupported HTTP response code 299/],
  ['ErrorDocument 999 x', /Unsupported HTTP response code 999/],
  ['Listen 80\nListen 80', /Cannot define multiple Listeners on the same IP:port/],
  ['Listen a:b:c', /Invalid address or port/],
  ['Listen 127.0.0.1', /Port must be specified/],
  ['Listen 70000', /Invalid address or port/],
  ['User no-such-user-here', /AH00543: wsgi-httpd: bad user name no-such-user-here/],
  ['Group no-such-group-here', /AH00544: wsgi-httpd: bad group name no-such-group-here/],
  ['<Directory a>\nAllowOverride Nonsense\n</Directory>', /Illegal override option Nonsense/],
  ['<Directory /a /b>\n</Directory>', /Multiple <Directory> arguments not/],
  ['<DirectoryMatch "(">\n</DirectoryMatch>', /could not be compiled/],
  ['<Location /a>\n<Files b>\n</Files>\n</Location>', /<Files> cannot occur within <Location> section/],
  ['<If "tru">\n</If>', /^Cannot parse condition clause: syntax error at its end: 'tru' needs quotes/],
  ['<If true && false>\n</If>', /^Multiple <If> arguments not supported/],
  ['<Else>\n</Else>', /^<Else> or <ElseIf> section without previous/],
  ['<If true>\n</If>\n<Else x>\n</Else>', /^<Else> directive does not take/],
  [
    '<Directory /a>\n<Limit TRACE>\n</Limit>\n</Directory>',
    /TRACE cannot be controlled by <Limit, see TraceEnable/,
  ],
  ['DocumentRoot /no/such/place', /DocumentRoot '\/no\/such\/place' is not a directory, or is not readable/],
  ['ServerTokens Much', /ServerTokens takes 1 argument/],
]

for (const [text, expected] of FAULTS)
  test(`refused: ${text.replace(/\n.*/s, ' …')}`, () => {
    assert.match(faultsOf(text, MODULES).join('\n'), expected)
  })

test('warnings of the same words are told once', () => {
  const { warnings } = siteOf(
    'NameVirtualHost a:80\nTimeout 7\nNameVirtualHost b:80\nNameVirtualHost c:80',
    MODULES,
  )
  assert.deepEqual(
    warnings.map(({ at, code, message }) => [at?.line, code, message]),
    [
      [
        1,
        'AH00548',
        'NameVirtualHost has no effect and will be removed in the next release (2 more such lines)',
      ],
    ],
  )
})

/** A text that is accepted, and the warning that comes with it. */
const WARNINGS: readonly (readonly [string, RegExp])[] = [
  [
    'ServerName www.example.com/',
    /ServerName "www\.example\.com\/" is more than a host name: "www\.example\.com" is taken/,
  ],
  ['ServerName <server_ip>', /ServerName "<server_ip>" is no host name: no client asks for it/],
  [
    '<Directory static>\nOptions None\n</Directory>',
    /<Directory "static"> is no absolute path: it never applies/,
  ],
  ['<Directory "C:\\x">\n</Directory>', /<Directory "C:\\x"> is no absolute path/],
  ['NameVirtualHost *:80', /NameVirtualHost has no effect/],
  ['SetOutputFilter INFLATE', /INFLATE: there is no such filter here/],
  ['DefaultType text/plain', /DefaultType/],
  ['<Location /a>\nAllowOverride None\n</Location>', /Useless use of AllowOverride/],
  ['ErrorDocument 401 http://x/', /cannot use a full URL in a 401 ErrorDocument directive/],
  [
    '<VirtualHost *:80>\nDocumentRoot /no/such/place\n</VirtualHost>',
    /DocumentRoot \[\/no\/such\/place\] does not exist/,
  ],
]

for (const [text, expected] of WARNINGS)
  test(`warned of: ${text.replace(/\n.*/s, ' …')}`, () => {
    const { site, errors } = applyText(text, MODULES)
    assert.deepEqual(errors, [])
    assert.match(site.warnings.map(({ message }) => message).join('\n'), expected)
  })
