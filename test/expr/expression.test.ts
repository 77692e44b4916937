/** The expression language: what each operator, function and variable gives for a request, and what is refused when it is read. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import {
  compileCondition,
  compileTemplate,
  ExpressionFailure,
  evaluate,
  fill,
  holds,
  whenReady,
} from '../../src/expr/expression.js'
import { ExpressionSyntaxError } from '../../src/expr/syntax.js'
import { makeRequest, type RequestFacts } from '../support/request.js'

const at = { file: '/etc/httpd/httpd.conf', line: 7 }
const directory = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-expr-'))
after(() => rmSync(directory, { recursive: true }))
writeFileSync(path.join(directory, 'full'), 'text')
writeFileSync(path.join(directory, 'empty'), '')
symlinkSync('full', path.join(directory, 'link'))

const FACTS: RequestFacts = {
  url: '/a/b.py?q=1',
  method: 'POST',
  host: 'www.example.org:8080',
  headers: ['Host', 'www.example.org:8080', 'User-Agent', 'Mozilla/5.0', 'X-Two', 'a', 'x-two', 'b'],
  env: { VAR: 'value' },
  user: 'ann',
  filename: '/srv/a/b.py',
  pathInfo: '/more',
  connection: { remoteAddress: '10.1.2.3' },
}

const ask = (text: string, facts = FACTS) =>
  evaluate(compileCondition(text, { at }), makeRequest('ServerAdmin me@example.org', facts))

test('conditions', () => {
  const rows: [text: string, expected: boolean][] = [
    ['true', true],
    ['false', false],
    ['!true', false],
    ['not false', true],
    ['true || false && false', true],
    ['(true or false) and false', false],
    ['! true || true', true],
    ["'a' == 'a'", true],
    ["'a' = 'b'", false],
    ["'a' != 'b'", true],
    ["'a'<'b'", true],
    ["'b' <= 'a'", false],
    ["'b' > 'a'", true],
    ["'10' < '9'", true],
    ["'10' -lt '9'", false],
    ['10 lt 9', false],
    ['10 -gt 9', true],
    ["'x' -eq 0", true],
    ["'-5' -lt '3'", true],
    ["'99999999999999999999999' -ge '9223372036854775807'", true],
    ['%{REQUEST_URI} =~ /\\.PY$/', false],
    ['%{REQUEST_URI} =~ /\\.PY$/i', true],
    ['%{REQUEST_URI} =~ m#^/a/#', true],
    ['%{REQUEST_URI} =~ /^\\/a\\//', true],
    ["'a\nb' =~ /^b$/", false],
    ["'a\nb' =~ /^b$/m", true],
    ["'abc' !~ /b/", false],
    ["'abc' =~ /(b)(c)/ && $1 == 'b' && '$2$1' == 'cb'", true],
    ["'abc' =~ /b/ && 'x' =~ /y/ || $0 == ''", true],
    ["'b' in { 'a', 'b' }", true],
    ["'c' -in {'a','b'}", false],
    ["-n ''", false],
    ["-z ''", true],
    ["-T 'off'", false],
    ["-T 'No'", false],
    ["-T '0'", false],
    ["-T 'offer'", true],
    ["-R '10.0.0.0/8'", true],
    ["-R '192.168.0.0/16'", false],
    ["%{REMOTE_ADDR} -ipmatch '10.1.2.0/24'", true],
    ["'a/b' -strmatch 'a*'", true],
    ["'a/b' -fnmatch 'a*'", false],
    ["'a/b' -fnmatch 'a/?'", true],
    ["'AB' -strcmatch 'a*'", true],
    ["'AB' -strmatch 'a*'", false],
    [`-f '${directory}/full' && -s '${directory}/full' && -e '${directory}/link'`, true],
    [`-s '${directory}/empty'`, false],
    [`-f '${directory}/empty' && ! -d '${directory}/empty'`, true],
    [`-d '${directory}'`, true],
    [`-L '${directory}/link' && -h '${directory}/link'`, true],
    [`-L '${directory}/full'`, false],
    [`-x '${directory}/full'`, false],
    [`-f '${directory}/none'`, false],
    [`-f 'package.json'`, false],
    ["'a' . 'b' == 'ab'", true],
    ['tolower(\'ABC\') . 1 == "abc1"', true],
    ["%{tolower:%{REQUEST_METHOD}} == 'post'", true],
    ["req('x-two') == 'a, b' && %{HTTP:User-Agent} == %{HTTP_USER_AGENT}", true],
    ["reqenv('VAR') == 'value' && env('var') == 'value'", true],
    ["%{request_method} == 'POST'", true],
    ["'it\\'s' == \"it's\"", true],
    ["%{HTTP_HOST} == 'www.example.org:8080' && %{SERVER_NAME} == 'www.example.org'", true],
    ["%{SSL_PROTOCOL} == '' && %{HTTPS} == 'off'", true],
  ]
  for (const [text, expected] of rows) assert.equal(ask(text), expected, text)
})

test('templates', () => {
  const rows: [text: string, expected: string][] = [
    ['plain', 'plain'],
    ['%{REQUEST_METHOD} %{REQUEST_URI}?%{QUERY_STRING}', 'POST /a/b.py?q=1'],
    [
      '%{PATH_INFO}|%{SCRIPT_FILENAME}|%{REMOTE_USER}|%{SERVER_ADMIN}',
      '/more|/srv/a/b.py|ann|me@example.org',
    ],
    ['%{base64:a%{toupper:b}}|%{unbase64:YUI=}', 'YUI=|aB'],
    ['%{md5:a}|%{sha1:a}', '0cc175b9c0f1b6a831c399e269772661|86f7e437faa5a7fce15d1ddcb9eaeaea377667b8'],
    ['%{escape:a b?}|%{unescape:a%20b}|%{unescape:%zz}', 'a%20b%3f|a b|'],
    ['a\\tb\\"c\\101$5%d$x', 'a\tb"cA%d$x'],
    [`%{filesize:${directory}/full}|%{file:${directory}/full}|%{filesize:/nowhere}`, '4|text|'],
    [
      '%{THE_REQUEST}|%{SERVER_PORT}|%{REQUEST_SCHEME}|%{IS_SUBREQ}',
      'POST /a/b.py?q=1 HTTP/1.1|8080|http|false',
    ],
  ]
  for (const [text, expected] of rows)
    assert.equal(
      fill(compileTemplate(text, { at }), makeRequest('ServerAdmin me@example.org', FACTS)),
      expected,
      text,
    )
})

test('text without anything to fill in stays a string', () => {
  assert.equal(compileTemplate('a $x 100%', { at }), 'a $x 100%')
  assert.equal(compileTemplate("a\\'b", { at }), "a'b")
})

test('what is wrong is told with its place', () => {
  const rows: [text: string, expected: RegExp][] = [
    ['', /syntax error at its end/],
    ["'a'", /a comparison such as == or =~ is expected/],
    ["'a' == 'b", /the closing ' is missing/],
    ['%{REQUEST_URI', /the '}' of %\{…} is missing/],
    ["%{X_Y} == ''", /Variable 'X_Y' does not exist/],
    ["%{HTTP_X_Y} == ''", /Variable 'HTTP_X_Y' does not exist/],
    ["v('a') == ''", /Function 'v' does not exist/],
    ["constructor('a') == ''", /Function 'constructor' does not exist/],
    ["-q 'a'", /No unary operator '-q'/],
    ["'a' -foo 'b'", /No binary operator '-foo'/],
    ["'a' -ipmatch %{REMOTE_ADDR}", /requires subnet\/netmask as constant argument/],
    ["'a' -ipmatch '300.1.1.1'", /IP address is invalid/],
    ["'a' =~ /(/", /Regular expression '\('/],
    ["'a' =~ 'a'", /a regular expression such as/],
    ["'a' in OID('1.2.3')", /List-returning function 'OID' does not exist/],
    ['TRUE', /'TRUE' needs quotes/],
    ['true true', /at 'true': an operator or the end/],
    ['('.repeat(5000), /nested too deeply/],
    ['!'.repeat(5000), /nested too deeply/],
  ]
  for (const [text, expected] of rows)
    assert.throws(
      () => compileCondition(text, { at }),
      (error) => error instanceof ExpressionSyntaxError && expected.test(error.message),
      text,
    )
})

test("SSLRequire's comparisons: texts by their length first, with and without letters for the operator", () => {
  const rows: [text: string, expected: boolean][] = [
    ["'9' < '10'", true],
    ["'9' lt '10'", true],
    ["'abc' lt 'b'", false],
    ["'b' gt 'abc'", false],
    ["'abc' ge 'abd'", false],
    ["'abd' >= 'abc'", true],
    ["'b' <= 'abc'", true],
    ["'10' eq '10.0'", false],
    ["'10' -eq '10.0'", true],
    ["'a' ne 'b'", true],
    ["'9' -lt '10'", true],
    ["'abc' -lt 'b'", false],
    ["'x' in PeerExtList('1.2.3')", false],
  ]
  const request = makeRequest('', FACTS)
  for (const [text, expected] of rows)
    assert.equal(evaluate(compileCondition(text, { at, dialect: 'ssl' }), request), expected, text)
})

test('who writes .htaccess files may test files, not read them', () => {
  assert.throws(
    () => compileCondition("file('/etc/passwd') == ''", { at, restricted: true }),
    /not available here/,
  )
  compileCondition("-f '/etc/passwd'", { at, restricted: true })
})

test('a response varies with the headers that were looked at', () => {
  const request = makeRequest('', FACTS)
  const varied = compileCondition(
    "%{HTTP_USER_AGENT} == 'x' || req('X-Two') == '' || req_novary('Cookie') == ''",
    { at },
  )
  assert.equal(evaluate(varied, request), true)
  evaluate(varied, request)
  assert.equal(request.headersOut.get('Vary'), 'User-Agent, X-Two')
  const logged = makeRequest('', FACTS)
  evaluate(compileCondition("%{HTTP_USER_AGENT} == 'x'", { at, vary: false }), logged)
  assert.equal(logged.headersOut.has('Vary'), false)
})

test('what cannot be told counts as false and is logged with its place', () => {
  const request = makeRequest('', FACTS)
  const condition = compileCondition("%{REMOTE_USER} -ipmatch '10.0.0.0/8'", { at })
  assert.ok(evaluate(condition, request) instanceof ExpressionFailure)
  assert.equal(holds(condition, request), false)
  assert.deepEqual(request.records.map(({ level, code, message }) => [level, code, message])[0], [
    'error',
    'AH03298',
    "Evaluation of expression from /etc/httpd/httpd.conf:7 failed: parsing of IP address 'ann' failed",
  ])
})

test('subrequests may take time; an expression is then evaluated again', async () => {
  const looked: string[] = []
  const lookUp = async (url: string) => {
    looked.push(url)
    const found = makeRequest('')
    found.status = url === '/yes' ? 200 : 403
    return found
  }
  const request = makeRequest('', { ...FACTS, lookUp })
  const both = compileCondition("-U '/yes' && ! -A '/no' && -U '/yes'", { at })
  assert.equal(await whenReady(() => evaluate(both, request)), true)
  assert.deepEqual(looked, ['/yes', '/no'])
})
