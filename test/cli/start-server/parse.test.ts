import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServerHelp } from '../../../src/cli/start-server/help.js'
import { OPTIONS } from '../../../src/cli/start-server/options.js'
import { parseOptions } from '../../../src/cli/start-server/parse.js'
import { NOT_OURS, NOT_YET } from '../../../src/cli/start-server/refused.js'

const parse = (...words: string[]) => parseOptions(words, { HOME: '/home/x' })

test('options and script in any order, words attached or apart', () => {
  const given = parse('--port', '9000', 'app.wsgi', '--threads=3', '--log-to-terminal')
  assert.equal(given.entry, 'app.wsgi')
  assert.equal(given.text('port'), '9000')
  assert.equal(given.text('threads'), '3')
  assert.equal(given.has('log-to-terminal'), true)
  assert.equal(given.has('access-log'), false)
})

test('repeatable options add up, others keep the last', () => {
  const given = parse('--url-alias', '/a', 'x', '--url-alias', '/b', 'y', '--port', '1', '--port', '2')
  assert.deepEqual(given.pairs('url-alias'), [
    ['/a', 'x'],
    ['/b', 'y'],
  ])
  assert.equal(given.text('port'), '2')
})

test('--entry-point wins over the argument; -- ends the options', () => {
  assert.equal(parse('--entry-point', 'a.wsgi', 'b.wsgi').entry, 'a.wsgi')
  assert.equal(parse('--', '--odd.wsgi').entry, '--odd.wsgi')
})

test('variables of the environment are replaced, unknown ones stay', () => {
  assert.equal(parse('--python-path', '$HOME/lib').text('python-path'), '/home/x/lib')
  assert.equal(parse('${HOME}/a.wsgi').entry, '/home/x/a.wsgi')
  assert.equal(parse('--setenv', 'A', '$NONE').pairs('setenv')[0]?.[1], '$NONE')
})

test('what is wrong is named', () => {
  const cases: [string[], RegExp][] = [
    [['--prot', '1'], /unknown option --prot\. Did you mean --port\?$/],
    [['--thread=3'], /unknown option --thread\. Did you mean --threads\?$/],
    [['-port', '1'], /unknown option -port\. Did you mean --port\?$/],
    [['--something-else'], /unknown option --something-else$/],
    [['-p', '1'], /unknown option -p$/],
    [['--port'], /--port needs NUMBER/],
    [['--port', '70000'], /--port must be a whole number from 1 to 65535, not '70000'/],
    [['--threads', 'many'], /--threads must be a whole number from 1 to 65533, not 'many'/],
    [['--threads', '65534'], /--threads must be a whole number from 1 to 65533, not '65534'/],
    [['--user', '--port', '80'], /--user needs NAME$/],
    [['--url-alias', '/x', '--port=80'], /--url-alias needs URL PATH$/],
    [['--url-alias', '/x'], /--url-alias needs URL PATH/],
    [['--url-alias', 'x', 'y'], /--url-alias must begin with \//],
    [['--access-log=yes'], /--access-log takes no value/],
    [['a.wsgi', 'b.wsgi'], /one SCRIPT is expected, not a.wsgi and b.wsgi/],
    [['--log-level', 'info\nInclude /etc/passwd'], /--log-level must be one line of text/],
    [['--application-type', 'paste', 'x'], /must be one of script, module, static, not 'paste'/],
    [['--host', 'a.example'], /--host must be an IP address of this machine, or localhost, not 'a\.example'/],
    [['--host='], /--host must be an IP address/],
    [['--server-name', 'http://a'], /--server-name must be a host name, without scheme and port, not 'http:/],
    [['--server-name', 'a b'], /--server-name must be a host name/],
    [['--server-alias', 'a:80'], /--server-alias must be a host name.*; \* and \? are allowed/],
    [['--proxy-virtual-host', 'http://a', 'http://b'], /--proxy-virtual-host must be a host name/],
    [['--proxy-virtual-host', 'a', 'b'], /--proxy-virtual-host needs a URL/],
    [
      ['--callable-object', 'a.b'],
      /--callable-object must be a name without dots, such as application, not 'a\.b'/,
    ],
    [['--application-group='], /--application-group needs a name/],
    [['--setenv', 'A=b', 'c'], /--setenv needs the name of a variable first, without = and blanks/],
    [['--passenv', ''], /--passenv needs the name of a variable/],
    [
      ['--switch-interval', '0.0'],
      /--switch-interval must be a number of seconds greater than 0, not '0\.0'/,
    ],
    [['--switch-interval', 'often'], /--switch-interval must be a number/],
    [['--log-level', 'loud'], /--log-level must be one of emerg, .*trace8, not 'loud'/],
    [['--log-level', 'warn wsgi:loud'], /--log-level must be one of/],
    [['--allow-override', 'Foo'], /--allow-override must be All, None, AuthConfig/],
    [['--trust-proxy-header', 'A:'], /--trust-proxy-header must be the name of a header/],
  ]
  for (const [words, message] of cases) assert.throws(() => parse(...words), { name: 'UsageError', message })
})

test('what is unusual but right is taken', () => {
  for (const words of [
    ...['localhost', '*', '::1', '[::1]', '0.0.0.0'].map((address) => ['--host', address]),
    ['--server-alias', '*.a_b.example'],
    ['--setenv', 'wsgi.x', 'a = b'],
    ['--setenv', 'A', ''],
    ['--switch-interval', '0.0005'],
    ['--log-level', 'warn wsgi:info mod_rewrite.c:TRACE3'],
    ['--allow-override', 'options=Indexes'],
    ['--user=--port'],
    ['--process-name', '--fast'],
  ])
    assert.doesNotThrow(() => parse(...words), words.join(' '))
})

test('options of mod_wsgi-express that would do nothing are refused by name', () => {
  assert.throws(() => parse('--debug-mode'), /--debug-mode .* not available yet/)
  assert.throws(() => parse('--httpd-executable', '/x'), /--httpd-executable has no meaning here: /)
})

test('an option is either there or refused, and the help names each one that is there', () => {
  const page = startServerHelp()
  for (const { name } of OPTIONS) {
    assert.ok(!NOT_YET.has(name) && !(name in NOT_OURS), name)
    assert.match(page, new RegExp(`^  --${name}\\b`, 'm'))
  }
  for (const line of page.split('\n')) assert.ok(line.length <= 110, line)
})
