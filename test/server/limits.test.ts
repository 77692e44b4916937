/** Limits of daemon processes and what happens at them, on the real server: queues, slow clients, idleness, ends of processes, scripts that change under load. */
import assert from 'node:assert/strict'
import { readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { findPython, skipWithout } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { VERSIONS } from './daemon-support.js'

const python = { skip: skipWithout('3') }

/** `/wait` until a file is there; `/large` is more than any buffer holds. */
const APPLICATION = `
import os, sys, time

def application(environ, start_response):
    if environ['PATH_INFO'] == '/wait':
        os.write(2, b'begun\\n')
        while not os.path.exists(environ['QUERY_STRING']):
            time.sleep(0.01)
    start_response('200 OK', [])
    if environ['PATH_INFO'] == '/large':
        return (b'x' * 1000000 for _ in range(1000))
    return [str(os.getpid()).encode('ascii')]
`

test('what exceeds threads and listen-backlog waits for connect-timeout, then gets 503', python, () =>
  withServer(
    {
      apps: { 'app.wsgi': APPLICATION },
      conf: `StartServers 1
WSGIDaemonProcess app threads=1 listen-backlog=1 connect-timeout=1
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}`,
    },
    async (server) => {
      const gate = path.join(server.root, 'gate')
      await server.waitForLog(/Process 'app' is ready/)
      // one runs, one waits in the process, one in the server worker
      const all = [1, 2, 3].map(() => server.get(`/wait?${gate}`))
      await server.waitForLog(
        /WSGI0116: No process of WSGI daemon process group 'app' became free within connect-timeout \(1 s\)/,
      )
      writeFileSync(gate, '')
      const statuses = (await Promise.all(all)).map(({ status }) => status)
      assert.deepEqual(statuses.sort(), [200, 200, 503])
    },
  ),
)

test('a request goes to a process that is idle, whichever worker keeps the others busy', python, () =>
  withServer(
    {
      apps: { 'app.wsgi': APPLICATION },
      conf: `ServerLimit 3
StartServers 3
WSGIDaemonProcess app processes=3 threads=1
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}`,
    },
    async (server) => {
      const gate = path.join(server.root, 'gate')
      const begun = () => server.errorLog().match(/begun/g)?.length ?? 0
      await until('three processes', () => server.errorLog().match(/Process 'app' is ready/g)?.length === 3)
      const busy = [1, 2].map(() => server.get(`/wait?${gate}`))
      await until('two that run', () => begun() === 2)
      // each with a connection of its own, so that all workers get some
      const pids = new Set<string>()
      for (let times = 0; times < 12; times++) pids.add((await server.get('/')).text)
      assert.equal(pids.size, 1)
      const last = server.get(`/wait?${gate}`)
      await until('three that run', () => begun() === 3)
      writeFileSync(gate, '')
      const all = await Promise.all([...busy, last])
      assert.equal(new Set(all.map(({ text }) => text)).size, 3)
    },
  ),
)

test('a request beside one that does not end gets 504 when queue-timeout is over', python, () =>
  withServer(
    {
      apps: { 'app.wsgi': APPLICATION },
      conf: `WSGIDaemonProcess app threads=1 queue-timeout=1
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}`,
    },
    async (server) => {
      const gate = path.join(server.root, 'gate')
      const busy = server.get(`/wait?${gate}`)
      await server.waitForLog(/begun/)
      assert.equal((await server.get('/')).status, 504)
      await server.waitForLog(/WSGI0080: Queue timeout expired for WSGI daemon process 'app'/)
      writeFileSync(gate, '')
      assert.equal((await busy).status, 200)
    },
  ),
)

test('a request that waits for a process is not under socket-timeout', python, () =>
  withServer(
    {
      apps: {
        'app.wsgi': `
import os, time

def application(environ, start_response):
    os.write(2, ('begun %s\\n' % environ['PATH_INFO']).encode('ascii'))
    start_response('200 OK', [])
    while not os.path.exists(environ['QUERY_STRING']):
        if environ['PATH_INFO'] == '/busy':
            yield b'.'
        time.sleep(0.01)
`,
      },
      conf: `StartServers 1
WSGIDaemonProcess app threads=1 listen-backlog=0 socket-timeout=1
WSGIDaemonProcess other threads=1 socket-timeout=1
WSGIScriptAlias /other "\${ROOT}/apps/app.wsgi" process-group=other application-group=%{GLOBAL}
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}`,
    },
    async (server) => {
      const gate = path.join(server.root, 'gate')
      const busy = server.get(`/busy?${gate}`)
      await server.waitForLog(/begun \/busy/)
      const waiting = server.get(`/waits?${gate}`)
      // one that came later and that a process has: time is up for both
      assert.equal((await server.get(`/other/silent?${gate}`)).status, 504)
      writeFileSync(gate, '')
      assert.deepEqual([(await busy).status, (await waiting).status], [200, 200])
      assert.doesNotMatch(server.errorLog(), /WSGI0118: .* daemon process 'app'/)
    },
  ),
)

for (const [where, path, fields] of [
  ['', '/app/large', ''],
  [' behind a proxy', '/app/large', 'X-Forwarded-For: 198.51.100.7\r\n'],
  [' after an internal redirect', '/front', ''],
] as const)
  test(`response-socket-timeout cuts a response that the client does not take${where}`, python, () =>
    withServer(
      {
        apps: { 'app.wsgi': APPLICATION },
        conf: `WSGIDaemonProcess app threads=1 response-socket-timeout=1
WSGIScriptAlias /app "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}
RemoteIPHeader X-Forwarded-For
<Directory "\${ROOT}/htdocs">
    RewriteEngine On
    RewriteRule ^front$ /app/large
</Directory>`,
      },
      async (server) => {
        const socket = connect(server.port, '127.0.0.1')
        socket.on('error', () => {})
        socket.pause()
        socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`)
        await server.waitForLog(
          /WSGI0120: Timeout when writing response to client: nothing was taken within 1 s/,
        )
        // its thread, the only one, is free again
        assert.equal((await server.get('/app')).status, 200)
        socket.destroy()
      },
    ),
  )

test('WSGIIgnoreActivity: requests that do not count as activity', python, () =>
  withServer(
    {
      apps: { 'app.wsgi': APPLICATION },
      conf: `WSGIDaemonProcess app inactivity-timeout=1
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}
<Location /ping>
    WSGIIgnoreActivity On
</Location>`,
    },
    async (server) => {
      const { text } = await server.get('/')
      await until('the process to be replaced in spite of all pings', async () => {
        assert.equal((await server.get('/ping')).status, 200)
        return (
          server.errorLog().includes(`(pid=${text}): Daemon process inactivity timer expired`) ||
          /inactivity_timeout/.test(server.errorLog())
        )
      })
    },
  ),
)

test(
  'the process that others are forked from is killed: all are started again',
  {
    skip: python.skip || (process.platform !== 'linux' && 'Linux only'),
  },
  () =>
    withServer(
      {
        apps: { 'app.wsgi': APPLICATION },
        conf: `WSGILazyInitialization Off
WSGIDaemonProcess app processes=2
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}`,
      },
      async (server) => {
        const first = Number((await server.get('/')).text)
        const origin = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${first}/status`, 'latin1'))?.[1])
        assert.notEqual(origin, server.pid)
        process.kill(origin, 'SIGKILL')
        const next = await until('an answer of another process', async () => {
          const { status, text } = await server.get('/')
          return status === 200 && Number(text) !== first ? Number(text) : undefined
        })
        assert.doesNotMatch(
          readFileSync(`/proc/${next}/status`, 'latin1'),
          new RegExp(`^PPid:\\s+${origin}$`, 'm'),
        )
      },
    ),
)

/** Says in which order things end. */
const ENDING = `
import atexit, os, threading, time
import mod_wsgi

def say(what):
    os.write(2, ('order: %s\\n' % what).encode('ascii'))

stopping = threading.Event()

@mod_wsgi.subscribe_shutdown
def ending(name, **event):
    say('event %s' % event['shutdown_reason'])
    stopping.set()

def work():
    stopping.wait()
    time.sleep(0.2)
    say('thread')

threading.Thread(target=work).start()
atexit.register(say, 'atexit')

def application(environ, start_response):
    if environ['PATH_INFO'] == '/wait':
        say('request begins')
        stopping.wait()
        time.sleep(0.1)
        say('request ends')
    start_response('200 OK', [])
    return [str(os.getpid()).encode('ascii')]
`

for (const version of VERSIONS) {
  test(`the end of a process: event, requests, threads, atexit functions; Python ${version}`, () =>
    withServer(
      {
        python: version,
        apps: { 'app.wsgi': ENDING },
        conf: `WSGIDaemonProcess app threads=2
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}`,
      },
      async (server) => {
        const pid = Number((await server.get('/')).text)
        const waiting = server.get('/wait')
        await server.waitForLog(/order: request begins/)
        process.kill(pid, 'SIGTERM')
        assert.equal((await waiting).text, String(pid))
        await server.waitForLog(new RegExp(`\\(pid=${pid}\\): Process 'app' has ended`))
        assert.deepEqual(
          [...server.errorLog().matchAll(/^order: (.*)$/gm)].map(([, what]) => what),
          ['request begins', 'event shutdown_signal', 'request ends', 'thread', 'atexit'],
        )
      },
    ))
}

const COUNTING = `VERSION = 0

def application(environ, start_response):
    start_response('200 OK', [])
    return [str(VERSION).encode('ascii')]
`
const VERSIONS_WRITTEN = 5

for (const version of VERSIONS) {
  for (const mode of ['daemon', 'embedded'] as const) {
    if (mode === 'embedded' && version === '2.7') continue
    const skip =
      mode === 'embedded' && findPython(version)?.sharedLibrary === undefined && 'cannot be embedded'
    test(
      `scripts that change under load, ${mode} mode, Python ${version}: no failure, and no old code after new`,
      { skip },
      () =>
        withServer(
          {
            python: version,
            args: ['-X'],
            apps: { 'app.wsgi': COUNTING },
            conf:
              mode === 'daemon'
                ? `WSGIDaemonProcess app threads=3
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}`
                : 'WSGIScriptAlias / "${ROOT}/apps/app.wsgi" application-group=%{GLOBAL}',
          },
          (server) => changesUnderLoad(server),
        ),
    )
  }
}

async function changesUnderLoad(server: TestServer): Promise<void> {
  const file = path.join(server.root, 'apps/app.wsgi')
  let newest = 0
  let going = true
  const client = async () => {
    while (going) {
      // whatever had been answered before this request began, it must not see older code
      const seen = newest
      const { status, text } = await server.get('/')
      assert.equal(status, 200, server.errorLog())
      assert.ok(Number(text) >= seen, `version ${text} after ${seen}`)
      newest = Math.max(newest, Number(text))
    }
  }
  const clients = Promise.all([1, 2, 3, 4].map(client))
  try {
    for (let version = 1; version <= VERSIONS_WRITTEN; version++) {
      // as whole as any deployment does it
      writeFileSync(`${file}.new`, COUNTING.replace('VERSION = 0', `VERSION = ${version}`))
      utimesSync(`${file}.new`, new Date(), new Date(Date.now() + version * 60_000))
      renameSync(`${file}.new`, file)
      await Promise.race([until(`version ${version}`, () => newest === version), clients])
    }
  } finally {
    going = false
  }
  await clients
}

test(
  'application groups of hook scripts that requests name are counted',
  {
    skip: findPython('3')?.sharedLibrary === undefined && 'no Python can be embedded',
  },
  () =>
    withServer(
      {
        args: ['-X'],
        apps: { 'access.py': 'def allow_access(environ, host):\n    return True\n' },
        files: { 'htdocs/index.html': 'page' },
        conf: `WSGIHttpdApplicationGroupLimit 2
<Location />
    WSGIAccessScript "\${ROOT}/apps/access.py" application-group=%{HOST}
</Location>`,
      },
      async (server) => {
        const statusOf = async (host: string) =>
          (await server.get('/index.html', { headers: { Host: host } })).status
        assert.deepEqual([await statusOf('a.test'), await statusOf('b.test')], [200, 200])
        assert.equal(await statusOf('c.test'), 403, 'no answer is no')
        assert.equal(await statusOf('a.test'), 200)
        await server.waitForLog(/Cannot acquire interpreter 'c\.test:\d+': .*WSGIHttpdApplicationGroupLimit/)
      },
    ),
)
