/** Daemon processes in a whole server: whom they run as, what restarts do to them, and how they die. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { stillThere } from '../support/processes.js'
import { findPython, skipWithout } from '../support/pythons.js'
import { type ServerOptions, type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const isRoot = process.getuid?.() === 0
const python = { skip: skipWithout('3') }
const asRoot = { skip: python.skip || (!isRoot && 'needs root') }

/** Answers with what it knows about its process; `/stuck` never lets go of the interpreter's lock. */
const INFO = `
import json, os, sys, time

def application(environ, start_response):
    if environ['PATH_INFO'] == '/stuck':
        import ctypes
        ctypes.PyDLL(None).sleep(1000)
    if environ['PATH_INFO'] == '/slow':
        os.write(2, b'the slow request has begun\\n')
        time.sleep(2)
    if environ['PATH_INFO'] == '/stderr':
        os.write(2, b'marker on descriptor 2\\n')
    body = json.dumps({
        'pid': os.getpid(), 'uid': os.getuid(), 'gid': os.getgid(), 'groups': os.getgroups(), 'cwd': os.getcwd(),
        'home': os.environ.get('HOME'), 'ctype': os.environ.get('LC_CTYPE'), 'threads': environ['wsgi.multithread'],
        'version': sys.version.split()[0], 'environ': sorted(os.environ),
    }).encode()
    start_response('200 OK', [('Content-Type', 'application/json'), ('Content-Length', str(len(body)))])
    return [body]
`

interface Info {
  readonly pid: number
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  readonly cwd: string
  readonly home: string
  readonly ctype: string
  readonly environ: readonly string[]
}

const mount = (options = '', mounts = '') => `
WSGIDaemonProcess app ${options}
WSGIScriptAlias /app "\${ROOT}/apps/info.wsgi" process-group=app application-group=%{GLOBAL}
${mounts}`

function site(conf: string, more: ServerOptions = {}): ServerOptions {
  return { conf, apps: { 'info.wsgi': INFO }, ...more }
}

async function info(server: TestServer, place = '/app/'): Promise<Info> {
  const answer = await server.get(place)
  assert.equal(answer.status, 200, answer.text)
  return JSON.parse(answer.text)
}

test('a process runs as its user and group, in the user’s home directory', asRoot, () =>
  withServer(site(mount('user=daemon group=daemon')), async (server) => {
    const seen = await info(server)
    assert.deepEqual([seen.uid, seen.gid, seen.groups], [1, 1, [1]])
    assert.equal(seen.cwd, seen.home)
    for (const name of ['UV_THREADPOOL_SIZE', 'NODE_CHANNEL_FD']) assert.ok(!seen.environ.includes(name))
  }),
)

test('a home directory that is missing is a warning, and / is used', asRoot, () =>
  withServer(site(mount('user=nobody'), { files: { 'user.conf': '' } }), async (server) => {
    // the server's own user: no change of directory, no warning
    assert.equal((await info(server)).cwd, '/')
    server.write('httpd.conf', `User daemon\nGroup daemon\n${mount('user=nobody')}`)
    await server.reload()
    assert.equal((await info(server)).cwd, '/')
    await server.waitForLog(/warn.*cannot use \/nonexistent as working directory; \/ is used instead/)
  }),
)

test('supplementary groups and home are as asked for', asRoot, () =>
  withServer(
    site(mount('user=daemon group=daemon supplementary-groups=games,#4242 home=/usr')),
    async (server) => {
      const seen = await info(server)
      assert.deepEqual(
        [...seen.groups].sort((a, b) => a - b),
        [1, 60, 4242],
      )
      assert.equal(seen.cwd, '/usr')
    },
  ),
)

test('without a locale, processes get UTF-8', python, () =>
  withServer(site(mount(), { env: { LANG: 'C', LC_ALL: '' } }), async (server) => {
    assert.equal((await info(server)).ctype, 'C.UTF-8')
  }),
)

test('descriptor 2 is the error log of the virtual host that declares the group', python, () =>
  withServer(
    site(`<VirtualHost *:\${PORT}>
ServerName localhost
ErrorLog vhost.log
${mount()}
</VirtualHost>`),
    async (server) => {
      const { pid } = await info(server, '/app/stderr')
      await server.waitForLog(/^marker on descriptor 2$/m, 'vhost.log')
      assert.doesNotMatch(server.errorLog(), /marker/)
      if (!isRoot) return
      const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
      assert.ok(links.includes(path.join(server.root, 'vhost.log')))
      assert.ok(!links.includes(path.join(server.root, 'error.log')), 'no other log is open')
    },
  ),
)

test('a graceful restart leaves a group alone whose settings did not change', python, () =>
  withServer(site(mount('threads=2')), async (server) => {
    const before = await info(server)
    server.write(
      'httpd.conf',
      `# more lines\n\n${mount('threads=2', 'Redirect 307 /away http://example.org/')}`,
    )
    await server.reload()
    assert.equal((await server.get('/away')).status, 307)
    assert.equal((await info(server)).pid, before.pid)
    // its replacement is heard in the logs of the new configuration
    process.kill(before.pid, 'SIGKILL')
    await server.waitForLog(
      new RegExp(`pid=${before.pid}\\): Process 'app' has died: killed by signal SIGKILL`),
    )
    assert.notEqual((await info(server)).pid, before.pid)
  }),
)

test('a graceful restart replaces a group that changed, and its requests finish', python, () =>
  withServer(site(mount('threads=2')), async (server) => {
    const before = await info(server)
    const slow = info(server, '/app/slow')
    await server.waitForLog(/the slow request has begun/)
    server.write('httpd.conf', mount('threads=3'))
    await server.reload()
    assert.notEqual((await info(server)).pid, before.pid)
    assert.equal((await slow).pid, before.pid)
    await server.waitForLog(new RegExp(`pid=${before.pid}\\): Process 'app' has ended: exit status 0`))
    await server.waitForLog(/group_changed/)
  }),
)

test('a group that is gone from the configuration ends', python, () =>
  withServer(site(mount()), async (server) => {
    const { pid } = await info(server)
    server.write('httpd.conf', '')
    await server.reload()
    await server.waitForLog(new RegExp(`pid=${pid}\\): Process 'app' has ended`))
    await server.waitForLog(/group_removed/)
  }),
)

test('HUP replaces all daemon processes', python, () =>
  withServer(site(mount('processes=2')), async (server) => {
    const { pid } = await info(server)
    await server.reload('SIGHUP')
    assert.notEqual((await info(server)).pid, pid)
    await server.waitForLog(new RegExp(`pid=${pid}\\): Process 'app' has ended`))
  }),
)

test('a restart ends what finishes its requests after earlier graceful restarts', python, () =>
  withServer(
    site(mount('threads=2'), {
      args: ['-X'],
      apps: {
        'info.wsgi': `
import os, time

def application(environ, start_response):
    what = environ['QUERY_STRING']
    os.write(2, ('begun %s\\n' % what).encode())
    if what.startswith('hold'):
        time.sleep(1000)
    start_response('200 OK', [])
    return [what.encode()]
`,
      },
    }),
    async (server) => {
      // three generations, each with a request that does not end
      const held: Promise<string>[] = []
      for (const [round, threads] of [2, 3, 3].entries()) {
        if (round > 0) {
          server.write('httpd.conf', mount(`threads=${threads}`, `# ${round}`))
          await server.reload()
        }
        held.push(
          server.get(`/app/?hold${round}`).then(
            ({ status }) => `status ${status}`,
            (error: Error) => error.message,
          ),
        )
        await server.waitForLog(new RegExp(`^begun hold${round}$`, 'm'))
      }
      const before = server.processes()
      const workers = before.filter(({ command }) => command.includes('worker-main'))
      assert.equal(workers.length, 3)
      await server.reload('SIGHUP')
      await until('everything of before to be gone', () => stillThere(before).length === 0)
      for (const end of held) assert.match(await end, /^(status 50[23]|socket hang up|read ECONNRESET)$/)
      assert.equal((await server.get('/app/?after')).text, 'after')
      assert.equal(server.processes().length, 2, 'one server worker and one daemon process')
      const sockets = readdirSync(path.join(server.root, 'run'), { recursive: true, encoding: 'utf8' })
      assert.equal(sockets.filter((name) => name.endsWith('.sock')).length, 1)
    },
  ),
)

test('no request is lost while processes reload and the server restarts', python, () =>
  withServer(site(mount('processes=2 threads=2')), async (server) => {
    let going = true
    const pids = new Set<number>()
    const loops = [1, 2].map(async () => {
      while (going) pids.add((await info(server)).pid)
    })
    for (const loop of loops) loop.catch(() => {})
    for (let round = 0; round < 2; round++) {
      server.write('apps/info.wsgi', `${INFO}# ${round}\n`)
      await server.reload()
    }
    // a loop that has failed waits for nothing more
    await Promise.race([until('another process to answer', () => pids.size > 1), Promise.all(loops)])
    going = false
    await Promise.all(loops)
  }),
)

test('a Python that is not there: start is refused with the place of the mistake', python, async () => {
  await assert.rejects(
    withServer(site(mount('python-home=/nowhere')), async () => {}),
    /AH00526: Syntax error on line 2 of .*httpd\.conf:\nProcess group app has no Python: the Python home \/nowhere does not exist/,
  )
})

test('a Python that is closed to its user: the log names the obstacle, requests get 503', asRoot, () => {
  const home = findPython()?.home as string
  return withServer(
    site(mount(`user=daemon group=daemon python-home="${'${ROOT}'}/private"`), {
      prepare: (layout) => {
        layout.write('private/bin/python3', '#!/bin/sh\nexec true\n')
        chmodSync(path.join(layout.root, 'private/bin/python3'), 0o755)
      },
    }),
    async (server) => {
      assert.ok(home)
      chmodSync(path.join(server.root, 'private'), 0o700)
      await server.waitForLog(
        /user daemon \(uid 1\) has no permission to search .*\/private \(mode 0700, owner 0:0\)/,
      )
      assert.equal((await server.get('/app/')).status, 503)
    },
  )
})

test('WSGISocketPrefix puts the sockets elsewhere', python, () =>
  withServer(site(`WSGISocketPrefix "\${ROOT}/sock"\n${mount()}`), async (server) => {
    await info(server)
    const sockets = () => readdirSync(server.root).filter((name) => name.endsWith('.sock'))
    assert.match(sockets().join(), new RegExp(`^sock\\.${server.pid}\\.1\\.\\d+\\.sock$`))
    await server.stop()
    assert.deepEqual(sockets(), [])
  }),
)

test('sockets that server workers cannot reach are reported at the start', asRoot, () =>
  withServer(
    site(`DefaultRuntimeDir "\${ROOT}/private"\n${mount()}`, {
      prepare: ({ root }) => void mkdirSync(path.join(root, 'private'), { mode: 0o700 }),
    }),
    async (server) => {
      await server.waitForLog(
        /crit.*cannot be reached.*user nobody \(uid 65534\) has no permission to search \S+\/private \(mode 0700, owner 0:0\)/,
      )
      assert.equal((await server.get('/app/')).status, 503)
    },
  ),
)

test('a process that dies while it serves: the cause is in the log, the next request is served', python, () =>
  withServer(site(mount('threads=2')), async (server) => {
    const { pid } = await info(server)
    const slow = server.get('/app/slow')
    await server.waitForLog(/the slow request has begun/)
    process.kill(pid, 'SIGSEGV')
    assert.equal((await slow).status, 502)
    await server.waitForLog(
      new RegExp(`pid=${pid}\\): Process 'app' has died: killed by signal SIGSEGV \\(11\\)`),
    )
    assert.notEqual((await info(server)).pid, pid)
  }),
)

test(
  'a Python without sub-interpreters gets processes for each application group',
  { skip: skipWithout('2.7') },
  () =>
    withServer(
      site(
        `WSGIDaemonProcess app threads=2
WSGIScriptAlias /one "\${ROOT}/apps/info.wsgi" process-group=app application-group=one
WSGIScriptAlias /two "\${ROOT}/apps/info.wsgi" process-group=app application-group=two`,
        { python: '2.7' },
      ),
      async (server) => {
        const [one, two] = await Promise.all([info(server, '/one'), info(server, '/two')])
        assert.notEqual(one.pid, two.pid)
        assert.equal((await info(server, '/one')).pid, one.pid)
        assert.equal((await info(server, '/two')).pid, two.pid)
        process.kill(one.pid, 'SIGKILL')
        await server.waitForLog(new RegExp(`pid=${one.pid}\\): Process 'app' has died`))
        assert.notEqual((await info(server, '/one')).pid, one.pid)
        assert.equal((await info(server, '/two')).pid, two.pid)
      },
    ),
)

test('a change of the root directory is carried out before the user changes', asRoot, () =>
  withServer(site(mount('chroot=/ user=daemon group=daemon')), async (server) => {
    assert.deepEqual([(await info(server)).uid], [1])
  }),
)

test('nothing outlives a supervisor that is killed, not even a Python that hangs in C code', python, () =>
  withServer(site(mount('threads=2')), async (server) => {
    const { pid } = await info(server)
    const stuck = server.get('/app/stuck').catch(() => undefined)
    const below = server.processes()
    assert.ok(below.some((process) => process.pid === pid))
    await until('the process to hang', () =>
      readFileSync(`/proc/${pid}/task/${pid}/stat`, 'utf8').includes(') S '),
    )
    process.kill(server.pid, 'SIGKILL')
    await server.stopped()
    await stuck
    await until('all to be gone', () => stillThere(below).length === 0)
  }),
)

test('a server stops within seconds although a Python hangs in C code', python, () =>
  withServer(site(mount('threads=2')), async (server) => {
    await info(server)
    const stuck = server.get('/app/stuck').catch(() => undefined)
    // which gives it much less time than the Python hangs for
    await server.stop()
    await stuck
  }),
)

const STATUS = `StartServers 1
<Location /status>
    SetHandler server-status
</Location>`

test(
  'processes that passed to a newer generation stay while an older one has requests for them',
  python,
  () =>
    withServer(
      site(`${STATUS}${mount('threads=1')}`, {
        apps: {
          'info.wsgi': `
import os, time

def application(environ, start_response):
    os.write(2, b'begun ' + environ['QUERY_STRING'].encode() + b'\\n')
    while not os.path.exists(os.path.join(os.path.dirname(__file__), 'gate')):
        time.sleep(0.01)
    start_response('200 OK', [])
    return [environ['QUERY_STRING'].encode()]
`,
        },
      }),
      async (server) => {
        // One runs, the other waits in the process; both belong to the first generation.
        const first = server.get('/app/?one')
        await server.waitForLog(/^begun one$/m)
        const second = server.get('/app/?two')
        await until('both to be with the server', async () =>
          (await server.get('/status?auto')).text.includes('BusyWorkers: 3'),
        )
        await server.reload()
        server.write('httpd.conf', `${STATUS}${mount('threads=2')}`)
        await server.reload()
        // the generation between the two has nothing to do and is gone
        const workers = () => server.processes().filter(({ command }) => command.includes('worker-main'))
        await until('two server workers', () => workers().length === 2)
        server.write('apps/gate', '')
        assert.deepEqual([(await first).text, (await second).text], ['one', 'two'])
        assert.equal((await server.get('/app/?three')).text, 'three')
        await server.waitForLog(/Process group 'app' has changed.*\(group_changed\)/)
      },
    ),
)
