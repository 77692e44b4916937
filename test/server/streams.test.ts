/** The streams that a server is started with, where they are pipes: as in containers and under service managers. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setWaiting } from '../../src/system/libc.js'
import { skipWithout } from '../support/pythons.js'
import { LAUNCHER, Layout, TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const onLinux = { skip: process.platform !== 'linux' && 'needs /proc' }
const pythonOnLinux = { skip: onLinux.skip || skipWithout('3') }

/** Of a request's header, so that few lines fill a pipe. */
const LONG = 'x'.repeat(8000)

test('nobody reads the standard streams: the server serves, restarts and stops', onLinux, () =>
  withServer(
    {
      conf: 'ServerLimit 2\nStartServers 2\nLogFormat "%{long}i" long\nCustomLog /dev/stdout long\nCustomLog /dev/stderr long',
      files: { 'htdocs/index.html': 'served' },
    },
    async (server) => {
      server.child.stdout?.pause()
      server.child.stderr?.pause()
      const fill = async () => {
        for (let at = 0; at < 60; at++)
          assert.equal((await server.get('/', { headers: { long: LONG } })).status, 200)
      }
      await fill()
      // Each worker that ends sets the streams to wait, for all that have them.
      for (let times = 0; times < 2; times++) {
        await server.reload()
        await until('two workers', () => server.processes().length === 2)
        await fill()
      }
      server.signal('SIGTERM')
      await until('its end', () => server.child.exitCode !== null, 20_000)
      server.child.stdout?.resume()
      server.child.stderr?.resume()
    },
  ),
)

const WRITES = `
import os, subprocess, sys

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    written = [os.write(fd, b'x' * 200000) for fd in (1, 2)]
    status = subprocess.call([sys.executable, '-c', 'import os; os.write(1, b"x" * 200000) == 200000 or os._exit(1)'])
    return [repr(written + [status]).encode('ascii')]
`

for (const mode of ['daemon', 'embedded'])
  test(
    `what applications and their programs write at once to a standard stream is whole: ${mode}`,
    pythonOnLinux,
    async (t) => {
      const layout = await Layout.make({
        conf: `WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias / "\${ROOT}/apps/writes.wsgi"
<VirtualHost *>
    ErrorLog /dev/stderr
    ${mode === 'daemon' ? 'WSGIDaemonProcess own\n    WSGIProcessGroup own' : ''}
</VirtualHost>`,
        apps: { 'writes.wsgi': WRITES },
      })
      t.after(() => layout.remove())
      // Node makes sockets of pipes for its children.
      const [reader, pipe] = fifo(layout)
      t.after(() => {
        reader.kill()
        closeSync(pipe)
      })
      const child = spawn(process.execPath, [LAUNCHER, ...layout.arguments(), '-DFOREGROUND'], {
        stdio: ['ignore', pipe, pipe],
      })
      t.after(() => child.kill('SIGKILL'))
      const server = new TestServer(layout, child)
      await server.untilReady()
      // As each Node does that uses the stream, to all that have it.
      setWaiting(pipe, false)
      assert.equal((await server.get('/')).text, '[200000, 200000, 0]')
      await server.stop()
    },
  )

/** A process that reads all, and a descriptor of the pipe. */
function fifo(layout: Layout): [ChildProcess, number] {
  const name = path.join(layout.root, 'pipe')
  execFileSync('mkfifo', [name])
  const fd = openSync(name, 'r+')
  return [spawn('cat', [name], { stdio: 'ignore' }), fd]
}

/** Leaves a process behind that holds what the daemon process writes to. */
const LEAVES = `
import subprocess, sys

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)
    return [str(child.pid).encode('ascii')]
`

test('what an application leaves running does not keep a server that has stopped', pythonOnLinux, () =>
  withServer(
    {
      conf: `ServerLimit 1
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias / "\${ROOT}/apps/leaves.wsgi"
<VirtualHost *>
    ErrorLog syslog
    WSGIDaemonProcess own
    WSGIProcessGroup own
</VirtualHost>`,
      apps: { 'leaves.wsgi': LEAVES },
    },
    async (server) => {
      const left = Number((await server.get('/')).text)
      try {
        server.signal('SIGTERM')
        await until('its end', () => server.child.exitCode === 0, 20_000)
      } finally {
        process.kill(left, 'SIGKILL')
      }
    },
  ),
)

/** Closes the connection that the server watches it by. */
const CLOSES = `
import os

def application(environ, start_response):
    os.close(3)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'closed']
`

test(
  'a process that has closed its connection to the server is killed, and the log says why',
  pythonOnLinux,
  () =>
    withServer(
      {
        conf: 'WSGIDaemonProcess group\nWSGIProcessGroup group\nWSGIScriptAlias / "${ROOT}/apps/closes.wsgi"',
        apps: { 'closes.wsgi': CLOSES },
      },
      async (server) => {
        await server.get('/')
        await server.waitForLog(/Process 'group' has closed its connection to the server, and is killed\./)
        await server.waitForLog(/Process 'group' has died: killed by signal SIGKILL \(9\)\./)
      },
    ),
)

test('too few descriptors for a server worker: a message', onLinux, async () => {
  for (const limit of [22, 24, 26]) {
    const child = spawn(
      '/bin/sh',
      [
        '-c',
        `ulimit -n ${limit}; exec "$@"`,
        'sh',
        process.execPath,
        LAUNCHER,
        '-X',
        '-C',
        'ServerName x',
      ].concat(
        [
          '-C',
          'User nobody',
          '-C',
          'Group #65534',
          '-C',
          'Listen 127.0.0.1:0',
          '-C',
          'PidFile /nonexistent/pid',
        ],
        ['-C', 'ErrorLog /dev/stderr', '-f', '/dev/null'],
      ),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let said = ''
    child.stderr.on('data', (text) => (said += text))
    await new Promise((resolve) => child.once('close', resolve))
    assert.doesNotMatch(said, /TypeError|Cannot read properties/)
  }
})
