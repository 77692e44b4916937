/** The status page of a real server with several workers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const SLOW = `
import os, time
def application(environ, start_response):
    while not os.path.exists(environ['QUERY_STRING']):
        time.sleep(0.02)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'done']
`

/** The lines of the `?auto` form by name. */
function facts(text: string): Map<string, string> {
  return new Map(
    text
      .split('\n')
      .filter((line) => line.includes(': '))
      .map((line) => line.split(/: (.*)/s) as [string, string]),
  )
}

test('the status page tells of all workers and of what they are doing', async () => {
  const conf = `
ServerLimit 2
StartServers 2
ThreadsPerChild 10
MaxRequestWorkers 20
WSGIDaemonProcess slow processes=1 threads=2
WSGIScriptAlias /slow "\${ROOT}/apps/slow.wsgi" process-group=slow application-group=%{GLOBAL}
<Location /server-status>
    SetHandler server-status
</Location>
`
  await withServer({ conf, apps: { 'slow.wsgi': SLOW } }, async (server) => {
    const auto = async () => {
      const answer = await server.get('/server-status?auto')
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['content-type'], 'text/plain; charset=ISO-8859-1')
      return facts(answer.text)
    }
    // The first workers serve while the daemon processes still start.
    await until('the daemon process to be shown', async () => (await auto()).get('DaemonProcesses') === '1')
    const first = await auto()
    assert.equal(first.get('Processes'), '2')
    assert.equal(first.get('BusyWorkers'), '1')
    assert.equal(first.get('IdleWorkers'), '19')
    assert.equal(first.get('Scoreboard')?.length, 20)
    assert.equal(first.get('DaemonProcesses[slow]'), '1')
    const before = Number(first.get('Total Accesses'))
    for (let at = 0; at < 5; at++) await server.get('/missing')
    assert.equal(Number((await auto()).get('Total Accesses')), before + 6)

    const go = `${server.root}/go`
    const slow = server.get(`/slow?${go}`)
    await until('the slow request to be seen', async () => (await auto()).get('BusyWorkers') === '2')
    const page = await server.get('/server-status?refresh=5')
    assert.equal(page.headers.refresh, '5')
    assert.match(page.text, new RegExp(`<td>GET /slow\\?${go} HTTP/1\\.1</td>`))
    server.write('go', '')
    assert.equal((await slow).text, 'done')

    const hostile = await server.raw(
      'GET /server-status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: <script>\r\n\r\n',
    )
    assert.doesNotMatch(hostile, /<script>/)
    const total = Number((await auto()).get('Total Accesses'))
    await server.reload()
    await until('the old workers to be gone', async () => (await auto()).get('Processes') === '2')
    assert.ok(Number((await auto()).get('Total Accesses')) >= total, 'totals outlive a restart')
  })
})
