/** The life of a whole server: start, restarts, stops and deaths of its processes, as seen from outside. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { connect, createServer } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { stillThere } from '../support/processes.js'
import {
  type Finished,
  freePorts,
  Layout,
  runLauncher,
  type TestServer,
  withConfiguration,
  withServer,
} from '../support/server.js'
import { until } from '../support/wait.js'

const isRoot = process.getuid?.() === 0
const onLinux = { skip: process.platform !== 'linux' && 'needs /proc' }
const PAGE = { 'htdocs/index.html': 'served' }

const workers = (server: TestServer) =>
  server.processes().filter(({ command }) => command.includes('worker-main'))

/** Asks again and again on kept and on fresh connections until told to stop; answers with the number of answers. */
function hammer(server: TestServer): () => Promise<number> {
  let going = true
  let answers = 0
  const agents = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: false })]
  const ask = (agent: Agent) =>
    new Promise<void>((resolve, reject) => {
      const outgoing = httpRequest({ host: '127.0.0.1', port: server.port, agent }, (incoming) => {
        incoming.resume()
        incoming.once('end', () => {
          answers++
          if (incoming.statusCode === 200) resolve()
          else reject(new Error(`status ${incoming.statusCode}`))
        })
        incoming.once('error', reject)
      })
      outgoing.once('error', reject)
      outgoing.end()
    })
  const loops = agents.map(async (agent) => {
    while (going) await ask(agent)
  })
  // an early end is reported by whoever waits for it
  for (const loop of loops) loop.catch(() => {})
  return async () => {
    going = false
    await Promise.all(loops)
    for (const agent of agents) agent.destroy()
    return answers
  }
}

test('starts, writes its pid file, serves, and leaves nothing when it is told to stop', () =>
  withServer({ files: PAGE }, async (server) => {
    assert.equal((await server.get('/')).text, 'served')
    assert.equal(readFileSync(path.join(server.root, 'httpd.pid'), 'utf8'), `${server.pid}\n`)
    await server.waitForLog(/AH00489: wsgi-httpd\/\S+ .*configured -- resuming normal operations/)
    await server.waitForLog(/AH00094: Command line: '.*-DFOREGROUND/)
    await server.stop()
    assert.equal(server.result?.code, 0)
    await server.waitForLog(/AH00491: caught SIGTERM, shutting down/)
    assert.equal(existsSync(path.join(server.root, 'httpd.pid')), false)
    await assert.rejects(server.get('/'), /ECONNREFUSED/)
  }))

test('server workers have given up root for good', { skip: !isRoot && 'needs root' }, () =>
  withServer({}, async (server) => {
    for (const { pid } of workers(server)) {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m)
      assert.match(status, /^Gid:\t65534\t65534\t65534\t65534$/m)
      assert.match(status, /^CapEff:\t0+$/m)
      assert.doesNotMatch(status, /^Groups:.*\b0\b/m)
    }
  }),
)

test('StartServers says how many workers there are, ServerLimit limits them', onLinux, async () => {
  await withServer({ conf: 'StartServers 3' }, async (server) => assert.equal(workers(server).length, 3))
  await withServer({ conf: 'StartServers 3\nServerLimit 1' }, async (server) =>
    assert.equal(workers(server).length, 1),
  )
})

test('a worker that dies is replaced, and its end is explained', onLinux, () =>
  withServer({ conf: 'StartServers 2', files: PAGE }, async (server) => {
    const [victim] = workers(server)
    process.kill(victim?.pid as number, 'SIGSEGV')
    await server.waitForLog(
      new RegExp(`AH00052: child pid ${victim?.pid}: killed by signal SIGSEGV \\(11\\)`),
    )
    await until('another worker', () => workers(server).length === 2)
    assert.equal((await server.get('/')).status, 200)
  }),
)

test('a worker is replaced after MaxConnectionsPerChild connections', onLinux, () =>
  withServer(
    { conf: 'StartServers 1\nMaxConnectionsPerChild 3\nKeepAlive Off', files: PAGE },
    async (server) => {
      const [before] = workers(server)
      for (let count = 0; count < 4; count++) assert.equal((await server.get('/')).status, 200)
      await until('another worker', () => {
        const [now, ...others] = workers(server)
        return others.length === 0 && now?.pid !== before?.pid
      })
      assert.equal((await server.get('/')).status, 200)
    },
  ),
)

test('no request is lost by graceful restarts', () =>
  withServer({ conf: 'StartServers 2', files: PAGE }, async (server) => {
    const stop = hammer(server)
    for (let restarts = 0; restarts < 3; restarts++) await server.reload()
    assert.ok((await stop()) > 50)
    assert.equal(server.errorLog().match(/AH00493: SIGUSR1 received\. {2}Doing graceful restart/g)?.length, 3)
  }))

test('a graceful restart puts a new configuration to work', () =>
  withServer({ conf: 'Listen 127.0.0.1:${PORT2}', files: PAGE }, async (server) => {
    const [, second = 0] = server.layout.ports
    assert.equal((await server.get('/', { port: second })).status, 200)
    const [third = 0] = await freePorts(1)
    server.write('httpd.conf', `Listen 127.0.0.1:${third}\nRedirect 307 /away http://example.org/`)
    await server.reload()
    assert.equal((await server.get('/away')).status, 307)
    assert.equal((await server.get('/', { port: third })).status, 200)
    await until('the old port to be closed', () =>
      server.get('/', { port: second }).then(
        () => false,
        () => true,
      ),
    )
  }))

test('a graceful restart opens the logs anew: how they are rotated', () =>
  withServer({ files: PAGE }, async (server) => {
    renameSync(path.join(server.root, 'error.log'), path.join(server.root, 'error.log.1'))
    renameSync(path.join(server.root, 'access.log'), path.join(server.root, 'access.log.1'))
    server.signal('SIGUSR1')
    await server.waitForLog(/resuming normal operations/)
    await server.get('/after')
    await server.waitForLog(/GET \/after /, 'access.log')
    assert.doesNotMatch(server.layout.read('access.log.1'), /after/)
  }))

test('a piped error log lives through restarts and reads to the end', () =>
  withServer({ conf: 'ErrorLog "|$exec cat >> ${ROOT}/error.log"', files: PAGE }, async (server) => {
    server.signal('SIGUSR1')
    await until('both starts in the log', () => server.errorLog().match(/resuming normal/g)?.length === 2)
    assert.equal(server.processes().filter(({ command }) => command === 'cat').length, 1)
    server.signal('SIGTERM')
    assert.equal((await server.stopped()).code, 0)
    await server.waitForLog(/caught SIGTERM, shutting down/)
  }))

test('the program of the error log never writes to its own pipe', onLinux, () =>
  withServer({ conf: 'ErrorLog "|$exec cat >> ${ROOT}/error.log"', files: PAGE }, async (server) => {
    const programs = () => server.processes().filter(({ command }) => command === 'cat')
    const [first] = programs()
    process.kill(first?.pid as number, 'SIGKILL')
    const next = await until('its successor', () => programs().find(({ pid }) => pid !== first?.pid))
    const descriptor = (number: number) => readlinkSync(`/proc/${next.pid}/fd/${number}`)
    // It would wait for the end of its input for ever.
    assert.notEqual(descriptor(2), descriptor(0))
  }),
)

test('a restart with a wrong configuration changes nothing and says why', () =>
  withServer({ files: PAGE }, async (server) => {
    const before = workers(server).map(({ pid }) => pid)
    server.write('httpd.conf', 'Frobnicate on')
    for (const signal of ['SIGUSR1', 'SIGHUP'] as const) {
      server.signal(signal)
      await until('the fault in the log', () => {
        const faults = server
          .errorLog()
          .match(/called off.*AH00526: Syntax error on line 1 .*Invalid command 'Frobnicate'/g)
        return faults?.length === (signal === 'SIGUSR1' ? 1 : 2)
      })
    }
    assert.deepEqual(
      workers(server).map(({ pid }) => pid),
      before,
    )
    assert.equal((await server.get('/')).status, 200)
  }))

test('a restart that cannot bind a new address changes nothing', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  await withServer({ files: PAGE }, async (server) => {
    server.write('httpd.conf', `Listen 127.0.0.1:${port}`)
    server.signal('SIGUSR1')
    await server.waitForLog(/called off.*AH00072: make_sock: could not bind to address 127\.0\.0\.1/)
    assert.equal((await server.get('/')).status, 200)
  })
  other.close()
})

test('HUP replaces all workers, without refusing a connection', onLinux, () =>
  withServer({ files: PAGE }, async (server) => {
    const before = workers(server)
    await server.reload('SIGHUP')
    await server.waitForLog(/AH00494: SIGHUP received\. {2}Attempting to restart/)
    await until('the old ones to leave', () => stillThere(before).length === 0)
    assert.equal((await server.get('/')).status, 200)
  }),
)

/** A client that takes its answer slowly: the rest of a large file is on its way for as long as it likes. */
async function slowDownload(
  server: TestServer,
): Promise<{ finish: () => Promise<number>; cut: Promise<void> }> {
  let received = 0
  const socket = connect(server.port, '127.0.0.1')
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
  socket.on('error', () => {})
  socket.write('GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  await new Promise<void>((resolve) => {
    socket.once('data', (chunk: Buffer) => {
      received += chunk.length
      socket.pause()
      resolve()
    })
  })
  return {
    finish: async () => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
      socket.resume()
      await closed
      return received
    },
    cut: closed,
  }
}

const LARGE_BYTES = 32 * 1024 * 1024
const withLargeFile = {
  prepare: ({ root }: { root: string }) =>
    writeFileSync(path.join(root, 'htdocs/large'), Buffer.alloc(LARGE_BYTES)),
}

test('a graceful stop lets requests finish', () =>
  withServer({ ...withLargeFile }, async (server) => {
    const download = await slowDownload(server)
    server.signal('SIGWINCH')
    await server.waitForLog(/AH00492: caught SIGWINCH, shutting down gracefully/)
    await until('new connections to be refused', () =>
      server.get('/').then(
        () => false,
        () => true,
      ),
    )
    assert.ok((await download.finish()) > LARGE_BYTES)
    assert.equal((await server.stopped()).code, 0)
  }))

test('a worker that has served its number while its predecessor still drains is replaced, too', onLinux, () =>
  withServer(
    {
      ...withLargeFile,
      conf: 'StartServers 1\nMaxConnectionsPerChild 2\nKeepAlive Off\nCustomLog pids.log %P',
      files: PAGE,
    },
    async (server) => {
      const pids = () => workers(server).map(({ pid }) => pid)
      const [first] = pids()
      const download = await slowDownload(server)
      assert.equal((await server.get('/')).status, 200)
      const second = await until('a successor', () => pids().find((pid) => pid !== first))
      await until('the successor to have served its number', async () => {
        assert.equal((await server.get('/')).status, 200)
        return server.layout.read('pids.log').split(String(second)).length > 2
      })
      assert.deepEqual(pids().sort(), [first, second].sort(), 'nobody has left, and nobody was added')
      assert.ok((await download.finish()) > LARGE_BYTES)
      await until('another one in its place', () => {
        const [now, ...others] = pids()
        return others.length === 0 && now !== second
      })
      assert.equal((await server.get('/')).status, 200)
    },
  ),
)

test('GracefulShutdownTimeout limits a graceful stop', () =>
  withServer({ ...withLargeFile, conf: 'GracefulShutdownTimeout 1' }, async (server) => {
    await slowDownload(server)
    server.signal('SIGWINCH')
    assert.equal((await server.stopped()).code, 0)
  }))

test('TERM ends a graceful stop at once', () =>
  withServer({ ...withLargeFile }, async (server) => {
    await slowDownload(server)
    server.signal('SIGWINCH')
    await server.waitForLog(/AH00492/)
    server.signal('SIGTERM')
    assert.equal((await server.stopped()).code, 0)
  }))

/** When a stop overtakes a restart. */
const MOMENTS: readonly (readonly [string, RegExp])[] = [
  ['at once', /^/],
  ['while the new processes come up', /Starting process 'app'/],
]

for (const [moment, line] of MOMENTS)
  for (const restart of ['SIGUSR1', 'SIGHUP'] as const)
    for (const stop of ['SIGTERM', 'SIGWINCH'] as const)
      test(`${stop} after ${restart}, ${moment}: the server ends, and nothing is left`, () =>
        withServer({ files: PAGE }, async (server) => {
          const [port = 0] = await freePorts(1)
          server.write(
            'httpd.conf',
            `Listen 127.0.0.1:${port}\nWSGIDaemonProcess app\nCustomLog "|$exec cat >> \${ROOT}/piped.log" common`,
          )
          server.signal(restart)
          await server.waitForLog(line)
          server.signal(stop)
          assert.equal((await server.stopped()).code, 0)
          assert.doesNotMatch(server.errorLog(), /cannot be started|called off|graceful_timeout/)
          assert.deepEqual(readdirSync(path.join(server.root, 'run')), [])
          assert.equal(existsSync(path.join(server.root, 'httpd.pid')), false)
        }))

test('nothing outlives a supervisor that is killed, not even a worker that cannot act', onLinux, () =>
  withServer({ conf: 'StartServers 2' }, async (server) => {
    const below = server.processes()
    assert.equal(below.length, 2)
    process.kill(below[0]?.pid as number, 'SIGSTOP')
    process.kill(server.pid, 'SIGKILL')
    await server.stopped()
    await until('all to be gone', () => stillThere(below).length === 0)
  }),
)

test('a port that is taken ends the start with httpd’s words', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  for (const words of [['-DFOREGROUND'], ['-k', 'start']]) {
    await withConfiguration({ conf: `Listen 127.0.0.1:${port}` }, words, ({ code, stderr }) => {
      assert.equal(code, 1)
      assert.match(
        stderr,
        new RegExp(
          `\\(98\\)Address already in use: AH00072: make_sock: could not bind to address 127.0.0.1:${port}`,
        ),
      )
      assert.match(stderr, /no listening sockets available, shutting down\n/)
    })
  }
  other.close()
})

test('names beyond ASCII wherever a server looks at its start', onLinux, () =>
  withServer(
    {
      conf: `DocumentRoot "\${ROOT}/ünï"
PidFile "ünï/pid"
DefaultRuntimeDir "\${ROOT}/ünï/run"
TypesConfig "ünï/types"
Mutex "file:\${ROOT}/ünï" default
LogFormat "%U" path
CustomLog "|$exec cat >> '\${ROOT}/ünï/piped.log'" path
CustomLog "|/bin/dd 'of=\${ROOT}/ünï/direct.log' status=none" path`,
      files: { 'ünï/page.odd': 'served', 'ünï/types': 'text/x-odd odd' },
    },
    async (server) => {
      const { status, headers } = await server.get('/page.odd')
      assert.deepEqual([status, headers['content-type']], [200, 'text/x-odd'])
      assert.equal(readFileSync(path.join(server.root, 'ünï/pid'), 'utf8').trim(), String(server.pid))
      await server.waitForLog(/page\.odd/, 'ünï/piped.log')
      server.signal('SIGTERM')
      await server.stopped()
      assert.match(server.layout.read('ünï/direct.log'), /page\.odd/)
      assert.doesNotMatch(server.errorLog(), /:(warn|error|crit)\]/)
    },
  ),
)

test(
  'a server in the background holds nothing of its starter open, whatever logs it has',
  onLinux,
  async () => {
    const layout = await Layout.make({ conf: 'ErrorLog "|$exec cat >> ${ROOT}/error.log"', files: PAGE })
    const order = (word: string) => runLauncher([...layout.arguments(), '-k', word])
    let started: Finished | undefined
    try {
      // Waited for until nobody has its streams any longer.
      void order('start').then((result) => (started = result))
      await until('the end of the command', () => started !== undefined, 20_000)
      assert.deepEqual([started?.code, started?.stderr], [0, ''])
    } finally {
      const pid = layout.read('httpd.pid').trim()
      await order('stop')
      await until('its end', () => !existsSync(`/proc/${pid}`))
      layout.remove()
    }
  },
)

test('a pid file that cannot be read: httpd’s words, no stack', () =>
  withConfiguration({ files: { 'httpd.pid/': '' } }, ['-DFOREGROUND'], ({ code, stderr }) => {
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^\(21\)Is a directory: AH00056: Error retrieving pid file .*httpd\.pid\nAH00057: Remove it before/,
    )
    assert.doesNotMatch(stderr, /^ {4}at /m)
  }))

test('start in the background, restart, and stop from the command line', async () => {
  await withConfiguration(
    { files: PAGE, conf: 'KeepAliveTimeout 1' },
    ['-k', 'start'],
    async ({ code, stderr }, layout) => {
      const run = (word: string) => runLauncher([...layout.arguments(), '-k', word])
      try {
        assert.deepEqual([code, stderr], [0, ''])
        const pid = Number(layout.read('httpd.pid'))
        assert.match((await run('start')).stdout, new RegExp(`httpd \\(pid ${pid}\\) already running`))
        assert.equal((await run('graceful')).code, 0)
        await until(
          'the restart',
          () => layout.read('error.log').match(/resuming normal operations/g)?.length === 2,
        )
        layout.write('httpd.conf', 'Frobnicate on')
        assert.equal((await run('restart')).code, 1)
        layout.write('httpd.conf', '')
      } finally {
        assert.equal((await run('stop')).code, 0)
      }
      await until('the end', () => layout.read('httpd.pid') === '')
      const again = await run('stop')
      assert.deepEqual([again.code, again.stdout], [0, 'httpd (no pid file) not running\n'])
    },
  )
})

test('a server that is started as root must be told whom to run as', { skip: !isRoot && 'needs root' }, () =>
  withConfiguration(
    { bare: true, conf: 'Listen 127.0.0.1:${PORT}\nErrorLog error.log\nPidFile httpd.pid' },
    ['-DFOREGROUND'],
    ({ code, stderr }) => {
      assert.equal(code, 1)
      assert.match(stderr, /AH02155: User is not set in .*httpd\.conf/)
    },
  ),
)
