/** What the module mod_wsgi tells applications about the server, about their process with all its interpreters, and about the way of a request. */
import assert from 'node:assert/strict'
import { utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { VERSIONS } from '../server/daemon-support.js'
import { findPython, skipWithout } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

/** Answers with metrics; `/wait` until a file is there. */
const APPLICATION = `
import json, os, sys, time
import mod_wsgi

facts = {}

def started(name, **event):
    if name == 'request_started':
        facts[event['request_id']] = [event['daemon_connects'], event['daemon_restarts']]

mod_wsgi.subscribe_events(started)

def application(environ, start_response):
    what = environ['PATH_INFO']
    body = None
    if what == '/wait':
        sys.stderr.write('waits\\n')
        sys.stderr.flush()
        while not os.path.exists(environ['QUERY_STRING']):
            time.sleep(0.01)
        body = facts[environ['mod_wsgi.request_id']]
    elif what == '/server':
        body = mod_wsgi.server_metrics()
    elif what == '/record':
        mod_wsgi.start_recording_metrics()
    elif what == '/request':
        body = mod_wsgi.request_metrics()
    elif what == '/process':
        body = mod_wsgi.process_metrics()
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(body).encode('ascii')]
`

interface Worker {
  readonly thread_num: number
  readonly status: string
  readonly access_count: number
  readonly request: string
  readonly client: string
  readonly vhost: string
  readonly start_time: number
}

interface ServerMetrics {
  readonly server_limit: number
  readonly thread_limit: number
  readonly running_generation: number
  readonly current_time: number
  readonly restart_time: number
  readonly running_time: number
  readonly processes: readonly {
    readonly process_num: number
    readonly pid: number
    readonly quiescing: boolean
    readonly workers: readonly Worker[]
  }[]
}

async function json<T>(server: TestServer, place: string): Promise<T> {
  const answer = await server.get(place)
  assert.equal(answer.status, 200, server.errorLog())
  return JSON.parse(answer.text)
}

const requestsIn = ({ processes }: ServerMetrics) =>
  processes.flatMap(({ workers }) => workers).filter(({ status }) => status === 'W')

for (const version of VERSIONS) {
  const embeds = findPython(version)?.sharedLibrary !== undefined
  const embedded = embeds
    ? `WSGIServerMetrics On
WSGIScriptAlias /embedded "\${ROOT}/apps/app.wsgi" application-group=%{GLOBAL}`
    : ''

  test(`server_metrics() tells those who may know what the server is doing, Python ${version}`, () =>
    withServer(
      {
        python: version,
        apps: { 'app.wsgi': APPLICATION },
        conf: `StartServers 2
MaxRequestWorkers 20
WSGIDaemonProcess open server-metrics=On threads=3
WSGIDaemonProcess closed
WSGIScriptAlias /open "\${ROOT}/apps/app.wsgi" process-group=open application-group=%{GLOBAL}
WSGIScriptAlias /closed "\${ROOT}/apps/app.wsgi" process-group=closed application-group=%{GLOBAL}
${embedded}`,
      },
      async (server) => {
        const gate = path.join(server.root, 'gate')
        const waiting = server.get(`/closed/wait?${gate}`)
        const found = await until('the request to be seen', async () => {
          const metrics = await json<ServerMetrics>(server, '/open/server')
          return requestsIn(metrics).some(({ request }) => request.includes('/closed/wait'))
            ? metrics
            : undefined
        })
        assert.equal(await json(server, '/closed/server'), null)
        const running = requestsIn(found)
        assert.equal(running.length, 2)
        assert.ok(running.some(({ request }) => request === 'GET /open/server HTTP/1.1'))
        for (const { client, vhost, start_time } of running) {
          assert.deepEqual([client, vhost], ['127.0.0.1', `localhost:${server.port}`])
          assert.ok(start_time <= found.current_time && start_time >= found.restart_time)
        }
        assert.deepEqual([found.server_limit, found.thread_limit, found.running_generation], [2, 10, 1])
        assert.deepEqual(
          found.processes.map(({ process_num, quiescing, workers }) => [
            process_num,
            quiescing,
            workers.length,
          ]),
          [
            [0, false, 10],
            [1, false, 10],
          ],
        )
        const workers = server.processes().filter(({ command }) => command.includes('worker-main'))
        assert.deepEqual(found.processes.map(({ pid }) => pid).sort(), workers.map(({ pid }) => pid).sort())
        const counted = (metrics: ServerMetrics) =>
          metrics.processes.flatMap((one) => one.workers).reduce((sum, one) => sum + one.access_count, 0)
        assert.ok(counted(await json(server, '/open/server')) > counted(found))
        if (embeds) {
          const seen = await json<ServerMetrics>(server, '/embedded/server')
          assert.ok(requestsIn(seen).some(({ request }) => request === 'GET /embedded/server HTTP/1.1'))
        }
        writeFileSync(gate, '')
        await waiting
      },
    ))
}

test('metrics are those of the process, with all its application groups', { skip: skipWithout('3.8') }, () =>
  withServer(
    {
      apps: { 'app.wsgi': APPLICATION },
      conf: `WSGIDaemonProcess app threads=4
${['one', 'two', 'three'].map((name) => `WSGIScriptAlias /${name} "\${ROOT}/apps/app.wsgi" process-group=app application-group=${name}`).join('\n')}
WSGIScriptAlias /main "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}`,
    },
    async (server) => {
      await json(server, '/one/')
      await json(server, '/two/record')
      // an interpreter that is made when recording is on
      for (const place of ['/one/', '/two/', '/three/', '/main/', '/main/']) await json(server, place)
      interface Window {
        readonly request_count: number
        readonly request_time_buckets: readonly number[]
        readonly status_2xx: number
        readonly request_threads_active: number
      }
      const window = await until('the last request to be counted', async () => {
        const all = await json<{ request_count: number }>(server, '/one/process')
        return all.request_count >= 6 ? json<Window>(server, '/three/request') : undefined
      })
      assert.ok(window.request_count >= 6)
      assert.equal(
        window.request_time_buckets.reduce((sum, count) => sum + count, 0),
        window.request_count,
      )
      assert.equal(window.status_2xx, window.request_count)
      const next = await json<Window>(server, '/main/request')
      assert.ok(next.request_count < window.request_count, 'the window is one for all')
      const total = await json<{ request_count: number; threads: { request_count: number }[] }>(
        server,
        '/two/process',
      )
      assert.ok(total.request_count >= window.request_count + next.request_count)
      assert.equal(
        total.threads.reduce((sum, { request_count }) => sum + request_count, 0),
        total.request_count,
      )
    },
  ),
)

test('a request knows how many processes it was given to', { skip: skipWithout('3') }, () =>
  withServer(
    {
      apps: { 'app.wsgi': APPLICATION, 'look.wsgi': APPLICATION },
      conf: `StartServers 1
WSGIDaemonProcess app threads=1
WSGIDaemonProcess look server-metrics=On
WSGIScriptAlias /app "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}
WSGIScriptAlias /look "\${ROOT}/apps/look.wsgi" process-group=look application-group=%{GLOBAL}`,
    },
    async (server) => {
      const gate = path.join(server.root, 'gate')
      const first = json(server, `/app/wait?${gate}`)
      // requests that a process reads together share one look at the script
      await server.waitForLog(/waits/)
      const second = json(server, `/app/wait?${gate}`)
      await until('both to be in progress', async () => {
        const running = requestsIn(await json<ServerMetrics>(server, '/look/server'))
        return running.filter(({ request }) => request.includes('/app/wait')).length === 2
      })
      // the second one waits in the process, which will not run it
      utimesSync(path.join(server.root, 'apps/app.wsgi'), new Date(), new Date(Date.now() + 60_000))
      writeFileSync(gate, '')
      assert.deepEqual(await first, [1, 0])
      assert.deepEqual(await second, [2, 1])
    },
  ),
)
