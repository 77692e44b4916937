/**
 * Nothing is lost while the server changes under load: graceful restarts, restarts, new code. What counts is what clients see: a request
 * that is refused, reset, cut or answered wrongly fails the test.
 */
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { skipWithout } from '../support/pythons.js'
import { runLauncher, type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { Load, type Reply } from './load.js'

const CLIENTS = 32
const UPLOADERS = 4
const RESTARTS = 10
/** Answers between two restarts, so that each happens under load. */
const BETWEEN = 200

const HELLO = `
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

const DAEMON = `WSGIDaemonProcess hello processes=2 threads=4
WSGIScriptAlias / "\${ROOT}/apps/hello.wsgi" process-group=hello application-group=%{GLOBAL}
`
const EMBEDDED = 'WSGIScriptAlias / "${ROOT}/apps/hello.wsgi" application-group=%{GLOBAL}\n'

const isHello = ({ body }: Reply) => (body === 'Hello World!' ? undefined : `body ${JSON.stringify(body)}`)

describe('under load', { skip: skipWithout('3') }, () => {
  for (const [mode, conf] of [
    ['daemon mode', DAEMON],
    ['embedded mode', EMBEDDED],
  ] as const)
    test(`ten graceful restarts lose no request in ${mode}`, async (t) => {
      await withServer({ conf, apps: { 'hello.wsgi': HELLO } }, async (server) => {
        const pids = new Set<number>()
        const load = new Load(server.port).upload('/upload', UPLOADERS).get('/', CLIENTS, (reply) => {
          if (reply.pid !== undefined) pids.add(reply.pid)
          return isHello(reply)
        })
        await load.more(BETWEEN)
        for (let restart = 1; restart <= RESTARTS; restart++) {
          await control(server, 'graceful')
          await load.more(BETWEEN)
        }
        assertNoFailures(await load.stop(), load)
        t.diagnostic(`${load.requests} requests, ${load.uploads} uploads, ${pids.size} processes answered`)
        // Settings of the group are the same as before: its processes are left alone.
        if (mode === 'daemon mode') assert.equal(pids.size, 2)
        else assert.ok(pids.size > RESTARTS)
      })
    })

  test('a restart goes on with the same sockets: no connection is refused', async () => {
    await withServer({ conf: DAEMON, apps: { 'hello.wsgi': HELLO } }, async (server) => {
      const load = new Load(server.port).get('/', CLIENTS, isHello)
      await load.more(BETWEEN)
      const before = server.processes()
      await control(server, 'restart')
      await until('the old processes to be gone', () =>
        before.every(({ pid }) => server.processes().every((now) => now.pid !== pid)),
      )
      await load.more(BETWEEN)
      await load.stop()
      assert.deepEqual(
        load.failures.filter((failure) => failure.includes('ECONNREFUSED')),
        [],
      )
      // A restart now is allowed to cut what is under way, which is one request of each client at most.
      assert.ok(load.failures.length <= CLIENTS, load.failures.join('\n'))
      assert.equal((await server.get('/')).text, 'Hello World!')
    })
  })

  test('new code takes over without a lost request and without a step back', async () => {
    const conf = `WSGIDaemonProcess single threads=4
WSGIScriptAlias / "\${ROOT}/apps/version.wsgi" process-group=single application-group=%{GLOBAL}
`
    await withServer({ conf, apps: { 'version.wsgi': version(1) } }, async (server) => {
      const replies: { readonly version: number; readonly from: number; readonly to: number }[] = []
      const load = new Load(server.port).get('/', CLIENTS, ({ body, from, to }) => {
        const found = /^version (\d+)$/.exec(body)
        if (found === null) return `body ${JSON.stringify(body)}`
        replies.push({ version: Number(found[1]), from, to })
        return undefined
      })
      await load.more(BETWEEN)
      for (let next = 2; next <= 4; next++) {
        const script = path.join(server.root, 'apps', 'version.wsgi')
        writeFileSync(`${script}.new`, version(next))
        renameSync(`${script}.new`, script)
        await until(`version ${next}`, () => replies.at(-1)?.version === next || load.failures.length > 0)
        await load.more(BETWEEN)
      }
      assertNoFailures(await load.stop(), load)
      assertNoStepBack(replies)
    })
  })
})

function version(number: number): string {
  return `
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'version ${number}']
`
}

/** Whoever asks after a new version has answered gets that version or a newer one. */
function assertNoStepBack(replies: readonly { version: number; from: number; to: number }[]): void {
  const firstAnswer = new Map<number, number>()
  for (const { version, to } of replies)
    firstAnswer.set(version, Math.min(to, firstAnswer.get(version) ?? Number.POSITIVE_INFINITY))
  const back = replies.filter((reply) =>
    [...firstAnswer].some(([version, first]) => version > reply.version && reply.from > first),
  )
  assert.deepEqual(back, [], 'old code answered after new code had')
}

/** Uses the program as an administrator would, and waits until the server is back. */
async function control(server: TestServer, word: 'graceful' | 'restart'): Promise<void> {
  const ready = () => server.errorLog().match(/resuming normal operations/g)?.length ?? 0
  const before = ready()
  const { code, stderr } = await runLauncher([...server.layout.arguments(), '-k', word])
  assert.equal(code, 0, stderr)
  await until(`the server to be back after -k ${word}`, () => ready() > before)
}

function assertNoFailures(failures: readonly string[], load: Load): void {
  const shown = [...new Set(failures)].slice(0, 10).join('\n')
  assert.equal(
    failures.length,
    0,
    `of ${load.requests} requests and ${load.uploads} uploads failed:\n${shown}`,
  )
}
