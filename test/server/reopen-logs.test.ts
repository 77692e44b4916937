/** SIGUSR2: log files are opened anew, and nothing else happens. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, statSync } from 'node:fs'
import { Agent, get } from 'node:http'
import path from 'node:path'
import { test } from 'node:test'
import { skipWithout, withNewest } from '../support/pythons.js'
import { runLauncher, type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const onLinux = process.platform !== 'linux' && 'needs /proc'
const SENT = /:notice\] .*SIGUSR2 received\. {2}Log files are opened anew/

/** Says which process it runs in, and writes to the log in all ways there are. */
const WRITES = `
import os, sys
def application(environ, start_response):
    mark = environ['QUERY_STRING']
    if mark:
        environ['wsgi.errors'].write('errors %s\\n' % mark)
        os.write(2, ('native %s\\n' % mark).encode('ascii'))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(os.getpid()).encode('ascii')]
`

/** Renames log files, as logrotate does. */
function moveAway(server: TestServer, ...names: string[]): void {
  for (const name of names) renameSync(path.join(server.root, name), path.join(server.root, `${name}.1`))
}

/** Whether any process of the server has a file open that has been moved away. */
function hasOld(server: TestServer): boolean {
  return [server.pid, ...server.processes().map(({ pid }) => pid)].some((pid) =>
    readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`).endsWith('.1')
      } catch {
        return false // closed meanwhile
      }
    }),
  )
}

async function reopen(server: TestServer): Promise<void> {
  server.signal('SIGUSR2')
  await server.waitForLog(SENT)
  await until('nobody to have the old files', () => !hasOld(server))
}

const pids = (server: TestServer) =>
  server
    .processes()
    .map(({ pid }) => pid)
    .sort()

const modes: [name: string, python: string, conf: string][] = [
  ...withNewest('3.8').map((version): [string, string, string] => [
    `daemon processes of Python ${version}`,
    version,
    'WSGIDaemonProcess own processes=2 threads=2\nWSGIProcessGroup own',
  ]),
  [
    'forked processes',
    '3',
    'WSGILazyInitialization Off\nWSGIDaemonProcess own threads=2\nWSGIProcessGroup own',
  ],
  ['embedded', '3', ''],
]

for (const [name, python, conf] of modes)
  test(
    `all log files are new, with rights and owners as at the start: ${name}`,
    {
      skip: onLinux || skipWithout(python),
    },
    () =>
      withServer(
        {
          python,
          conf: `StartServers 2
ServerLimit 2
WSGIApplicationGroup %{GLOBAL}
${conf}
WSGIScriptAlias /app "\${ROOT}/apps/writes.wsgi"
TransferLog transfer.log
CustomLog "|$/bin/cat >> \${ROOT}/piped.log" common
Listen 127.0.0.1:\${PORT2}
<VirtualHost *:\${PORT2}>
    ErrorLog host-error.log
    CustomLog host-access.log common
    LogLevel info
</VirtualHost>`,
          apps: { 'writes.wsgi': WRITES },
        },
        async (server) => {
          const names = ['error.log', 'access.log', 'transfer.log', 'host-error.log', 'host-access.log']
          const [, hostPort] = server.layout.ports as [number, number]
          assert.equal((await server.get('/app')).status, 200)
          assert.equal((await server.get('/before', { port: hostPort })).status, 404)
          const rights = () =>
            names.map((name) => {
              const { uid, gid, mode } = statSync(path.join(server.root, name))
              return { uid, gid, mode }
            })
          const before = { rights: rights(), pids: pids(server) }
          moveAway(server, ...names)
          await reopen(server)
          await server.get('/app?one')
          await server.get('/after', { port: hostPort })
          await server.waitForLog(/errors one/)
          await server.waitForLog(/native one/)
          await server.waitForLog(/"GET \/app\?one/, 'access.log')
          await server.waitForLog(/"GET \/app\?one/, 'transfer.log')
          await server.waitForLog(/"GET \/app\?one/, 'piped.log')
          await server.waitForLog(/"GET \/after/, 'host-access.log')
          await until('the host to have an error log', () =>
            statSync(path.join(server.root, 'host-error.log')),
          )
          for (const name of names)
            assert.doesNotMatch(
              readFileSync(path.join(server.root, `${name}.1`), 'utf8'),
              / one\n|\?one|after/,
            )
          assert.deepEqual({ rights: rights(), pids: pids(server) }, before)
        },
      ),
  )

const PYTHON = { skip: onLinux || skipWithout('3') }

test('no line is lost or torn, and no request and no connection notices', PYTHON, () =>
  withServer(
    {
      conf: `StartServers 2
ServerLimit 2
MaxKeepAliveRequests 0
WSGIDaemonProcess own threads=3
WSGIProcessGroup own
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias /app "\${ROOT}/apps/writes.wsgi"
WSGIScriptAlias /waits "\${ROOT}/apps/waits.wsgi"`,
      apps: {
        'writes.wsgi': WRITES,
        'waits.wsgi': `
import os, time
def application(environ, start_response):
    start_response('200 OK', [('Content-Length', '4')])
    yield b'ab'
    while not os.path.exists(environ['DOCUMENT_ROOT'] + '/go'):
        time.sleep(0.01)
    yield b'cd'
`,
      },
    },
    async (server) => {
      const waits = server.get('/waits')
      waits.catch(() => {}) // awaited at the end
      const agent = new Agent({ keepAlive: true, maxSockets: 4 })
      const ask = (mark: number) =>
        new Promise<number>((resolve, reject) => {
          get(server.url(`/app?${mark}=`), { agent }, (response) => {
            const { localPort } = response.socket
            response.resume().once('end', () => resolve(localPort as number))
          }).once('error', reject)
        })
      const ROUNDS = 4
      const EACH = 100
      const sockets = new Set<number>()
      for (let round = 0; round < ROUNDS; round++) {
        const all = Array.from({ length: EACH }, (_, at) => ask(round * EACH + at))
        await all[EACH / 2]
        for (const name of ['error.log', 'access.log'])
          renameSync(path.join(server.root, name), path.join(server.root, `${name}.${round}.1`))
        await reopen(server)
        for (const port of await Promise.all(all)) sockets.add(port)
      }
      agent.destroy()
      assert.equal(sockets.size, 4)
      server.write('htdocs/go', '')
      assert.equal((await waits).text, 'abcd')
      const lines = (name: string) =>
        readdirSync(server.root)
          .filter((file) => file.startsWith(name))
          .flatMap((file) => server.layout.read(file).split('\n'))
      await until('all lines', () => lines('access.log').filter((line) => line !== '').length > ROUNDS * EACH)
      for (let mark = 0; mark < ROUNDS * EACH; mark++) {
        const wanted = new RegExp(`^127\\.0\\.0\\.1 - - \\[.*\\] "GET /app\\?${mark}= HTTP/1.1" 200 \\d+$`)
        assert.equal(lines('access.log').filter((line) => wanted.test(line)).length, 1, `line of ${mark}`)
        const errors = lines('error.log').filter((line) => line.endsWith(` errors ${mark}=`))
        assert.deepEqual([errors.length, errors[0]?.startsWith('[')], [1, true], `record of ${mark}`)
      }
    },
  ),
)

test('a file that cannot be opened leaves the one that is open, and the log says so', { skip: onLinux }, () =>
  withServer({ conf: 'StartServers 1\nTransferLog other.log' }, async (server) => {
    moveAway(server, 'access.log', 'error.log', 'other.log')
    mkdirSync(path.join(server.root, 'access.log'))
    server.signal('SIGUSR2')
    await server.waitForLog(
      /:error\] .*The log file that was open stays in use: \(21\)Is a directory: AH00649: could not open transfer log file .*access\.log\. It is named on line \d+ of .*preamble\.conf\. It is a directory/,
    )
    await server.get('/after')
    await server.waitForLog(/"GET \/after/, 'other.log')
    await server.waitForLog(/"GET \/after/, 'access.log.1')
  }),
)

test('-k reopen-logs and the word reopen-logs send the signal, and say where there is no server', () =>
  withServer({ conf: 'StartServers 1' }, async (server) => {
    for (const words of [['-k', 'reopen-logs'], ['reopen-logs']]) {
      moveAway(server, 'error.log')
      const { code, stdout, stderr } = await runLauncher(
        words[0] === '-k'
          ? [...server.layout.arguments(), ...words]
          : [...words, ...server.layout.arguments()],
      )
      assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' })
      await server.waitForLog(SENT)
    }
  }))

test('server workers pass over the signal', { skip: onLinux }, () =>
  withServer({ conf: 'StartServers 2\nServerLimit 2' }, async (server) => {
    const before = pids(server)
    for (const pid of before) process.kill(pid, 'SIGUSR2')
    assert.equal((await server.get('/none')).status, 404)
    await reopen(server)
    assert.deepEqual(pids(server), before)
  }),
)
