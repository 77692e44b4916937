import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateConfiguration } from '../../../src/cli/start-server/generate.js'
import type { Surroundings } from '../../../src/cli/start-server/surroundings.js'
import { quote } from '../../../src/cli/start-server/text.js'
import { AROUND, plan } from './planning.js'

function generate(...words: string[]): string {
  return generateConfiguration(plan(words), ['start-server', ...words])
}

/** The lines of the file without comments, continuation lines joined. */
function lines(text: string): string[] {
  return text
    .replace(/\\\n\s+/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

test('defaults: one daemon process with five threads, the script at /, everything else closed', () => {
  assert.deepEqual(lines(generate('app.wsgi')), [
    'ServerRoot "/tmp/wsgi-httpd-localhost:8000:1000"',
    'PidFile "/tmp/wsgi-httpd-localhost:8000:1000/httpd.pid"',
    'ServerName localhost',
    'Listen 8000',
    'ListenBacklog 500',
    'ServerTokens ProductOnly',
    'ServerSignature Off',
    'ErrorLog "/tmp/wsgi-httpd-localhost:8000:1000/error_log"',
    'LogLevel warn',
    'Timeout 60',
    'KeepAlive On',
    'KeepAliveTimeout 2',
    'RequestReadTimeout header=15-30,MinRate=500 body=15,MinRate=500',
    'LimitRequestBody 10485760',
    '<Directory />',
    'AllowOverride None',
    'Require all denied',
    '</Directory>',
    '<Files ".ht*">',
    'Require all denied',
    '</Files>',
    'WSGIRestrictEmbedded On',
    'WSGIDaemonProcess "localhost:8000" threads=5 display-name="(wsgi:localhost:8000:1000)" home="/home/x" python-path="/home/x" locale="de_DE.UTF-8" lang="de_DE.UTF-8" startup-timeout=15 request-timeout=60 queue-timeout=45 deadlock-timeout=60 socket-timeout=60',
    'WSGIScriptAlias "/" "/home/x/app.wsgi" process-group="localhost:8000" application-group="%{GLOBAL}"',
    'WSGIPassAuthorization On',
    '<Directory "/home/x">',
    '<Files "app.wsgi">',
    'Require all granted',
    '</Files>',
    '</Directory>',
  ])
})

test('--processes 1 says that there is one process; more are written', () => {
  assert.doesNotMatch(generate('app.wsgi', '--processes', '1'), /processes=/)
  assert.match(generate('app.wsgi', '--processes', '4'), /processes=4/)
})

test('the application is at its mount point, with or without a final slash', () => {
  for (const [word, url] of [
    ['/', '/'],
    ['//', '/'],
    ['/a', '/a'],
    ['/a/b/', '/a/b'],
  ] as const)
    assert.ok(generate('app.wsgi', '--mount-point', word).includes(`WSGIScriptAlias "${url}" `), word)
})

test('aliases stand before the application, the longest URL first', () => {
  const text = generate(
    'app.wsgi',
    '--url-alias',
    '/s',
    'a',
    '--url-alias',
    '/static/img/',
    'b',
    '--url-alias',
    '/favicon.ico',
    'f.ico',
  )
  const found = lines(text).filter((line) => /^(WSGIScript)?Alias/.test(line))
  assert.deepEqual(found.slice(0, 3), [
    'Alias "/static/img/" "/home/x/b/"',
    'Alias "/favicon.ico" "/home/x/f.ico"',
    'Alias "/s" "/home/x/a"',
  ])
  assert.match(found[3] ?? '', /^WSGIScriptAlias "\/" /)
})

test('sections hold for one directory and file, whatever its name', () => {
  const text = lines(generate('a[b]/c?.wsgi', '--url-alias', '/d', 'd\\*', '--url-alias', '/e', 'e\\f'))
  assert.deepEqual(
    text.filter((line) => /^<(Directory|Files) "/.test(line)),
    [
      '<Files ".ht*">',
      '<Directory "/home/x/d\\\\\\\\[*]">',
      '<Directory "/home/x/e\\\\f">',
      '<Directory "/home/x/a[[]b]">',
      '<Files "c[?].wsgi">',
    ],
  )
})

test('files to include may be patterns, the directory that they are in is none', () => {
  const included = (word: string, there: boolean) =>
    plan(['app.wsgi', '--include-file', word], {
      cwd: '/home/[x]\\y/a\\b',
      kindOf: (file) => (there || !file.endsWith('.conf') ? AROUND.kindOf(file) : undefined),
    }).included
  assert.deepEqual(included('*.conf', false), ['/home/[[]x]\\\\y/a\\b/*.conf'])
  assert.deepEqual(included('*.conf', true), ['/home/[[]x]\\\\y/a\\b/[*].conf'])
  assert.deepEqual(included('/etc/[ab].conf', false), ['/etc/[ab].conf'])
})

test('paths of options are relative to the current directory', () => {
  const words = ['app.wsgi', '--working-directory', 'work', '--python-eggs', 'eggs']
  for (const more of [[], ['--embedded-mode']])
    assert.match(generate(...words, ...more), /(python-eggs=|WSGIPythonEggs )"\/home\/x\/eggs"/)
})

test('the document root is no text of rewriting', () => {
  const rules = (root: string) =>
    lines(generate('app.wsgi', '--document-root', root)).filter((line) => /^Rewrite(Cond|Rule)/.test(line))
  for (const [root, words] of [
    ['d%1$0\\', ['"/home/x/d\\%1\\$0\\\\%{REQUEST_URI}"', '[L]']],
    ['say "x"', ['\'/home/x/say "x"%{REQUEST_URI}\'', '[L]']],
    ['"it\'s" x', ['/home/x/"it\'s"\\ x%{REQUEST_URI}', '[L]']],
  ] as const)
    assert.deepEqual(rules(root), [`RewriteCond ${words[0]} -f`, `RewriteRule ^ ${words.join(' ')}`])
  assert.equal(rules('a?')[1], 'RewriteRule ^ "/home/x/a?%{REQUEST_URI}?" [QSA,L]')
})

test('embedded mode: no daemon process, Python options as directives', () => {
  const text = lines(generate('app.wsgi', '--embedded-mode', '--python-home', 'venv', '--python-path', 'lib'))
  assert.ok(text.includes('WSGIPythonHome "/home/x/venv"'))
  assert.ok(text.includes('WSGIPythonPath "/home/x:/home/x/lib"'))
  assert.ok(
    text.includes(
      'WSGIScriptAlias "/" "/home/x/app.wsgi" process-group="%{GLOBAL}" application-group="%{GLOBAL}"',
    ),
  )
  assert.ok(!text.some((line) => /WSGIDaemonProcess|WSGIRestrictEmbedded/.test(line)))
})

test('a static site has no Python at all', () => {
  const text = lines(generate('--application-type', 'static', 'public'))
  assert.ok(text.includes('DocumentRoot "/home/x/public"'))
  assert.ok(text.includes('DirectoryIndex "index.html"'))
  assert.ok(!text.some((line) => line.startsWith('WSGI')))
})

test('a server name refuses other names, and localhost unless allowed', () => {
  const text = generate(
    'app.wsgi',
    '--server-name',
    'a.example',
    '--server-alias',
    '*.a.example',
    '--allow-localhost',
  )
  assert.match(
    text,
    /<VirtualHost \*:8000>\n +ServerName other-names\.invalid\n +<Location \/>\n +Require all denied/,
  )
  assert.match(text, /ServerName a\.example\n +ServerAlias \*\.a\.example localhost\n/)
})

test('time limits of reading requests', () => {
  assert.match(
    generate('app.wsgi', '--header-timeout', '5', '--header-max-timeout', '0', '--body-timeout', '0'),
    /^RequestReadTimeout header=5,MinRate=500 body=0$/m,
  )
  assert.match(
    generate('app.wsgi', '--header-min-rate', '0'),
    /^RequestReadTimeout header=15 body=15,MinRate=500$/m,
  )
})

test('IPv6 addresses get brackets', () => {
  assert.match(generate('app.wsgi', '--host', '::1'), /^Listen \[::1\]:8000$/m)
})

test('localhost is an address', () => {
  assert.match(generate('app.wsgi', '--host', 'localhost'), /^Listen 127\.0\.0\.1:8000$/m)
})

test('words with quotes and backslashes are escaped', () => {
  assert.equal(quote('a "b" \\c'), '"a \\"b\\" \\\\c"')
  assert.match(generate('app.wsgi', '--setenv', 'A', 'x "y"'), /SetEnv "A" "x \\"y\\""/)
})

test('the C locale becomes UTF-8', () => {
  for (const locale of [undefined, '', 'C', 'POSIX'])
    assert.equal(plan(['app.wsgi'], { locale }).locale, 'C.UTF-8')
})

test('a locale is one that is there', () => {
  assert.equal(plan(['app.wsgi', '--locale', 'de_DE.UTF-8'], { locale: 'C' }).locale, 'de_DE.UTF-8')
  assert.equal(plan(['app.wsgi'], { hasLocale: () => false }).locale, 'de_DE.UTF-8')
})

test('contradictions are refused', () => {
  const cases: [string[], RegExp][] = [
    [['app.wsgi', '--embedded-mode', '--processes', '2'], /--embedded-mode has no daemon processes/],
    [['app.wsgi', '--embedded-mode', '--response-buffer-size', '0'], /so --response-buffer-size cannot/],
    [
      ['--application-type', 'static', 'x', '--request-timeout', '9'],
      /--application-type static has no daemon processes, so --request-timeout cannot be used with it/,
    ],
    [['app.wsgi', '--log-directory', 'x', '--log-to-terminal'], /exclude each other/],
    [['app.wsgi', '--server-alias', 'x'], /--server-alias needs --server-name/],
    [['app'], /\/home\/x\/app is a directory/],
    [['--application-type', 'static'], /needs an entry point/],
    [['--application-type', 'module', 'a-b'], /'a-b' is no name of a Python module/],
    [
      ['--application-type', 'module', 'a.b:app'],
      /no name of a Python module; for an object in it: a\.b --callable-object app$/,
    ],
    [
      ['a.b:app'],
      /there is no file \/home\/x\/a\.b:app; for a module: --application-type module a\.b --callable-object app$/,
    ],
    [['--locale', 'xx_YY'], /--locale: there is no locale 'xx_YY' on this machine; "locale -a" lists those/],
    [['--locale', ''], /--locale: there is no locale ''/],
    [['--pid-file', 'run.d/x.pid'], /--pid-file: there is no directory \/tmp\/wsgi-httpd-.*\/run\.d$/],
    [['--pid-file', '/var'], /--pid-file: \/var is a directory$/],
    [['--python-path', 'a:b'], /\/home\/x\/a:b cannot be on the module path/],
    [
      ['--https-port', '443', '--ssl-certificate', 'x'],
      /--ssl-certificate: there is no file \/home\/x\/x\.key$/,
    ],
    [
      ['--rotate-logs', '--rotatelogs-executable', 'a.sh'],
      /--rotatelogs-executable: .*a\.sh is not executable/,
    ],
    [['--service-script', 'a', 'a.py', '--service-script', 'a', 'b.py'], /--service-script a is there twice/],
    [['app.wsgi', '--directory-index', 'a.html'], /--directory-index is for --application-type static/],
    [['app.wsgi', '--embedded-mode', '--request-timeout', '9'], /so --request-timeout cannot be used/],
    [['app.wsgi', '--ssl-certificate', 'x'], /--ssl-certificate needs --https-port/],
    [['app.wsgi', '--https-port', '443'], /needs --ssl-certificate or --ssl-certificate-file/],
    [['app.wsgi', '--https-port', '8000', '--ssl-certificate', 'x'], /another one than --port/],
    [['app.wsgi', '--access-log-format', 'combined'], /--access-log-format needs --access-log$/],
    [['app.wsgi', '--auth-group', 'x'], /--auth-group needs --auth-group-script/],
    [['app.wsgi', '--service-script', 'a', 'a.py', '--service-user', 'b', 'u'], /no --service-script b/],
    [['app.wsgi', '--auth-user-script', 'a'], /--auth-user-script: there is no file \/home\/x\/a/],
  ]
  const around: Partial<Surroundings> = {
    kindOf: (file) => (/:|\.key$/.test(file) ? undefined : AROUND.kindOf(file)),
    isExecutable: () => false,
  }
  for (const [words, message] of cases)
    assert.throws(() => plan(words, around), { name: 'UsageError', message })
  assert.throws(
    () => plan(['none.wsgi'], { kindOf: (file) => (file === '/home/x' ? 'directory' : undefined) }),
    /there is no file \/home\/x\/none.wsgi/,
  )
})

test('modules may have names that are not of ASCII', () => {
  assert.equal(plan(['--application-type', 'module', 'größe._1']).moduleName, 'größe._1')
})

test('a module that is there is not taken for a script', () => {
  const kindOf = (file: string) =>
    file === '/home/x' ? 'directory' : file === '/home/x/site/wsgi.py' ? 'file' : undefined
  assert.throws(
    () => plan(['site.wsgi'], { kindOf }),
    /there is no file \/home\/x\/site\.wsgi; for a module: --application-type module site\.wsgi$/,
  )
  assert.throws(() => plan(['other.wsgi'], { kindOf }), /there is no file \/home\/x\/other\.wsgi$/)
})

test('a static site may be in a directory with a colon', () => {
  assert.equal(plan(['--application-type', 'static', 'a'], { cwd: '/a:b' }).entry, '/a:b/a')
})

test('root needs --user', () => {
  assert.throws(() => plan(['app.wsgi'], { uid: 0 }), /--user is needed/)
  const text = generateConfiguration(
    plan(['app.wsgi', '--user', 'www-data', '--group', 'www'], { uid: 0 }),
    [],
  )
  assert.match(text, /^User "www-data"\nGroup "www"$/m)
  assert.equal(plan(['app.wsgi', '--user', 'www-data'], { uid: 0 }).group, '#33')
})

test('TLS without a name: one host on its port', () => {
  const text = lines(generate('app.wsgi', '--https-port', '8443', '--ssl-certificate', 'site'))
  assert.ok(text.includes('Listen 8443 https'))
  assert.deepEqual(text.slice(text.indexOf('<VirtualHost *:8000>')), [
    '<VirtualHost *:8000>',
    'ServerName localhost',
    '</VirtualHost>',
    '<VirtualHost *:8443>',
    'ServerName localhost',
    'SSLEngine On',
    'SSLCertificateFile "/home/x/site.crt"',
    'SSLCertificateKeyFile "/home/x/site.key"',
    '</VirtualHost>',
  ])
})

test('logs that a program rotates', () => {
  const text = generate('app.wsgi', '--rotate-logs', '--max-log-size', '9', '--log-directory', 'my logs')
  assert.match(
    text,
    /^ErrorLog "\|\/usr\/bin\/rotatelogs '\/home\/x\/my logs\/error_log\.%Y-%m-%d-%H_%M_%S' 9M"$/m,
  )
  assert.match(
    generate('app.wsgi', '--rotate-logs', '--log-directory', "it's \\"),
    /^ErrorLog "\|\/usr\/bin\/rotatelogs '\/home\/x\/it\\\\'s \\\\\\\\\/error_log\./m,
  )
  assert.throws(() => plan(['app.wsgi', '--rotate-logs'], { program: () => undefined }), /is not on PATH/)
  // in place of the terminal it would be the error log, too
  assert.equal(plan(['app.wsgi', '--startup-log', '--log-to-terminal']).startupLog, undefined)
})

test('hook scripts run in the server, which needs the Python of the application', () => {
  const text = lines(generate('app.wsgi', '--python-home', 'venv', '--auth-user-script', 'a.py'))
  assert.ok(text.includes('WSGIPythonHome "/home/x/venv"'))
  assert.ok(text.includes('WSGIPythonPath "/home/x"'))
  assert.ok(text.includes('Require valid-user'))
})

test('a percent sign in a header and a blank in the URL of an error page are what they are', () => {
  const text = generate(
    ...['app.wsgi', '--proxy-mount-point', '/50%', 'http://h/', '--error-document', '404', '/not found'],
    ...['--https-port', '1', '--ssl-certificate', 'site', '--https-only', '--server-name', 'a.example'],
    ...['--hsts-policy', 'max-age=1; x="%D"'],
  )
  assert.match(text, /RequestHeader set X-Forwarded-Prefix "\/50%%"$/m)
  assert.match(text, /^ErrorDocument 404 "\/not%20found"$/m)
  assert.match(text, /Strict-Transport-Security "max-age=1; x=\\"%%D\\""$/m)
})

test('both sides of a proxied path end in a slash, or neither', () => {
  const text = lines(
    generate('app.wsgi', '--proxy-mount-point', '/a', 'http://h/b/', '--proxy-url-alias', '/c/', 'http://h'),
  )
  assert.ok(text.includes('ProxyPass "/a" "http://h/b" upgrade=websocket'))
  assert.ok(text.includes('ProxyPass "/c/" "http://h/" upgrade=websocket'))
})
