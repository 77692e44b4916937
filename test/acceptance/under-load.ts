/** What the tests of restarts and reloads share: an application that answers checkable bodies, and the program's own way to restart. */
import assert from 'node:assert/strict'
import { runLauncher, type TestServer } from '../support/server.js'
import { until } from '../support/wait.js'
import type { Load, Reply } from './load.js'

export const CLIENTS = 32
/** Answers between two events, so that each happens under load. */
export const BETWEEN = 200
const BACK_MAX_MS = 60_000

/** Says `Hello World!` to GET, and length and SHA-256 of the body to POST. */
export const HELLO = `
import hashlib
import os

def application(environ, start_response):
    if environ['REQUEST_METHOD'] == 'POST':
        body = environ['wsgi.input'].read()
        answer = '%d %s' % (len(body), hashlib.sha256(body).hexdigest())
    else:
        answer = 'Hello World!'
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(answer))), ('X-Pid', str(os.getpid()))])
    return [answer.encode('ascii')]
`

export const DAEMON = `WSGIDaemonProcess hello processes=2 threads=4
WSGIScriptAlias / "\${ROOT}/apps/hello.wsgi" process-group=hello application-group=%{GLOBAL}
`
export const EMBEDDED = 'WSGIScriptAlias / "${ROOT}/apps/hello.wsgi" application-group=%{GLOBAL}\n'

export const isHello = ({ body }: Reply) =>
  body === 'Hello World!' ? undefined : `body ${JSON.stringify(body)}`

/** Uses the program as an administrator would, and waits until the server is back. */
export async function control(server: TestServer, word: 'graceful' | 'restart'): Promise<void> {
  const ready = () => server.errorLog().match(/resuming normal operations/g)?.length ?? 0
  const before = ready()
  const { code, stderr } = await runLauncher([...server.layout.arguments(), '-k', word])
  assert.equal(code, 0, stderr)
  await until(`the server to be back after -k ${word}`, () => ready() > before, BACK_MAX_MS)
}

export function assertNoFailures(failures: readonly string[], load: Load): void {
  const shown = [...new Set(failures)].slice(0, 10).join('\n')
  assert.equal(
    failures.length,
    0,
    `of ${load.requests} requests and ${load.uploads} uploads failed:\n${shown}`,
  )
}
