/** What a daemon process finds around it, by the options of its group, as the process itself and the kernel see it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { test } from 'node:test'
import { vocabulary } from '../../src/modules/registry.js'
import { DAEMON_OPTIONS } from '../../src/modules/wsgi/daemon-process.js'
import { namedTests } from '../support/named-tests.js'
import { findPython, skipWithout } from '../support/pythons.js'
import { PROJECT, withServer } from '../support/server.js'
import { faultsOf } from '../support/site.js'
import { until } from '../support/wait.js'
import { said, VERSIONS } from './daemon-support.js'

const FACTS = `
import json, locale, os, socket, sys, threading
try:
    import only_on_the_path
except ImportError:
    only_on_the_path = None

def buffers():
    found = []
    for name in os.listdir('/proc/self/fd'):
        try:
            one = socket.fromfd(int(name), socket.AF_UNIX, socket.SOCK_STREAM)
            found.append([one.getsockopt(socket.SOL_SOCKET, option) for option in (socket.SO_SNDBUF, socket.SO_RCVBUF)])
            one.close()
        except (OSError, IOError, socket.error):
            pass
    return found

def application(environ, start_response):
    mask = os.umask(0)
    os.umask(mask)
    with open('/proc/self/cmdline', 'rb') as file:
        title = file.read().split(b'\\0')[0].decode('latin-1')
    with open('/proc/self/comm') as file:
        short = file.read().strip()
    facts = {
        'pid': os.getpid(), 'umask': mask, 'cwd': os.getcwd(), 'path': sys.path[:3], 'title': title, 'short': short,
        'lang': os.environ.get('LANG'), 'all': os.environ.get('LC_ALL'), 'locale': locale.setlocale(locale.LC_CTYPE, None),
        'eggs': os.environ.get('PYTHON_EGG_CACHE'), 'interval': getattr(sys, 'getswitchinterval', lambda: None)(),
        'nice': os.nice(0), 'processes': environ['wsgi.multiprocess'], 'threads': environ['wsgi.multithread'],
        'pth': getattr(only_on_the_path, 'VALUE', None), 'buffers': buffers(),
    }
    start_response('200 OK', [])
    return [json.dumps(facts).encode('ascii')]
`

for (const version of VERSIONS)
  test(
    `Python ${version}: surroundings of a process`,
    { skip: process.platform !== 'linux' && 'needs /proc' },
    () =>
      withServer(
        {
          python: version,
          conf: `WSGIDaemonProcess one processes=2 threads=3 umask=0037 home="\${ROOT}/home" display-name="%{GROUP} here" lang=C locale=C.UTF-8 \\
    python-path="\${ROOT}/path" python-eggs="\${ROOT}/eggs" switch-interval=0.25 cpu-priority=5 send-buffer-size=4096 receive-buffer-size=8192
WSGIDaemonProcess two maximum-requests=2 threads=1
WSGIScriptAlias /one "\${ROOT}/apps/facts.wsgi" process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /two "\${ROOT}/apps/facts.wsgi" process-group=two application-group=%{GLOBAL}`,
          apps: { 'facts.wsgi': FACTS },
          files: {
            'home/': '',
            'path/more.pth': '${ROOT}/further\n',
            'further/only_on_the_path.py': "VALUE = 'by a .pth file'\n",
          },
        },
        async (server) => {
          const facts = async (place: string) => JSON.parse((await server.get(place)).text)
          const { pid, buffers, ...seen } = await facts('/one')
          const { root } = server
          assert.deepEqual(seen, {
            umask: 0o037,
            cwd: `${root}/home`,
            path: [`${root}/home`, `${root}/path`, `${root}/further`],
            title: '(wsgi:one) here',
            short: '(wsgi:one) here',
            lang: 'C',
            all: 'C.UTF-8',
            locale: 'C.UTF-8',
            eggs: `${root}/eggs`,
            interval: version === '2.7' ? null : 0.25,
            nice: 5,
            processes: true,
            threads: true,
            pth: 'by a .pth file',
          })
          // the kernel keeps the double
          assert.ok(
            buffers.some(([out, into]: number[]) => out === 8192 && into === 16384),
            JSON.stringify(buffers),
          )
          const isTitled = ({ pid }: { pid: number }) =>
            readFileSync(`/proc/${pid}/comm`, 'latin1').startsWith('(wsgi:one) here')
          await until(
            'both processes to have their title',
            () => server.processes().filter(isTitled).length === 2,
          )
          const threads = /^Threads:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
          assert.ok(Number(threads) >= 3)

          const two = await facts('/two')
          assert.deepEqual([two.processes, two.threads], [false, false])
          assert.equal((await facts('/two')).pid, two.pid)
          await until('another process after two requests', async () => (await facts('/two')).pid !== two.pid)
          await said(
            server,
            two.pid,
            "Maximum requests reached, attempt a graceful shutdown 'two' (maximum_requests).",
          )
        },
      ),
  )

for (const version of VERSIONS.filter((one) => findPython(one)?.sharedLibrary !== undefined))
  test(
    `Python ${version}: surroundings of embedded Python, which daemon processes do not share`,
    { skip: process.platform !== 'linux' && 'needs /proc' },
    () =>
      withServer(
        {
          python: version,
          args: ['-X'],
          conf: `WSGIPythonEggs "\${ROOT}/eggs"
WSGIPythonPath "\${ROOT}/path"
WSGISocketRotation Off
WSGIAcceptMutex FLOCK
WSGIDaemonProcess daemon threads=1
WSGIScriptAlias /embedded "\${ROOT}/apps/facts.wsgi" process-group=%{GLOBAL} application-group=%{GLOBAL}
WSGIScriptAlias /group "\${ROOT}/apps/facts.wsgi" process-group=%{GLOBAL} application-group=other
WSGIScriptAlias /daemon "\${ROOT}/apps/facts.wsgi" process-group=daemon application-group=%{GLOBAL}`,
          apps: { 'facts.wsgi': FACTS },
          files: { 'path/more.pth': '${ROOT}/further\n', 'further/only_on_the_path.py': 'VALUE = 1\n' },
        },
        async (server) => {
          const { root } = server
          for (const place of ['/embedded', '/group']) {
            const seen = JSON.parse((await server.get(place)).text)
            assert.deepEqual(
              [seen.eggs, seen.pth, ...seen.path.slice(0, 2), seen.processes],
              [`${root}/eggs`, 1, `${root}/path`, `${root}/further`, false],
              place,
            )
          }
          const daemon = JSON.parse((await server.get('/daemon')).text)
          assert.deepEqual(
            [daemon.eggs, daemon.pth, daemon.path.includes(`${root}/path`)],
            [null, null, false],
          )
        },
      ),
  )

test('WSGIAcceptMutex knows the mechanisms of httpd', () => {
  assert.match(
    faultsOf('WSGIAcceptMutex semaphore', vocabulary).join(),
    /Accept mutex lock mechanism 'semaphore' is invalid\. Valid accept mutexes for this platform are: /,
  )
})

test(
  'response-buffer-size: a response that fits into it holds no thread, however slow its client is',
  { skip: skipWithout('3') },
  () =>
    withServer(
      {
        // more than the kernel's buffers and the usual 1 MiB hold together
        conf: `WSGIDaemonProcess app threads=1 response-buffer-size=50331648
WSGIScriptAlias / "\${ROOT}/apps/app.wsgi" process-group=app application-group=%{GLOBAL}`,
        apps: {
          'app.wsgi': `def application(environ, start_response):
    start_response('200 OK', [])
    if environ['PATH_INFO'] == '/large':
        environ['wsgi.errors'].write('the large one has begun\\n')
    return (b'x' * 65536 for _ in range(480)) if environ['PATH_INFO'] == '/large' else [b'small']
`,
        },
      },
      async (server) => {
        const socket = connect(server.port, '127.0.0.1')
        socket.on('error', () => {})
        socket.pause()
        socket.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n')
        await server.waitForLog(/the large one has begun/)
        assert.equal((await server.get('/')).text, 'small')
        socket.destroy()
      },
    ),
)

test('daemon-options.md names a test for each option, and each of these is there', () => {
  const page = readFileSync(path.join(PROJECT, 'test', 'server', 'daemon-options.md'), 'utf8')
  const options = [...page.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, option]) => option)
  assert.deepEqual(options, DAEMON_OPTIONS)
  const { count, missing } = namedTests('server/daemon-options.md')
  assert.equal(count, options.length)
  assert.deepEqual(missing, [])
})
