/** What `server-metrics` tells of a real server while it works, while processes die and while it restarts. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../support/certificates.js'
import { findPython, skipWithout } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { virtualEnvironment } from '../support/venv.js'
import { until } from '../support/wait.js'

/** Waits for the file that the query names. */
const SLOW = `
import os, time
def application(environ, start_response):
    while environ['QUERY_STRING'] and not os.path.exists(environ['QUERY_STRING']):
        time.sleep(0.02)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(os.getpid()).encode('ascii')]
`

const CONF = `
ServerLimit 2
StartServers 2
ThreadsPerChild 1
MaxRequestWorkers 20
WSGIDaemonProcess app threads=1
WSGIDaemonProcess "o\\"dd\\\\" threads=1
WSGIDaemonProcess "größer" threads=1
WSGIScriptAlias /app "\${ROOT}/apps/slow.wsgi" process-group=app application-group=%{GLOBAL}
<Location "/-/metrics">
    SetHandler server-metrics
</Location>
<Location "/-/ready">
    SetHandler server-ready
</Location>
`

/** The lines of the page, by everything before the value. */
async function metricsOf(server: TestServer): Promise<(line: string) => number> {
  const answer = await server.get('/-/metrics')
  assert.equal(answer.status, 200)
  const values = new Map(
    answer.text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
  return (line) => values.get(`wsgi_httpd_${line}`) ?? assert.fail(`no ${line} in\n${answer.text}`)
}

/** Once every group is ready. */
async function untilReady(server: TestServer): Promise<void> {
  await until('all groups to be ready', async () => (await server.get('/-/ready')).status === 200)
}

test('metrics tell what process groups are doing', async () => {
  await withServer({ conf: CONF, apps: { 'slow.wsgi': SLOW } }, async (server) => {
    await untilReady(server)
    const first = await metricsOf(server)
    assert.equal(first('group_ready{group="app"}'), 1)
    assert.equal(first('group_processes{group="größer",state="ready"}'), 1)
    assert.equal(first('group_threads{group="app",state="idle"}'), 1)
    assert.equal(first('group_process_starts_total{group="app"}'), 1)
    assert.equal(first('workers{state="serving"}'), 2)
    assert.equal(first('requests_limit'), 20)
    assert.ok(first('group_resident_memory_bytes{group="app"}') > 1e6)
    assert.ok(first('workers_resident_memory_bytes') > first('workers_resident_memory_largest_bytes'))

    const missing = first('requests_total{code="4xx"}')
    for (let count = 0; count < 3; count++) await server.get('/missing')
    assert.equal((await metricsOf(server))('requests_total{code="4xx"}'), missing + 3)

    const slow = [1, 2, 3].map(() => server.get(`/app?${server.root}/go`))
    await until('one at work, two waiting', async () => {
      const now = await metricsOf(server)
      return (
        now('group_threads{group="app",state="busy"}') === 1 && now('group_queue_length{group="app"}') === 2
      )
    })
    server.write('go', '')
    await Promise.all(slow)
    const after = await metricsOf(server)
    assert.equal(after('group_queue_length{group="app"}'), 0)
    assert.equal(after('group_request_duration_seconds_count{group="app"}'), 3)
    assert.equal(after('group_request_duration_seconds_bucket{group="app",le="+Inf"}'), 3)
    assert.ok(after('group_request_duration_seconds_sum{group="app"}') > 0)
    assert.equal(after('group_request_duration_seconds_count{group="%{GLOBAL}"}'), 0)
  })
})

test('counters outlive processes of either kind, and restarts', async () => {
  await withServer({ conf: CONF, apps: { 'slow.wsgi': SLOW } }, async (server) => {
    await untilReady(server)
    process.kill(Number((await server.get('/app')).text), 'SIGKILL')
    await until('the death to be counted', async () => {
      const now = await metricsOf(server)
      return (
        now('group_process_ends_total{group="app",reason="died"}') === 1 &&
        now('group_process_starts_total{group="app"}') === 2
      )
    })
    await untilReady(server)

    const counted = await metricsOf(server)
    const total = counted('requests_total{code="2xx"}')
    const [worker] = server.processes().filter(({ command }) => command.includes('worker-main'))
    process.kill(worker?.pid as number, 'SIGKILL')
    await until('its successor', async () => {
      // the worker that is killed may be the one that is asked
      const now = await metricsOf(server).catch(() => undefined)
      if (now === undefined) return false
      assert.ok(now('requests_total{code="2xx"}') >= total)
      return now('worker_ends_total{reason="died"}') === 1 && now('workers{state="serving"}') === 2
    })

    server.write('httpd.conf', CONF.replace('app threads=1', 'app threads=2'))
    const before = await metricsOf(server)
    await server.reload()
    await until('the old workers to be gone', async () => {
      const now = await metricsOf(server)
      assert.ok(now('requests_total{code="2xx"}') > before('requests_total{code="2xx"}'))
      return now('workers{state="draining"}') === 0
    })
    await server.waitForLog(/\(group_changed\)[^]*Process 'app' has ended/)
    const after = await metricsOf(server)
    assert.equal(after('generation'), 2)
    assert.equal(after('worker_ends_total{reason="told"}'), 2)
    assert.equal(after('group_process_ends_total{group="app",reason="died"}'), 1)
    assert.equal(after('group_process_ends_total{group="app",reason="group_changed"}'), 1)
    assert.equal(after('group_process_starts_total{group="app"}'), 3)
    assert.equal(after('group_request_duration_seconds_count{group="app"}'), 1)
  })
})

test('metrics tell when certificates expire', { skip: skipWithoutOpenssl }, async () => {
  const conf = `${CONF}
<VirtualHost *:\${PORT2}>
    ServerName one.example:443
    SSLEngine on
    SSLCertificateFile one.example.crt
    SSLCertificateKeyFile one.example.key
</VirtualHost>
Listen 127.0.0.1:\${PORT2}
`
  const prepare = ({ root }: { root: string }) => {
    makeAuthority(root)
    makeCertificate(root, 'one.example')
  }
  await withServer({ conf, prepare, apps: { 'slow.wsgi': SLOW } }, async (server) => {
    const expires = (await metricsOf(server))(
      'certificate_expires_time_seconds{server="one.example:443",key="ec"}',
    )
    const days = (expires - Date.now() / 1000) / 86_400
    assert.ok(days > 19 && days <= 20, `${days} days`)
  })
})

/** Reads a page with the parser of Prometheus's own client, and holds it against what the format asks for beside its grammar. */
const JUDGE = `
import io, sys
from prometheus_client.parser import text_fd_to_metric_families
seen = {}
for family in text_fd_to_metric_families(io.open(sys.argv[1], encoding='utf-8')):
    assert family.documentation, family.name
    assert family.type in ('counter', 'gauge', 'histogram'), (family.name, family.type)
    assert family.samples, family.name
    for sample in family.samples:
        key = (sample.name, tuple(sorted(sample.labels.items())))
        assert key not in seen, key
        seen[key] = sample.value
for (name, labels), value in seen.items():
    if ('le', '+Inf') in labels:
        rest = tuple(pair for pair in labels if pair[0] != 'le')
        assert seen[name[:-len('_bucket')] + '_count', rest] == value, name
print('\\n'.join(sorted(set(dict(labels).get('group', '-') for _, labels in seen))))
`

/** Where Prometheus's own tool is installed: it knows the customs besides. */
function judgeWithPromtool(page: string): void {
  const { error, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: readFileSync(page),
    encoding: 'utf8',
  })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return
  assert.equal(stdout + stderr, '')
}

test('the parser of Prometheus’s client for Python takes the page', {
  skip: skipWithout('3'),
}, async (t) => {
  const venv = await virtualEnvironment(findPython('3')?.version ?? '3', ['prometheus_client'])
  if ('skip' in venv) return t.skip(venv.skip)
  await withServer({ conf: CONF, apps: { 'slow.wsgi': SLOW } }, async (server) => {
    await untilReady(server)
    await server.get('/app')
    const page = path.join(server.root, 'page')
    writeFileSync(page, (await server.get('/-/metrics')).bytes)
    judgeWithPromtool(page)
    const python = path.join(venv.home, 'bin', 'python')
    const groups = execFileSync(python, ['-X', 'utf8', '-c', JUDGE, page], { encoding: 'utf8' })
    assert.deepEqual(groups.trim().split('\n'), ['%{GLOBAL}', '-', 'app', 'größer', 'o"dd\\'].sort())
  })
})
