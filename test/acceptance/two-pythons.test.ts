/** Applications on Python 2.7 and on Python 3 side by side in one server: a daemon process group for each, told apart by `python-home` alone. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findPython, type Python, skipWithout, usable } from '../support/pythons.js'
import { withServer } from '../support/server.js'

/** Runs on both: byte strings, a generator, a form, an error stream. */
const APPLICATION = `
import os
import sys

def application(environ, start_response):
    body = environ['wsgi.input'].read()
    environ['wsgi.errors'].write('read %d bytes\\n' % len(body))
    start_response('200 OK', [('Content-Type', 'text/plain; charset=utf-8'), ('X-Group', environ['mod_wsgi.process_group'])])
    def answer():
        yield sys.version.encode('latin-1') if str is not bytes else sys.version
        yield b'\\n'
        yield sys.prefix.encode('utf-8') if str is not bytes else sys.prefix
        yield b'\\n'
        yield body
    return answer()
`

const GROUPS = ['2.7', '3']

describe('two Pythons in one server', { skip: skipWithout('2.7') || skipWithout('3') }, () => {
  test('each application gets its own', async () => {
    const pythons = GROUPS.map((version) => usable(findPython(version) as Python))
    const conf = pythons.map(
      ({ home, major }) => `WSGIDaemonProcess python${major} python-home="${home}" threads=3
WSGIScriptAlias /on${major} "\${ROOT}/apps/answer.wsgi" process-group=python${major} application-group=%{GLOBAL}
WSGIScriptAlias /in-its-own-interpreter-on${major} "\${ROOT}/apps/answer.wsgi" process-group=python${major}
`,
    )
    const options = { python: 'none', conf: conf.join(''), apps: { 'answer.wsgi': APPLICATION } }
    await withServer(options, async (server) => {
      const places = pythons.flatMap((python) =>
        [`/on${python.major}`, `/in-its-own-interpreter-on${python.major}`].map((place) => ({
          place,
          python,
        })),
      )
      const body = 'x'.repeat(100_000)
      // All at the same time, so that requests for both are under way together.
      const asked = [...places, ...places, ...places].map(async ({ place, python }) => {
        const answer = await server.get(place, { method: 'POST', body })
        const lines = answer.text.split('\n')
        assert.equal(answer.status, 200, place)
        assert.equal(answer.headers['x-group'], `python${python.major}`)
        assert.ok(lines[0]?.startsWith(`${python.version} `), `${place}: ${lines[0]}`)
        assert.equal(lines.at(-2), python.home)
        assert.equal(lines.at(-1), body)
      })
      await Promise.all(asked)
      await server.waitForLog(/read 100000 bytes/)
    })
  })
})
