/** Access log lines, against what httpd 2.4.71 wrote for the same formats and requests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileLogFormat } from '../../src/log/access-format.js'
import { HeaderTable } from '../../src/request/headers.js'
import type { Request } from '../../src/request/request.js'
import { makeRequest, names, type RequestFacts } from './support.js'

const STARTED = Date.UTC(2026, 10, 22, 13, 27, 16, 50)

function line(format: string, request: Request): string {
  return compileLogFormat(format, names)(request)
}

function get(facts: RequestFacts = {}): Request {
  return makeRequest({
    startedAt: STARTED,
    connection: {
      remoteAddress: '127.0.0.1',
      localAddress: '127.0.0.1',
      remotePort: 38712,
      localPort: 18191,
    },
    ...facts,
    set: (request) => {
      request.target = request.path = '/a.txt'
      request.filename = '/tmp/lp/htdocs/a.txt'
      facts.set?.(request)
    },
  })
}

test('common and combined', () => {
  const request = get({
    headers: ['Referer', 'http://r/', 'User-Agent', 'curl/8'],
    set: (request) => {
      request.bytesSent = 3
      request.user = 'joe'
    },
  })
  assert.equal(
    line('%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"', request),
    '127.0.0.1 - joe [22/Nov/2026:13:27:16 +0000] "GET /a.txt HTTP/1.1" 200 3 "http://r/" "curl/8"',
  )
})

test('every item of a successful request', () => {
  const request = get({
    headers: [
      'Host',
      'Foo.Example:99',
      'Referer',
      'http://r/"\\\t\xc3\xa9',
      'X',
      'one',
      'x',
      'two',
      'User-Agent',
      'u"a',
      'Cookie',
      'z=1; ck = a "b; q=2',
    ],
    set: (request) => {
      request.target = '/a.txt?x=1"&b'
      request.query = 'x=1"&b'
      request.hostname = 'foo.example'
      request.bytesSent = 3
      request.headerBytesSent = 275
      request.bytesReceived = 139
      request.contentType = 'text/plain; charset=utf-8'
      request.headersOut.add('Content-Length', '3')
      request.errHeadersOut.add('Set-Cookie', 'a=1')
      request.headersOut.add('set-cookie', 'b=2')
      request.env.set('UA', 'u"a')
    },
  })
  assert.equal(
    line(
      '%h|%a|%{c}a|%A|%l|%u|%t|%r|%m|%U|%q|%H|%s|%>s|%<s|%b|%B|%I|%O|%S|%f|%R|%{Referer}i|%{X}i|%{content-type}o|%{Set-Cookie}o|%{Content-Length}o|%{UA}e|%{nn}n|%{ck}C|%p|%{canonical}p|%{local}p|%P|%{pid}P|%v|%V|%X|%k|%L|%{c}L',
      request,
    ),
    `127.0.0.1|127.0.0.1|127.0.0.1|127.0.0.1|-|-|[22/Nov/2026:13:27:16 +0000]|GET /a.txt?x=1\\"&b HTTP/1.1|GET|/a.txt|?x=1\\"&b|HTTP/1.1|200|200|200|3|3|139|278|417|/tmp/lp/htdocs/a.txt|-|http://r/\\"\\\\\\t\\xc3\\xa9|one, two|text/plain|a=1, b=2|3|u\\"a|-|a \\"b|8191|8191|18191|${process.pid}|${process.pid}|main.example|foo.example|+|0|-|CONN`,
  )
})

test('times, units and odd words', () => {
  assert.equal(
    line(
      '%{%Y-%m-%d %e %j}t|%{msec_frac}t|%{usec_frac}t|%{begin:%H}t|%{zz}T|%{bogus}P|%{bogus}p|%{begin}t|%{%%}t|%{sec}t|%{msec}t|%{usec}t|%{hextid}P',
      get(),
    ),
    `2026-11-22 22 326|050|050000|13|zz|bogus|bogus|[22/Nov/2026:13:27:16 +0000]|%|1795354036|1795354036050|1795354036050000|${process.pid.toString(16)}`,
  )
  const request = get()
  assert.match(line('%D %T %{us}T %{ms}T %{s}T', request), /^\d+ 0 \d+ \d+ 0$/)
  const [seconds, millis, micros] = line('%{end:sec}t %{end:msec}t %{end:usec}t', request)
    .split(' ')
    .map(Number)
  assert.equal(Math.floor((micros as number) / 1000), millis)
  assert.equal(Math.floor((micros as number) / 1e6), seconds)
})

test('escapes in the format', () => {
  assert.equal(line('a\\b\\q"e\\té%%\\n\\\\', get()), 'a\\b\\q"e\té%\n\\')
})

test('an undefined nickname is a line of that text', () => {
  assert.equal(line('nosuchnick', get()), 'nosuchnick')
})

test('what is missing or empty', () => {
  const request = get({
    set: (request) => {
      request.filename = ''
      request.user = ''
    },
  })
  assert.equal(
    line(
      '%u|%f|%{x}e|%{x}n|%{x}C|%{x}i|%{x}o|%b|%B|%I|%O|%S|%^FB|%{x}^ti|%{x}^to|%{x}x|%{version}c|%L|%q',
      request,
    ),
    '""|-|-|-|-|-|-|-|0|-|-|-|-|-|-|-|-|-|',
  )
})

test('what others tell the logs', () => {
  const request = get({
    trailers: ['Sum', '12'],
    set: (request) => {
      request.firstByteMicros = 17
      request.trailersOut = HeaderTable.from(['Out', 'x'])
      request.tlsVariable = (name) => ({ SSL_PROTOCOL: 'TLSv1.3' })[name]
    },
  })
  assert.equal(
    line('%^FB|%{sum}^ti|%{out}^to|%{SSL_PROTOCOL}x|%{version}c', request),
    '17|12|x|TLSv1.3|TLSv1.3',
  )
  const { id } = request
  assert.equal(line('%L', request), id)
})

test('conditions look at the final status', () => {
  const conditions = '%404{Referer}i|%!200,304{Referer}i|%200U|%404,410U'
  const headers = ['Referer', 'q']
  const failed = get({
    headers,
    set: (request) => {
      request.status = 404
    },
  })
  assert.equal(line(conditions, get({ headers })), '-|-|/a.txt|-')
  assert.equal(line(conditions, failed), 'q|q|-|/a.txt')
})

test('internal redirects: < is the first request, > the last', () => {
  const first = get({
    set: (request) => {
      request.target = '/old'
      request.path = '/old'
      request.status = 302
    },
  })
  const last = get({
    set: (request) => {
      request.prev = first
      request.target = '/new'
      request.path = '/new'
      request.user = 'joe'
    },
  })
  assert.equal(
    line('%r %U %>U %s %>s %<s %u %<u %<302U', last),
    'GET /old HTTP/1.1 /old /new 302 200 302 joe - -',
  )
})

test('the state of the connection', () => {
  assert.equal(line('%X', get()), '+')
  assert.equal(line('%X', get({ keepAlive: false })), '-')
  assert.equal(line('%X', get({ connection: { aborted: true } })), 'X')
  const closing = get()
  Object.assign(closing.outgoing, { closes: true })
  assert.equal(line('%X', closing), '-')
  assert.equal(line('%k %{remote}p', get({ connection: { keepalives: 3, remotePort: 7 } })), '2 7')
})

test('wrong formats, in the words of httpd', () => {
  const cases = [
    ['%Z', 'Unrecognized LogFormat directive %Z'],
    ['%^ZZ', 'Unrecognized LogFormat directive %^'],
    ['a%', 'Ran off end of LogFormat parsing args to some directive'],
    ['%{a', 'Ran off end of LogFormat parsing args to some directive'],
  ] as const
  for (const [format, message] of cases)
    assert.throws(() => compileLogFormat(format, names), { message }, format)
})
