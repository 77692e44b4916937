/** The shortest way through everything: a process, a channel, one request, on every Python that is installed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PYTHONS, place, request, startDaemon } from './daemon.js'

for (const python of PYTHONS) {
  test(`answers hello, and stops when asked: ${python}`, async () => {
    const daemon = await startDaemon(python)
    try {
      const script = daemon.script(
        'hello.wsgi',
        `def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'Hello ' + environ['PATH_INFO'].encode('latin-1')]
`,
      )
      const channel = await daemon.connect()
      const { outcome } = request(channel, place(script), { path: '/w' })
      const { kind, status, reason, headers, body } = await outcome
      assert.equal(kind, 'answered')
      assert.deepEqual([status, reason, headers], [200, 'OK', ['Content-Type', 'text/plain']])
      assert.equal(body.toString(), 'Hello /w')
      daemon.control.stop('shutdown_signal')
      assert.equal(await daemon.exited, 0)
    } finally {
      await daemon.stop()
    }
  })
}
