/**
 * The standard library's `wsgiref.validate` between the server and applications of every kind, on every Python of this machine, in daemon
 * processes and embedded: it complains about whatever breaks PEP 3333, on either side.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Ask } from '../support/http.js'
import { eachMinorVersion, type Python, skipWithout, usable } from '../support/pythons.js'
import { withServer } from '../support/server.js'

const APPLICATIONS = `
import sys
import warnings
from wsgiref.validate import validator, WSGIWarning

# What is only a matter of style for others is a complaint here.
warnings.simplefilter('error', WSGIWarning)
TYPE = ('Content-Type', 'text/plain')

def a_list(environ, start_response):
    start_response('200 OK', [TYPE, ('Content-Length', '5')])
    return [b'li', b'st!']

def without_length(environ, start_response):
    start_response('200 OK', [TYPE])
    return [b'list']

def a_generator(environ, start_response):
    start_response('200 OK', [TYPE])
    def blocks():
        yield b'gene'
        yield b''
        yield b'rator'
    return blocks()

def writes(environ, start_response):
    write = start_response('200 OK', [TYPE])
    write(b'writ')
    return [b'ten']

def a_file(environ, start_response):
    start_response('200 OK', [TYPE])
    return environ['wsgi.file_wrapper'](open(__file__, 'rb'), 64)

def empty(environ, start_response):
    start_response('204 No Content', [])
    return []

def reads(environ, start_response):
    body = environ['wsgi.input']
    # PEP 333 had no size for readline(), and Python 2's validator follows it.
    parts = [body.read(2), body.readline(), body.readline(3) if sys.version_info[0] > 2 else body.read(3)] + body.readlines(1) + list(body) + [body.read(10)]
    start_response('200 OK', [TYPE])
    return [b'|'.join(parts)]

def logs(environ, start_response):
    environ['wsgi.errors'].write('validated\\n')
    environ['wsgi.errors'].writelines(['one\\n', 'two\\n'])
    environ['wsgi.errors'].flush()
    start_response('200 OK', [TYPE])
    return [b'logged']

def replaces(environ, start_response):
    start_response('200 OK', [TYPE])
    try:
        raise ValueError('replaced')
    except ValueError:
        start_response('500 Replaced', [TYPE], sys.exc_info())
    return [b'replaced']

KINDS = dict((function.__name__, validator(function)) for function in (
    a_list, without_length, a_generator, writes, a_file, empty, reads, logs, replaces))

def application(environ, start_response):
    return KINDS[environ['PATH_INFO'][1:]](environ, start_response)
`

interface Kind {
  readonly name: string
  readonly ask?: Ask
  readonly status?: number
  readonly text: string | RegExp
}

const LINES = 'ab\ncdefg\nhi\njk\nlm'

const kinds: readonly Kind[] = [
  { name: 'a_list', text: 'list!' },
  { name: 'a_list', ask: { method: 'HEAD' }, text: '' },
  { name: 'without_length', text: 'list' },
  { name: 'without_length', ask: { method: 'HEAD' }, text: '' },
  { name: 'a_generator', text: 'generator' },
  { name: 'a_generator', ask: { method: 'HEAD' }, text: '' },
  { name: 'writes', text: 'written' },
  { name: 'a_file', text: /wsgiref\.validate/ },
  { name: 'empty', status: 204, text: '' },
  { name: 'empty', ask: { method: 'DELETE' }, status: 204, text: '' },
  { name: 'reads', ask: { method: 'POST', body: LINES }, text: 'ab|\n|cde|fg\n|hi\n|jk\n|lm|' },
  { name: 'reads', ask: { method: 'POST', body: '' }, text: '|||' },
  { name: 'reads', ask: { method: 'POST', body: `${'x'.repeat(200_000)}\nend` }, text: /^xx\|x+\n\|end\|$/ },
  { name: 'logs', text: 'logged' },
  { name: 'replaces', status: 500, text: 'replaced' },
]

describe('wsgiref.validate', { skip: skipWithout('3') }, () => {
  test('has no complaint, in daemon processes', async () => {
    const pythons = eachMinorVersion().map(usable)
    const conf = pythons.map(
      (python, index) => `WSGIDaemonProcess python${index} python-home="${python.home}" threads=2
WSGIScriptAlias /python${index} "\${ROOT}/apps/kinds.wsgi" process-group=python${index} application-group=%{GLOBAL}
`,
    )
    await check(
      'none',
      conf.join(''),
      pythons.map((python, index) => ({ python, mount: `/python${index}` })),
    )
  })

  // A server embeds one Python, so each has a server of its own.
  for (const python of eachMinorVersion()) {
    if (python.sharedLibrary === undefined) continue
    test(`has no complaint, embedded in ${python.version}`, () =>
      check(python.version, 'WSGIScriptAlias / "${ROOT}/apps/kinds.wsgi" application-group=%{GLOBAL}\n', [
        { python, mount: '' },
      ]))
  }
})

async function check(
  version: string,
  conf: string,
  mounts: readonly { readonly python: Python; readonly mount: string }[],
): Promise<void> {
  await withServer({ python: version, conf, apps: { 'kinds.wsgi': APPLICATIONS } }, async (server) => {
    for (const { python, mount } of mounts) {
      for (const { name, ask, status = 200, text } of kinds) {
        const what = `${ask?.method ?? 'GET'} ${name} on ${python.version}`
        const answer = await server.get(`${mount}/${name}`, ask)
        assert.equal(answer.status, status, what)
        if (typeof text === 'string') assert.equal(answer.text, text, what)
        else assert.match(answer.text, text, what)
      }
    }
    assert.doesNotMatch(server.errorLog(), /AssertionError|WSGIWarning|Traceback/)
  })
}
