/** New code, new settings and restarts under load, and a restart with a faulty configuration. */
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { skipWithout } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { Load } from './load.js'
import { assertNoFailures, BETWEEN, CLIENTS, control, DAEMON, HELLO, isHello } from './under-load.js'

describe('under load', { skip: skipWithout('3') }, () => {
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

  test('a group whose settings change is replaced without a lost request', async () => {
    await withServer({ conf: DAEMON, apps: { 'hello.wsgi': HELLO } }, async (server) => {
      const pids = new Set<number | undefined>()
      const load = new Load(server.port).upload('/upload', 2).get('/', CLIENTS, (reply) => {
        pids.add(reply.pid)
        return isHello(reply)
      })
      await load.more(BETWEEN)
      for (const threads of [5, 6]) {
        server.write('httpd.conf', DAEMON.replace('threads=4', `threads=${threads}`))
        await control(server, 'graceful')
        await load.more(BETWEEN)
      }
      assertNoFailures(await load.stop(), load)
      assert.equal(pids.size, 6, 'two processes for each of three settings')
    })
  })

  test('a restart with a faulty configuration changes nothing', async () => {
    await withServer({ conf: DAEMON, apps: { 'hello.wsgi': HELLO } }, async (server) => {
      const load = new Load(server.port).get('/', CLIENTS, isHello)
      await load.more(BETWEEN)
      const before = pidsOf(server)
      server.write('httpd.conf', `${DAEMON}WSGIDaemonProcess broken threads=none\n`)
      server.signal('SIGUSR1')
      await server.waitForLog(/The restart is called off[^\n]*line 3 of/)
      server.signal('SIGHUP')
      await server.waitForLog(/The restart is called off[\s\S]*The restart is called off/)
      await load.more(BETWEEN)
      assertNoFailures(await load.stop(), load)
      assert.deepEqual(pidsOf(server), before)
    })
  })
})

function pidsOf(server: TestServer): number[] {
  return server.processes().map(({ pid }) => pid)
}

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
