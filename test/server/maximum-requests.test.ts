/** `maximum-requests`: nobody waits for the next process of a group, and its processes do not leave together. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { runtimeMain } from '../../src/python/runtime-path.js'
import { eachMinorVersion, skipWithout } from '../support/pythons.js'
import { withConfiguration, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { pidOf, VERSIONS } from './daemon-support.js'

/** Is not loaded as long as a file `hold` lies beside it. */
const APP = `import os, time
hold = os.path.join(os.path.dirname(__file__), 'hold')
while os.path.exists(hold):
    time.sleep(0.01)

def application(environ, start_response):
    start_response('200 OK', [])
    return [str(os.getpid()).encode('ascii')]
`

const NEAR = /Maximum requests nearly reached, attempt a graceful shutdown 'a' \(maximum_requests_near\)\./

for (const version of VERSIONS)
  test(
    `Python ${version}: a process serves on until the one in its place has loaded the application`,
    {
      skip: skipWithout(version),
    },
    () =>
      withServer(
        {
          python: version,
          conf: `WSGIDaemonProcess a threads=2 maximum-requests=100
WSGIScriptAlias /a "\${ROOT}/apps/app.wsgi" process-group=a application-group=%{GLOBAL}`,
          apps: { 'app.wsgi': APP },
        },
        async (server) => {
          const first = await pidOf(server, 'a')
          const hold = path.join(server.root, 'apps', 'hold')
          writeFileSync(hold, '')
          let served = 1
          await until('the process to ask for another one', async () => {
            assert.equal(await pidOf(server, 'a'), first)
            return ++served >= 80 && NEAR.test(server.errorLog())
          })
          assert.ok(served < 99, `after ${served}`)
          assert.equal(await pidOf(server, 'a'), first, 'it serves on')
          rmSync(hold)
          await server.waitForLog(new RegExp(`pid=(?!${first}\\b)\\d+\\): Process 'a' is ready`))
          await server.waitForLog(new RegExp(`pid=${first}\\): Process 'a' has ended`))
          assert.notEqual(await pidOf(server, 'a'), first)
          assert.doesNotMatch(server.errorLog(), /Maximum requests reached/)
        },
      ),
  )

test(
  'a process leaves after its last request, whether the next one is ready or not',
  { skip: skipWithout('3') },
  () =>
    withServer(
      {
        conf: `WSGIDaemonProcess a threads=2 maximum-requests=20
WSGIScriptAlias /a "\${ROOT}/apps/app.wsgi" process-group=a application-group=%{GLOBAL}`,
        apps: { 'app.wsgi': APP },
      },
      async (server) => {
        const first = await pidOf(server, 'a')
        const hold = path.join(server.root, 'apps', 'hold')
        writeFileSync(hold, '')
        for (let served = 1; served < 20; served++) assert.equal(await pidOf(server, 'a'), first)
        const next = pidOf(server, 'a')
        await server.waitForLog(
          /Maximum requests reached, attempt a graceful shutdown 'a' \(maximum_requests\)\./,
        )
        rmSync(hold)
        assert.notEqual(await next, first)
        assert.match(server.errorLog(), NEAR)
      },
    ),
)

test('each process draws how many more requests it serves', () =>
  withServer(
    {
      conf: `WSGIDaemonProcess a threads=1 maximum-requests=2 maximum-requests-jitter=4
WSGIScriptAlias /a "\${ROOT}/apps/app.wsgi" process-group=a application-group=%{GLOBAL}`,
      apps: { 'app.wsgi': APP },
    },
    async (server) => {
      const served = new Map<number, number>()
      const lives = () => [...served.values()].slice(0, -1)
      await until('lives of different lengths', async () => {
        const pid = await pidOf(server, 'a')
        served.set(pid, (served.get(pid) ?? 0) + 1)
        return new Set(lives()).size > 1
      })
      for (const count of lives()) assert.ok(count >= 2 && count <= 6, `${lives()}`)
    },
  ))

test('jitter without maximum-requests is told to have no effect', () =>
  withConfiguration(
    { conf: 'WSGIDaemonProcess a maximum-requests-jitter=10', python: 'none' },
    ['-t'],
    ({ stderr }) => assert.match(stderr, /maximum-requests-jitter has no effect without maximum-requests\./),
  ))

const DRAWN = `
import sys
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd.limits import drawn_maximum as drawn
assert drawn(0, 100) == 0
assert drawn(7, 0) == 7
assert set(drawn(7, 3) for _ in range(1000)) == set([7, 8, 9, 10])
assert drawn(1, 999999999999999) >= 1
`

const POINTS = `
import sys
sys.path.insert(0, sys.argv[1])
from _wsgi_httpd.limits import replacement_point as point
for maximum in (1, 2, 9):
    assert point(maximum, 1234) == 0
for maximum in (10, 20, 100, 12345):
    for pid in range(1000, 1100):
        assert maximum * 80 // 100 <= point(maximum, pid) <= maximum * 95 // 100
for pid in range(1000, 1100):
    assert len(set(point(100, pid + other) for other in range(16))) == 16
`

for (const { executable, version } of eachMinorVersion())
  test(`each process asks for the next one at its own point: Python ${version}`, () => {
    for (const program of [POINTS, DRAWN])
      execFileSync(executable, ['-c', program, path.dirname(runtimeMain())])
  })
