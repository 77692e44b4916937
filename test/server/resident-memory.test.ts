/** `resident-memory-limit`: processes that have outgrown it are replaced, one of a group at a time, and not again and again. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { runtimeMain } from '../../src/python/runtime-path.js'
import { eachMinorVersion, skipWithout } from '../support/pythons.js'
import { type TestServer, withConfiguration, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { pidOf, said, VERSIONS } from './daemon-support.js'

/** `/grow` keeps 200 MB and stays until a file `go` lies beside it. */
const APP = `
import os, sys, time, mod_wsgi
go = os.path.join(os.path.dirname(__file__), 'go')
kept = []

@mod_wsgi.subscribe_shutdown
def goodbye(name, **event):
    sys.stderr.write('pid %d: %s\\n' % (os.getpid(), event['shutdown_reason']))
    sys.stderr.flush()

def application(environ, start_response):
    if environ['PATH_INFO'] == '/grow':
        kept.append(b'x' * 200000000)
        sys.stderr.write('%d has grown\\n' % os.getpid())
        sys.stderr.flush()
        while not os.path.exists(go):
            time.sleep(0.01)
    start_response('200 OK', [])
    return [str(os.getpid()).encode('ascii')]
`

const OPTIONS = {
  a: 'processes=2 threads=1 resident-memory-limit=150000000 graceful-timeout=100',
  low: 'threads=1 resident-memory-limit=1',
  other: 'threads=1 resident-memory-limit=1',
  free: 'threads=1',
}
const CONF = Object.entries(OPTIONS)
  .map(
    ([name, words]) => `WSGIDaemonProcess ${name} ${words}
WSGIScriptAlias /${name} "\${ROOT}/apps/app.wsgi" process-group=${name} application-group=%{GLOBAL}`,
  )
  .join('\n')

const exceeded = (group: string, pid: number | string = '\\d+') =>
  new RegExp(
    `\\[(.*)\\] \\[wsgi:warn\\].*pid=(${pid})\\): Resident memory limit exceeded, process '${group}' is replaced: \\d+ bytes, more than resident-memory-limit=\\d+ \\(resident_memory_limit\\)\\.`,
  )
const tooLow = (group: string) =>
  new RegExp(
    `\\[(.*)\\] \\[wsgi:warn\\].*pid=(\\d+)\\): Process '${group}' has \\d+ bytes, more than resident-memory-limit=1, \\d+ s after it was ready; so had the one before it\\. It is replaced in 5 s`,
  )

const system = { skip: !existsSync('/proc/self/statm') && 'the system does not tell' }

for (const version of VERSIONS)
  test(`Python ${version}: resident memory`, { skip: system.skip || skipWithout(version) }, async (t) => {
    await withServer({ python: version, conf: CONF, apps: { 'app.wsgi': APP } }, async (server) => {
      await Promise.all([
        t.test('where a limit is too low, processes are not replaced again and again', () => stays(server)),
        t.test(
          'processes that have outgrown their limit are replaced one after the other, and finish their requests',
          () => takeTurns(server),
        ),
      ])
      assert.doesNotMatch(server.errorLog(), exceeded('free'))
    })
  })

/** The first one is replaced at once. The next one would be like it, and has to serve for some time. */
async function stays(server: TestServer): Promise<void> {
  const [, , first] = await server.waitForLog(exceeded('low'))
  const [, since, second] = await server.waitForLog(tooLow('low'))
  assert.notEqual(second, first)
  const [, until] = await server.waitForLog(exceeded('low', second))
  assert.ok(millisecondsOf(until) - millisecondsOf(since) >= 4900, `${since} ${until}`)
}

/** Of a time in the error log: `Mon Nov 23 23:46:29.851564 2026`. */
function millisecondsOf(time = ''): number {
  const [, day, clock, year] = /^\w+ (\w+ +\d+) (\S+)\d{3} (\d+)$/.exec(time) ?? []
  return Date.parse(`${day} ${year} ${clock}`)
}

async function takeTurns(server: TestServer): Promise<void> {
  const held = [server.get('/a/grow'), server.get('/a/grow')]
  await until('both to have grown', () => server.errorLog().match(/\d+ has grown/g)?.length === 2)
  const before = (await server.waitForLog(exceeded('a')))[2]
  await server.waitForLog(new RegExp(`pid ${before}: resident_memory_limit`))
  const log = server.errorLog()
  assert.ok(
    log.search(new RegExp(`pid=(?!${before}\\b)\\d+\\): Process 'a' is ready`)) <
      log.search(new RegExp(`pid ${before}: resident_memory_limit`)),
    'another one is ready before it leaves',
  )
  const after = await pidOf(server, 'a')
  await lookAgain(server)
  assert.equal(server.errorLog().match(new RegExp(exceeded('a'), 'g'))?.length, 1, 'the other one waits')
  writeFileSync(path.join(server.root, 'apps', 'go'), '')
  const served = await Promise.all(held)
  const pids = served.map(({ status, text }) => (status === 200 ? text : `status ${status}`))
  assert.equal(new Set(pids).size, 2)
  assert.ok(pids.includes(String(before)), `${before} of ${pids}`)
  for (const pid of pids)
    await said(server, Number(pid), "Process 'a' has ended: exit status 0 (resident_memory_limit).")
  assert.ok(!pids.includes(String(after)))
}

/** Waits until a process that is started now has said that it is over its limit: by then every older one has looked anew, too. */
async function lookAgain(server: TestServer): Promise<void> {
  await server.waitForLog(tooLow('other'))
  const pid = await pidOf(server, 'other')
  try {
    process.kill(pid, 'SIGUSR1')
  } catch {
    // its own limit was faster
  }
  const next = await until('another process', async () => {
    const found = await pidOf(server, 'other')
    return found !== pid && found
  })
  await server.waitForLog(new RegExp(`pid=${next}\\): .* more than resident-memory-limit`))
}

test(
  'processes that are forked from one that has loaded the application have the limit, too',
  {
    skip: system.skip || skipWithout('3'),
  },
  () =>
    withServer(
      {
        conf: `WSGILazyInitialization Off
WSGIDaemonProcess low threads=1 resident-memory-limit=1
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=low application-group=%{GLOBAL}`,
        apps: { 'app.wsgi': APP },
      },
      async (server) => {
        const [, , first] = await server.waitForLog(exceeded('low'))
        await server.waitForLog(new RegExp(`pid=${first}\\): Process 'low' has ended`))
        const [, , second] = await server.waitForLog(tooLow('low'))
        assert.notEqual(second, first)
      },
    ),
)

test('a service process has no such limit, and is told so', () =>
  withConfiguration(
    { conf: 'WSGIDaemonProcess service threads=0 resident-memory-limit=1000000', python: 'none' },
    ['-t'],
    (result) =>
      assert.match(result.stderr, /resident-memory-limit has no effect on a service process \(threads=0\)\./),
  ))

const WATCH = `
import sys
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd import system, watch
assert system.resident_bytes() > 1000000
assert system.memory_bytes()[0] > 1000000
assert watch.needed({'resident_memory_limit': 1}) and not watch.needed({'resident_memory_limit': 0})

class Lines(object):
    def __init__(self):
        self.lines = []
    def process_line(self, text, level):
        self.lines.append((text, level))

told = []
one = watch.Watch.__new__(watch.Watch)
one.resident, one.notify, one.streams = 10, told.append, Lines()
for found in (9, 10, 11, 12):
    watch.resident_bytes = lambda: found
    one.look_at_memory()
assert told == [{'type': 'resident_memory', 'bytes': 11}, {'type': 'resident_memory', 'bytes': 12}], told
watch.resident_bytes = lambda: None
one.look_at_memory()
assert one.resident is None
assert len(one.streams.lines) == 1 and one.streams.lines[0][1] == 'warn', one.streams.lines
`

for (const { executable, version } of eachMinorVersion())
  test(`memory is looked at, and what cannot be read is told: Python ${version}`, system, () => {
    execFileSync(executable, ['-c', WATCH, path.dirname(runtimeMain())])
  })
