/** `WSGITelemetryService`: the datagrams of real processes, as a receiver of its own reads them. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { VERSIONS } from '../server/daemon-support.js'
import { findPython, type Python, skipWithout } from '../support/pythons.js'
import { withConfiguration, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

/** Binds the socket, and prints each datagram as a line of JSON. Its knowledge of the form is its own. */
const RECEIVER = `
import json, os, socket, struct, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
print('bound', flush=True)
while True:
    data = sock.recv(65536)
    magic, version, kind, flags, pid, number, when = struct.unpack_from('<4sBBHIId', data)
    assert (magic, version, flags) == (b'WSGI', 1, 0)
    at, fields = 24, {}
    while at < len(data):
        field, form = struct.unpack_from('<HB', data, at)
        at += 3
        if form in (1, 2, 3):
            value, = struct.unpack_from('<' + ' Qdq'[form], data, at)
            at += 8
        else:
            size, = struct.unpack_from('<H', data, at)
            at += 2
            if form == 4:
                value = data[at:at + size].decode('latin-1')
                at += size
            else:
                code, width = {5: ('i', 4), 6: ('d', 8)}[form]
                value = list(struct.unpack_from('<%d%s' % (size, code), data, at))
                at += size * width
        fields[field] = value
    print(json.dumps({'kind': kind, 'pid': pid, 'number': number, 'when': when, 'fields': fields}), flush=True)
`

const APPLICATION = `
import gc, os, time
import mod_wsgi
mod_wsgi.start_recording_metrics()

def application(environ, start_response):
    if environ['PATH_INFO'] == '/slow':
        while not os.path.exists(environ['QUERY_STRING']):
            time.sleep(0.01)
    start_response('404 Not Found' if environ['PATH_INFO'] == '/missing' else '200 OK', [])
    gc.collect()
    return [repr((mod_wsgi.request_metrics(), mod_wsgi.process_metrics())).encode('ascii')]
`

interface Datagram {
  readonly kind: number
  readonly pid: number
  readonly number: number
  readonly fields: Readonly<Record<string, number | string | number[]>>
}

async function withReceiver(
  socketPath: string,
  use: (received: () => readonly Datagram[]) => Promise<void>,
): Promise<void> {
  const python = findPython('3') as Python
  const child = spawn(python.executable, ['-c', RECEIVER, socketPath], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part) => (text += part))
  try {
    await until('the receiver', () => text.includes('bound'))
    await use(() =>
      text
        .split('\n')
        .slice(1, -1)
        .map((line) => JSON.parse(line)),
    )
  } finally {
    child.kill()
  }
}

for (const version of VERSIONS) {
  const embeds = findPython(version)?.sharedLibrary !== undefined
  const groups = version === '2.7' ? ['%{GLOBAL}', '%{GLOBAL}'] : ['%{GLOBAL}', 'other']
  test(`every process sends what it has counted, Python ${version}`, { skip: skipWithout('3') }, () =>
    withServer(
      {
        python: version,
        apps: { 'app.wsgi': APPLICATION },
        conf: `StartServers 1
WSGITelemetryService "unix:\${ROOT}/apps/socket" interval=0.5
WSGISlowRequests 0.2
WSGITelemetryOptions +CaptureUserAgent
WSGIDaemonProcess app threads=3
${groups.map((group, at) => `WSGIScriptAlias /app${at} "\${ROOT}/apps/app.wsgi" process-group=app application-group=${group}`).join('\n')}
${embeds ? 'WSGIScriptAlias /embedded "${ROOT}/apps/app.wsgi" application-group=%{GLOBAL}' : ''}`,
      },
      async (server) =>
        withReceiver(path.join(server.root, 'apps/socket'), async (received) => {
          const gate = path.join(server.root, 'gate')
          const slow = server.get(`/app1/slow?${gate}`, { headers: { 'User-Agent': 'slow/1.0' } })
          // where the test fails before that, the server cuts it
          slow.catch(() => {})
          for (const place of ['/app0/', '/app0/missing', '/app1/'])
            assert.equal((await server.get(place)).text, '(None, None)', 'the service is the only reader')
          if (embeds) await server.get('/embedded/')
          const of = (kind: number, group: string | undefined) =>
            received().filter(({ kind: one, fields }) => one === kind && fields[6] === group)
          const sum = (field: number, group?: string) =>
            of(2, group).reduce((total, { fields }) => total + (fields[field] as number), 0)
          await until('the requests to be counted', () => sum(20, 'app') >= 3 && (!embeds || sum(20) >= 1))
          assert.ok(sum(121, 'app') >= 2)
          assert.equal(sum(123, 'app'), 1)
          const [sample] = of(2, 'app') as [Datagram]
          assert.deepEqual(
            [sample.fields[4], sample.fields[11], sample.fields[12], sample.fields[50]],
            ['wsgi-httpd', 0.5, 0.2, 3],
          )
          assert.match(sample.fields[2] as string, new RegExp(`^${version.replace('.', '\\.')}`))
          assert.deepEqual(
            [(sample.fields[94] as number[]).length, (sample.fields[110] as number[]).length],
            [65, 3],
          )
          assert.ok(sample.fields[40])

          for (const interpreter of groups[1] === 'other' ? [undefined, 'other'] : [undefined]) {
            const counters = await until('the counters of the collector', () =>
              received().find(
                ({ kind, pid, fields }) => kind === 8 && pid === sample.pid && fields[8] === interpreter,
              ),
            )
            assert.deepEqual([counters.fields[315], counters.fields[317]], [1, 0])
            assert.ok((counters.fields[303] as number) > 0)
            if (version === '2.7') continue
            const collection = await until('a full collection', async () => {
              // one that ends before the service has begun to look is not told
              await server.get(interpreter === undefined ? '/app0/' : '/app1/')
              return received().find(
                ({ kind, pid, fields }) =>
                  kind === 9 && pid === sample.pid && fields[8] === interpreter && fields[322] === 2,
              )
            })
            assert.ok((collection.fields[321] as number) >= 0)
            await until('it to be counted', () =>
              received().some(
                ({ kind, pid, fields }) =>
                  kind === 8 &&
                  pid === sample.pid &&
                  fields[8] === interpreter &&
                  (fields[308] as number) > 0,
              ),
            )
          }

          const records = (state: number) =>
            received().filter(({ kind, fields }) => kind === 4 && fields[200] === state)
          await until('the slow request', () => records(0).length > 0)
          writeFileSync(gate, '')
          await slow
          const ended = await until('its end', () => records(1)[0])
          assert.deepEqual(
            [210, 211, 213, 214, 216, 217, 240].map((field) => ended.fields[field]),
            ['GET', 'http', '/app1', '/slow', '127.0.0.1', 'slow/1.0', 200],
          )
          assert.ok((ended.fields[202] as number) >= 0.2)

          const pid = (of(2, 'app')[0] as Datagram).pid
          process.kill(pid, 'SIGTERM')
          const stopped = await until('the end of the process', () =>
            of(7, 'app').find((one) => one.pid === pid),
          )
          assert.deepEqual([stopped.fields[130], stopped.fields[135]], ['shutdown_signal', 1])
          assert.ok((stopped.fields[132] as number) >= 4)
          const kinds = received()
            .filter((one) => one.pid === pid && [5, 6, 7].includes(one.kind))
            .map(({ kind }) => kind)
          assert.deepEqual(kinds.slice(-2), [6, 7])
          const successor = await until('its replacement', () => of(5, 'app').find((one) => one.pid !== pid))
          assert.equal(successor.number, 1)
        }),
    ),
  )
}

const MISTAKES: readonly (readonly [string, RegExp])[] = [
  ['WSGITelemetryService udp:host:1', /target must begin with unix:\//],
  ['WSGITelemetryService unix:/s interval=0.1', /at least 0\.5 seconds/],
  ['WSGITelemetryService unix:/s every=1', /is not interval=seconds/],
  ['WSGISlowRequests -1', /must be non-negative/],
  ['WSGITelemetryOptions CaptureUserAgent -CaptureUserAgent', /either all options have/],
  ['WSGITelemetryOptions +', /sign without an option/],
  ['WSGITelemetryOptions +All', /takes no sign/],
  ['WSGITelemetryOptions Everything', /unknown option 'Everything'/],
]

for (const [line, message] of MISTAKES) {
  test(`refused: ${line}`, () =>
    withConfiguration({ conf: line, python: 'none' }, ['-t'], ({ code, stderr }) => {
      assert.equal(code, 1)
      assert.match(stderr, message)
    }))
}
