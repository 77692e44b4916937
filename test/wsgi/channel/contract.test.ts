/** What PEP 3333 and mod_wsgi promise to applications, as a table of small ones, on every Python that is installed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Channel } from '../../../src/wsgi/channel/channel.js'
import {
  type Daemon,
  type Outcome,
  PYTHONS,
  place,
  type RequestOptions,
  request,
  startDaemon,
} from './daemon.js'

interface Case {
  readonly name: string
  /** Body of `application(environ, start_response)`, or a whole module if it defines one. */
  readonly app: string
  readonly options?: RequestOptions
  readonly python3Only?: boolean
  readonly expect: (outcome: Outcome) => void
}

const START = "start_response('200 OK', [('Content-Type', 'text/plain')])"

function failedWith(text: string): (outcome: Outcome) => void {
  return (outcome) => {
    assert.equal(outcome.kind, 'failed')
    assert.equal(outcome.why, 'exception')
    assert.match(
      outcome.log.join('\n'),
      /^error: mod_wsgi \(pid=\d+\): Exception occurred processing WSGI script '/,
    )
    assert.ok(outcome.log.join('\n').includes(text), `${text} in\n${outcome.log.join('\n')}`)
    assert.ok(outcome.log.some((line) => line.includes('Traceback (most recent call last)')))
  }
}

function body(text: string): (outcome: Outcome) => void {
  return (outcome) => {
    assert.ok(
      outcome.kind === 'answered' || outcome.kind === 'end',
      `${outcome.kind} ${outcome.why} ${outcome.log}`,
    )
    assert.equal(outcome.body.toString('latin1'), text)
  }
}

function aborted(why: string, text: string): (outcome: Outcome) => void {
  return (outcome) => {
    assert.deepEqual([outcome.kind, outcome.why, outcome.body.toString()], ['aborted', why, text])
  }
}

/** An application that calls start_response in a wrong way. */
function badStart(name: string, call: string, text: string, python3Only = false): Case {
  return {
    name,
    app: `start_response(${call})\nreturn [b'never']`,
    python3Only,
    expect: failedWith(text),
  }
}

const CASES: readonly Case[] = [
  // start_response
  badStart(
    'headers must be a list',
    "'200 OK', ()",
    'TypeError: start_response() argument 2 must be list, not tuple',
  ),
  badStart(
    'exc_info must be a triple',
    "'200 OK', [], 5",
    "RuntimeError: start_response() argument 'exc_info' must be a 3-tuple or None",
  ),
  badStart(
    'status must be str',
    "b'200 OK' if str is not bytes else u'200 OK', []",
    'TypeError: must be str, not ',
  ),
  badStart(
    'status needs three digits',
    "'20 OK', []",
    "ValueError: status code must be a 3 digit integer: b'20 OK'",
  ),
  badStart('status needs a space', "'200-OK', []", "ValueError: no space following status code: b'200-OK'"),
  badStart(
    'no control characters in the reason',
    "'200 O\\nK', []",
    "ValueError: control character in status reason phrase: b'200 O\\nK'",
  ),
  badStart(
    'no informational status',
    "'102 Processing', []",
    'ValueError: status code must not be informational',
  ),
  badStart(
    'a header is a tuple',
    "'200 OK', [['a', 'b']]",
    'TypeError: each header must be a 2-tuple, not list',
  ),
  badStart(
    'a header has two parts',
    "'200 OK', [('a', 'b', 'c')]",
    'ValueError: each header must be a 2-tuple, got length 3',
  ),
  badStart('a header name is str', "'200 OK', [(1, 'b')]", 'TypeError: must be str, not int'),
  badStart('a header value is str', "'200 OK', [('a', 1)]", 'TypeError: must be str, not int'),
  badStart('a header is Latin-1', "'200 OK', [('a', '\\u20ac')]", 'UnicodeEncodeError', true),
  badStart('a header name is not empty', "'200 OK', [('', 'b')]", 'ValueError: header name is empty'),
  badStart(
    'no space in a header name',
    "'200 OK', [('a b', 'c')]",
    "ValueError: space character in header name: b'a b'",
  ),
  badStart(
    'no control character in a header name',
    "'200 OK', [('a\\x01', 'c')]",
    "ValueError: control character in header name: b'a\\x01'",
  ),
  badStart(
    'a header name is a token',
    "'200 OK', [('a:', 'c')]",
    'ValueError: invalid character in header name',
  ),
  badStart(
    'no carriage return in a value',
    "'200 OK', [('a', 'b\\rc')]",
    "ValueError: carriage return/line feed character in header value: b'b\\rc'",
  ),
  badStart(
    'no line feed in a value',
    "'200 OK', [('a', 'b\\nc')]",
    "ValueError: carriage return/line feed character in header value: b'b\\nc'",
  ),
  badStart('no NUL in a value', "'200 OK', [('a', 'b\\0c')]", 'ValueError: null character in header value'),
  badStart(
    'Content-Length is checked at first output',
    "'200 OK', [('Content-Length', '-1')]",
    "ValueError: invalid Content-Length header value: '-1'",
  ),
  {
    name: 'a status without reason is accepted',
    app: "start_response('204', [])\nreturn []",
    expect: (outcome) =>
      assert.deepEqual([outcome.kind, outcome.status, outcome.reason], ['answered', 204, '']),
  },
  {
    name: 'header values are Latin-1',
    app: "start_response('200 OK', [('X-A', '\\xe9')])\nreturn []",
    expect: (outcome) => assert.deepEqual(outcome.headers, ['X-A', '\xe9']),
  },
  {
    name: 'hop-by-hop headers are ignored with a warning',
    app: "start_response('200 OK', [('Connection', 'close'), ('X-A', '1')])\nreturn []",
    expect: (outcome) => {
      assert.deepEqual(outcome.headers, ['X-A', '1'])
      assert.match(outcome.log.join(), /^warn: Ignoring hop-by-hop response header Connection/)
    },
  },
  {
    name: 'a second call without exc_info replaces the first before output',
    app: `start_response('200 OK', [('A', '1')])
start_response('404 Not Found', [('B', '2')])
return [b'x']`,
    expect: (outcome) => assert.deepEqual([outcome.status, outcome.headers], [404, ['B', '2']]),
  },
  {
    name: 'a second call without exc_info after output is an error',
    app: `def application(environ, start_response):
    ${START}
    yield b'x'
    ${START}
    yield b'y'
`,
    expect: (outcome) => {
      aborted('exception', 'x')(outcome)
      assert.ok(
        outcome.log.join().includes('RuntimeError: start_response() called more than once without exc_info'),
      )
    },
  },
  {
    name: 'exc_info before output replaces',
    app: `import sys
start_response('200 OK', [])
try:
    raise KeyError('k')
except KeyError:
    start_response('500 Oops', [('X', 'y')], sys.exc_info())
return [b'sorry']`,
    expect: (outcome) =>
      assert.deepEqual([outcome.kind, outcome.status, outcome.reason], ['answered', 500, 'Oops']),
  },
  {
    name: 'exc_info after output raises the exception again',
    app: `import sys
def application(environ, start_response):
    ${START}
    yield b'x'
    try:
        raise KeyError('again')
    except KeyError:
        start_response('500 Oops', [], sys.exc_info())
    yield b'y'
`,
    expect: (outcome) => {
      aborted('exception', 'x')(outcome)
      assert.ok(outcome.log.join().includes("KeyError: 'again'"))
    },
  },
  // output
  { name: 'a list of several items', app: `${START}\nreturn [b'a', b'', b'bc']`, expect: body('abc') },
  { name: 'a tuple', app: `${START}\nreturn (b'a', b'b')`, expect: body('ab') },
  { name: 'no items', app: `${START}\nreturn []`, expect: body('') },
  {
    name: 'no Content-Length is made up',
    app: `${START}\nreturn [b'abc']`,
    expect: (outcome) => assert.deepEqual(outcome.headers, ['Content-Type', 'text/plain']),
  },
  {
    name: 'a generator, with start_response inside',
    app: `def application(environ, start_response):
    ${START}
    yield b''
    yield b'a'
    yield b'b'
`,
    expect: body('ab'),
  },
  {
    name: 'write comes before what is returned',
    app: `write = ${START}\nwrite(b'a')\nwrite(b'')\nwrite(b'b')\nreturn [b'c']`,
    expect: body('abc'),
  },
  {
    name: 'write takes bytes only',
    app: `write = ${START}\nwrite(5)\nreturn []`,
    expect: failedWith('TypeError: write() argument must be bytes, not int'),
  },
  {
    name: 'items are bytes only',
    app: `${START}\nreturn [5]`,
    expect: failedWith('TypeError: response iterable must yield bytes, not int'),
  },
  {
    name: 'a str result is no result',
    python3Only: true,
    app: `${START}\nreturn 'abc'`,
    expect: failedWith('TypeError: response iterable must yield bytes, not str'),
  },
  {
    name: 'a bytes result is no result',
    python3Only: true,
    app: `${START}\nreturn b'abc'`,
    expect: failedWith('TypeError: response iterable must yield bytes, not int'),
  },
  { name: 'None is no result', app: `${START}\nreturn None`, expect: failedWith("TypeError: 'NoneType'") },
  {
    name: 'output before start_response',
    app: "return [b'x']",
    expect: failedWith('RuntimeError: start_response() must be called before response content is produced'),
  },
  {
    name: 'output beyond Content-Length is dropped',
    app: "start_response('200 OK', [('Content-Length', '3')])\nreturn [b'ab', b'cde']",
    expect: body('abc'),
  },
  {
    name: 'iteration goes on after Content-Length is reached',
    app: `def application(environ, start_response):
    start_response('200 OK', [('Content-Length', '1')])
    yield b'abc'
    yield b'def'
    environ['wsgi.errors'].write('reached the end')
`,
    expect: (outcome) => {
      body('a')(outcome)
      assert.deepEqual(outcome.log, ['error: reached the end'])
    },
  },
  {
    name: 'less than Content-Length cuts the response',
    app: "start_response('200 OK', [('Content-Length', '9')])\nreturn [b'abc']",
    expect: (outcome) => {
      aborted('short', 'abc')(outcome)
      assert.deepEqual(outcome.log, ['debug: Content length mismatch, expected 9, response generated 3'])
    },
  },
  {
    name: 'HEAD: the body is consumed and dropped',
    options: { method: 'HEAD' },
    app: `def application(environ, start_response):
    start_response('200 OK', [('Content-Length', '3')])
    yield b'abc'
    environ['wsgi.errors'].write('consumed')
`,
    expect: (outcome) => {
      body('')(outcome)
      assert.deepEqual(outcome.headers, ['Content-Length', '3'])
      assert.deepEqual(outcome.log, ['error: consumed'])
    },
  },
  { name: '304 has no body', app: "start_response('304 Not Modified', [])\nreturn [b'x']", expect: body('') },
  // close
  {
    name: 'close is called once, after success',
    app: `class Result(object):
    def __init__(self, environ): self.environ = environ
    def __iter__(self): return iter([b'a', b'b'])
    def close(self): self.environ['wsgi.errors'].write('closed\\n')
def application(environ, start_response):
    ${START}
    return Result(environ)
`,
    expect: (outcome) => {
      body('ab')(outcome)
      assert.deepEqual(outcome.log, ['error: closed'])
    },
  },
  {
    name: 'close is called after an exception, and its own is only logged',
    app: `class Result(object):
    def __iter__(self):
        yield b'a'
        raise ValueError('first')
    def close(self): raise ValueError('second')
def application(environ, start_response):
    ${START}
    return Result()
`,
    expect: (outcome) => {
      aborted('exception', 'a')(outcome)
      const text = outcome.log.join('\n')
      assert.ok(text.includes('first') && text.includes('second'))
    },
  },
  // exceptions
  {
    name: 'an exception before headers',
    app: "raise ValueError('boo')",
    expect: failedWith('ValueError: boo'),
  },
  {
    name: 'SystemExit does not end the process',
    app: 'import sys\nsys.exit(3)',
    expect: (outcome) => {
      assert.deepEqual([outcome.kind, outcome.why], ['failed', 'exception'])
      assert.match(outcome.log[0] as string, /SystemExit exception raised by WSGI script '.*' ignored/)
    },
  },
  {
    name: 'RequestTimeout before headers',
    app: 'import mod_wsgi\nraise mod_wsgi.RequestTimeout()',
    expect: (outcome) => {
      assert.deepEqual([outcome.kind, outcome.why], ['failed', 'timeout'])
      assert.deepEqual(outcome.log, ['error: Request interrupted by RequestTimeout; thread recovered.'])
    },
  },
  {
    name: 'a script with a syntax error',
    app: 'def application(:\n',
    expect: (outcome) => {
      assert.deepEqual([outcome.kind, outcome.why], ['failed', 'script'])
      assert.match(outcome.log[0] as string, /Target WSGI script '.*' cannot be loaded as Python module\./)
    },
  },
  {
    name: 'a script without the application',
    app: 'other_application = 1\ndef application_(): pass\n',
    expect: (outcome) => {
      assert.deepEqual([outcome.kind, outcome.why], ['failed', 'callable'])
      assert.match(
        outcome.log[0] as string,
        /Target WSGI script '.*' does not contain WSGI application 'application'\./,
      )
    },
  },
  {
    name: 'a NUL byte in a value is refused',
    options: { path: '/a\0b' },
    app: `${START}\nreturn []`,
    expect: (outcome) => assert.deepEqual([outcome.kind, outcome.why], ['failed', 'malformed']),
  },
  // streams
  {
    name: 'wsgi.errors, stdout and stderr go to the log of the request, line by line',
    app: `import sys
environ['wsgi.errors'].writelines(iter(['a\\n', 'b', '\\n']))
sys.stderr.write('c\\nd')
sys.stdout.write('e\\n')
environ['wsgi.errors'].write('\\n')
environ['wsgi.errors'].write('tail')
${START}
return []`,
    expect: (outcome) =>
      assert.deepEqual(outcome.log, [
        'error: a',
        'error: b',
        'error: c',
        'error: de',
        'error: ',
        'error: tail',
      ]),
  },
  {
    name: 'LogHandler keeps levels',
    app: `import logging, mod_wsgi
logger = logging.Logger('x')
logger.addHandler(mod_wsgi.LogHandler())
logger.critical('c'); logger.warning('w'); logger.info('i'); logger.debug('d')
${START}
return []`,
    expect: (outcome) => assert.deepEqual(outcome.log, ['crit: c', 'warn: w', 'info: i', 'debug: d']),
  },
  {
    name: 'sys.stdin is at its end',
    app: `import sys\n${START}\nreturn [repr(sys.stdin.read()).encode()]`,
    expect: body("''"),
  },
  // environ
  {
    name: 'environ holds CGI values as native strings, and all wsgi keys',
    options: {
      path: '/\xc3\xa9',
      headers: [
        'Host',
        'h',
        'Content-Type',
        'a/b',
        'X-Two',
        '1',
        'x-two',
        '2',
        'Cookie',
        'a',
        'Cookie',
        'b',
        'Proxy',
        'p',
        'X_Bad',
        'b',
        'Authorization',
        'secret',
        'X-Empty',
        '',
      ],
      extra: ['FOO', 'bar', 'REMOTE_USER', 'me'],
    },
    app: `assert type(environ['PATH_INFO']) is str and environ['PATH_INFO'] == '/\\xc3\\xa9', environ['PATH_INFO']
expected = {
    'HTTP_HOST': 'h', 'CONTENT_TYPE': 'a/b', 'HTTP_X_TWO': '1, 2', 'HTTP_COOKIE': 'a; b', 'HTTP_X_EMPTY': '',
    'FOO': 'bar', 'REMOTE_USER': 'me', 'wsgi.version': (1, 1), 'wsgi.url_scheme': 'http', 'wsgi.multithread': True,
    'wsgi.multiprocess': False, 'wsgi.run_once': False, 'wsgi.input_terminated': True, 'mod_wsgi.version': (1, 2, 3),
    'mod_wsgi.process_group': 'g', 'mod_wsgi.application_group': '', 'mod_wsgi.callable_object': 'application',
    'mod_wsgi.handler_script': '', 'mod_wsgi.script_reloading': '1', 'apache.version': (1, 2, 3),
    'mod_wsgi.request_id': 'r1', 'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '', 'mod_wsgi.script_name': ''}
for key, value in expected.items():
    assert environ[key] == value, (key, environ.get(key))
for key in ('HTTP_PROXY', 'HTTP_X_BAD', 'HTTP_AUTHORIZATION', 'HTTP_CONTENT_TYPE', 'CONTENT_LENGTH', 'PATH'):
    assert key not in environ, key
assert type(environ) is dict
assert 1 <= environ['mod_wsgi.thread_id'] <= 3
assert environ['mod_wsgi.request_start'] <= environ['mod_wsgi.application_start'] + 1
import mod_wsgi, apache
assert mod_wsgi.process_group == 'g' and mod_wsgi.application_group == '' and mod_wsgi.threads_per_process == 3
mod_wsgi.request_data()['x'] = 1
assert mod_wsgi.request_data() == {'x': 1}
assert environ['wsgi.file_wrapper'] is mod_wsgi.FileWrapper and apache.version == (1, 2, 3)
assert __name__.startswith('_mod_wsgi_') and len(__name__) == 42
import sys
assert sys.argv == ['mod_wsgi'] and sys.modules[__name__].application is application
assert not any('runtime' in path for path in sys.path), sys.path
${START}
return [b'fine']`,
    expect: body('fine'),
  },
  // input
  {
    name: 'no body: the stream is at its end',
    app: `i = environ['wsgi.input']\n${START}\nreturn [repr((i.read(), i.read(5), i.readline(), i.readlines(), list(i), i.read(0))).replace('b', '').encode()]`,
    expect: body("('', '', '', [], [], '')"),
  },
  {
    name: 'reading methods can be mixed',
    options: { body: { kind: 'inline', data: Buffer.from('one\ntwo\nthree\nfour\nfive') } },
    app: `i = environ['wsgi.input']
got = [i.read(2), i.readline(1), i.readline(), i.readline(2), i.read(0), i.readlines(3), next(i), i.read(None), i.read()]
assert got == [b'on', b'e', b'\\n', b'tw', b'', [b'o\\n', b'three\\n'], b'four\\n', b'five', b''], got
${START}
return [b'fine']`,
    expect: body('fine'),
  },
  // what outlives a request
  {
    name: 'what belongs to a request is of no use after it (first half)',
    app: `import sys
kept = sys.__dict__.setdefault('kept', [])
kept[:] = [environ, start_response, ${START}]
return []`,
    expect: body(''),
  },
  {
    name: 'what belongs to a request is of no use after it (second half)',
    app: `import sys
old, start, write = sys.kept
found = []
for call in (lambda: old['wsgi.input'].read(), lambda: old['wsgi.errors'].write('x'), lambda: start('200 OK', []), lambda: write(b'x')):
    try:
        call()
    except RuntimeError as error:
        found.append(str(error))
${START}
return ['|'.join(found).encode()]`,
    expect: body(
      'read() called on wsgi.input after request completed|write() called on wsgi.errors after request completed|start_response() called after request completed|write() called after request completed',
    ),
  },
  // file wrapper
  {
    name: 'a small file through wsgi.file_wrapper',
    app: `f = open(__file__, 'rb')
f.read(4)
${START}
return environ['wsgi.file_wrapper'](f, 3)`,
    expect: (outcome) => {
      assert.match(outcome.body.toString(), /^application|^ application/)
      assert.equal(outcome.headers.at(-2), 'Content-Length')
      assert.equal(Number(outcome.headers.at(-1)), outcome.body.length)
    },
  },
  {
    name: 'a file wrapper over something that is no file',
    app: `import io\n${START}\nreturn environ['wsgi.file_wrapper'](io.BytesIO(b'abc'), blksize=2)`,
    expect: (outcome) => {
      body('abc')(outcome)
      assert.equal(outcome.headers.length, 2)
    },
  },
  {
    name: 'a file shorter than its Content-Length',
    app: `import os
start_response('200 OK', [('Content-Length', str(os.path.getsize(__file__) + 5))])
return environ['wsgi.file_wrapper'](open(__file__, 'rb'))`,
    expect: (outcome) =>
      assert.deepEqual([outcome.kind, outcome.why, outcome.status], ['aborted', 'short', 200]),
  },
  {
    name: 'a file longer than its Content-Length',
    app: `start_response('200 OK', [('Content-Length', '3')])
return environ['wsgi.file_wrapper'](open(__file__, 'rb'))`,
    expect: body('def'),
  },
  {
    name: 'a negative block size',
    app: `environ['wsgi.file_wrapper'](None, -1)`,
    expect: failedWith('ValueError'),
  },
]

for (const python of PYTHONS) {
  describe(python, () => {
    let daemon: Daemon
    let channel: Channel
    before(async () => {
      daemon = await startDaemon(python)
      channel = await daemon.connect()
    })
    after(() => daemon.stop())
    CASES.forEach((one, number) => {
      if (one.python3Only && /python2/.test(python)) return
      test(one.name, async () => {
        const isModule = one.app.includes('def application')
        const lines = one.app.split('\n').map((line) => `    ${line}`)
        const source = isModule ? one.app : `def application(environ, start_response):\n${lines.join('\n')}\n`
        const script = daemon.script(`case${number}.wsgi`, source)
        one.expect(await request(channel, place(script), one.options).outcome)
      })
    })
  })
}
