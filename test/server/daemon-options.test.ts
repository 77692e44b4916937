/** Options of daemon processes that are no timers: limits, owners, buffers, service processes, jails, and what a process holds open. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { findPython, type Python, skipWithout, usable } from '../support/pythons.js'
import { type Layout, withConfiguration, withServer } from '../support/server.js'
import { until } from '../support/wait.js'
import { groups, isRoot, LIFE, pidOf, said, VERSIONS } from './daemon-support.js'

const python = { skip: skipWithout('3') }
const asRoot = { skip: python.skip || (!isRoot && 'needs root') }

for (const version of VERSIONS)
  test(`Python ${version}: limits of memory, processor time and stacks are set, and memory that is not given is an error of the request`, () =>
    withServer(
      groups(
        {
          limits:
            'memory-limit=300000000 virtual-memory-limit=2000000000 cpu-time-limit=100 stack-size=400001',
          small: 'stack-size=1',
        },
        { python: version },
      ),
      async (server) => {
        assert.equal((await server.get('/limits/limits')).text, '300000000 2000000000 100 401408')
        const smallest = Number((await server.get('/small/limits')).text.split(' ')[3])
        if (version === '2.7' || Number(version.split('.')[1]) < 14) assert.equal(smallest, 32_768)
        // 52 KiB where pages have 4 KiB
        else assert.ok(smallest > 32_768 && smallest <= 262_144, String(smallest))
        const before = await pidOf(server, 'limits')
        assert.equal((await server.get('/limits/memory')).status, 500)
        await server.waitForLog(/MemoryError/)
        assert.equal(await pidOf(server, 'limits'), before, 'the process goes on')
      },
    ))

test('script-user and script-group: only scripts of that owner are run', asRoot, () =>
  withServer(
    groups(
      { owned: 'script-user=daemon', shared: 'script-group=daemon', free: '' },
      {
        conf: ['other', 'writable', 'folder']
          .map((name) => `WSGIScriptAlias /${name} "\${ROOT}/${name}/life.wsgi" process-group=owned`)
          .join('\n'),
        prepare: (layout) => {
          for (const name of ['other', 'writable', 'folder']) layout.write(`${name}/life.wsgi`, LIFE)
          for (const name of ['apps', 'writable', 'folder'])
            for (const file of [name, `${name}/life.wsgi`]) chownSync(path.join(layout.root, file), 1, 1)
          chmodSync(path.join(layout.root, 'writable/life.wsgi'), 0o664)
          chmodSync(path.join(layout.root, 'folder'), 0o777)
        },
      },
    ),
    async (server) => {
      for (const name of ['owned', 'shared', 'free']) assert.ok(await pidOf(server, name))
      for (const [place, why] of [
        ['other', 'Owner of WSGI script file does not match required user for daemon process, user=daemon'],
        ['writable', 'WSGI script file is writable to group'],
        ['folder', 'Parent directory of WSGI script file is writable to world'],
      ]) {
        assert.equal((await server.get(`/${place}`)).status, 403)
        await server.waitForLog(new RegExp(why as string))
      }
    },
  ),
)

test('what must be refused is refused with its reason when the configuration is read', async () => {
  const cases: [string, RegExp][] = [
    ['script-user=daemon script-group=daemon', /Only one of script-user and script-group allowed\./],
    ['script-user=nobody-of-that-name', /Couldn't determine user name from script user\./],
    ['script-group=#54321', /Couldn't determine group name from script group\./],
    ['newrelic-environment=x', /Invalid option to WSGI daemon process definition\./],
    ['cpu-time-limit=-1', /Invalid CPU time limit for WSGI daemon process\./],
    ['resident-memory-limit=1G', /Invalid resident memory limit for WSGI daemon process\./],
    ['header-buffer-size=100', /Invalid header buffer size for WSGI daemon process\./],
    ['send-buffer-size=100', /Send buffer size must be >= 512 bytes, or 0 for system default\./],
    isRoot
      ? [
          'chroot=/nowhere',
          /Process group app has no Python: there is no python3 .* of the chroot directory \/nowhere/,
        ]
      : ['chroot=/srv', /Cannot chroot WSGI daemon process when not root\./],
    ['chroot=srv', /Invalid chroot directory for WSGI daemon process\./],
  ]
  for (const [options, expected] of cases)
    await withConfiguration(
      { conf: `WSGIDaemonProcess app ${options}`, python: 'none' },
      ['-t'],
      (result) => {
        assert.match(result.stderr, expected)
        assert.equal(result.code, 1)
      },
    )
})

test('socket-user owns the socket', asRoot, () =>
  withServer(
    groups({ owned: 'socket-user=daemon', plain: '' }, { conf: 'WSGISocketPrefix "${ROOT}/sock"' }),
    async (server) => {
      await pidOf(server, 'plain')
      const owners = readdirSync(server.root)
        .filter((name) => name.endsWith('.sock'))
        .map((name) => statSync(path.join(server.root, name)).uid)
      assert.deepEqual(
        owners.sort((a, b) => a - b),
        [1, 65534],
      )
      // server workers are nobody here, whom the owner does not let in
      assert.equal((await server.get('/owned/pid')).status, 503)
    },
  ),
)

test('header-buffer-size, buffer sizes and response-flush-delay', python, () =>
  withServer(
    groups({
      bounded:
        'header-buffer-size=8192 send-buffer-size=4096 receive-buffer-size=4096 response-buffer-size=65536',
      delayed: 'response-flush-delay=50',
    }),
    async (server) => {
      assert.equal((await server.get('/bounded/headers?8000')).headers['x-long']?.length, 8000)
      assert.equal((await server.get('/bounded/headers?9000')).status, 500)
      await server.waitForLog(
        /Truncated or oversized response headers received from daemon process 'bounded'/,
      )
      assert.equal((await server.get('/bounded/stream')).text, 'piece piece piece ')
      const chunks = await server.raw(
        'GET /delayed/stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      )
      assert.match(chunks, /\r\npiece piece/, 'pieces left together')
    },
  ),
)

for (const version of VERSIONS)
  test(`a service process runs its script, is started again when that returns, and stops by SystemExit: Python ${version}`, () =>
    withServer(
      {
        python: version,
        conf: `WSGIDaemonProcess service threads=0
WSGIImportScript "\${ROOT}/apps/service.wsgi" process-group=service application-group=%{GLOBAL}
WSGIDaemonProcess once threads=0
WSGIImportScript "\${ROOT}/apps/once.wsgi" process-group=once application-group=%{GLOBAL}
WSGIScriptAlias /service "\${ROOT}/apps/service.wsgi" process-group=service application-group=%{GLOBAL}`,
        apps: {
          'service.wsgi': `from __future__ import print_function
import atexit, os, signal, threading, time
signal.signal(signal.SIGUSR1, lambda number, frame: print('signal %d handled' % number))
def leave():
    print('atexit ran')
atexit.register(leave)
print('service %d runs on %s' % (os.getpid(), threading.current_thread().name))
try:
    time.sleep(1000)
except SystemExit:
    print('SystemExit in the service')
    raise
`,
          'once.wsgi': "print('once')\n",
        },
      },
      async (server) => {
        const [, pid] = await server.waitForLog(/service (\d+) runs on MainThread/)
        const answer = await server.get('/service')
        assert.equal(answer.status, 503)
        await server.waitForLog(/The scripts of service process 'once' have returned \(service_ended\)\./)
        await until('a second run', () => (server.errorLog().match(/: once$/gm)?.length ?? 0) >= 2)
        process.kill(Number(pid), 'SIGUSR1')
        await server.waitForLog(/signal 10 handled/)
        process.kill(Number(pid), 'SIGTERM')
        await server.waitForLog(/SystemExit in the service/)
        await server.waitForLog(/atexit ran/)
        await said(server, Number(pid), "Shutdown requested 'service' (shutdown_signal).")
        await until('another one', () => new RegExp(`service (?!${pid} )\\d+ runs`).test(server.errorLog()))
      },
    ))

test('a service whose script raises ends with an exit status that says so', () =>
  withServer(
    {
      conf: `WSGIDaemonProcess failing threads=0
WSGIImportScript "\${ROOT}/apps/failing.wsgi" process-group=failing application-group=%{GLOBAL}`,
      apps: { 'failing.wsgi': "raise ValueError('of no use')\n" },
    },
    async (server) => {
      await server.waitForLog(/ValueError: of no use/)
      await server.waitForLog(/Process 'failing' has ended: exit status 1 \(service_ended\)\./)
    },
  ))

/** What scripts of services wait in. Python 2.7 never leaves the wait for a lock, which a queue is. */
const WAITS: readonly (readonly [name: string, python2: boolean, code: string])[] = [
  ['sleep', true, 'time.sleep(1000)'],
  ['socket', true, 'pair = socket.socketpair(); pair[0].recv(1)'],
  ['queue', false, '__import__("queue").Queue().get()'],
]

for (const version of VERSIONS)
  test(`scripts of services that wait learn of the server's end: Python ${version}`, async () => {
    const waits = WAITS.filter(([, python2]) => python2 || version !== '2.7')
    const names = waits.flatMap(([name]) => [1, 2, 3, 4].map((number) => `${name}-${number}`))
    const code = Object.fromEntries(waits.map(([name, , text]) => [`${name}.wsgi`, text] as const))
    await withServer(
      {
        python: version,
        conf: names
          .map(
            (name) => `WSGIDaemonProcess ${name} threads=0
WSGIImportScript "\${ROOT}/apps/${name.replace(/-.*/, '.wsgi')}" process-group=${name} application-group=%{GLOBAL}`,
          )
          .join('\n'),
        apps: Object.fromEntries(
          Object.entries(code).map(([file, text]) => [
            file,
            `from __future__ import print_function
import atexit, mod_wsgi, socket, time
atexit.register(print, 'atexit of', mod_wsgi.process_group)
print('waits:', mod_wsgi.process_group)
try:
    ${text}
except SystemExit:
    print('SystemExit in', mod_wsgi.process_group)
    raise
`,
          ]),
        ),
      },
      async (server) => {
        for (const name of names) await server.waitForLog(new RegExp(`waits: ${name}$`, 'm'))
        server.signal('SIGTERM')
        await server.stopped()
        const log = server.errorLog()
        for (const name of names)
          for (const text of ['SystemExit in', 'atexit of']) assert.ok(log.includes(`${text} ${name}`), log)
        assert.doesNotMatch(log, /Aborting process/)
      },
    )
  })

for (const version of VERSIONS)
  test(`the end of a service reaches its script once, whoever asks again: Python ${version}`, () =>
    withServer(
      {
        python: version,
        conf: ['cleans', 'handles']
          .map(
            (name) => `WSGIDaemonProcess ${name} threads=0
WSGIImportScript "\${ROOT}/apps/${name}-é.wsgi" process-group=${name} application-group=%{GLOBAL}`,
          )
          .join('\n'),
        apps: {
          'cleans-é.wsgi': `import os, signal, time
print('cleans waits')
try:
    time.sleep(1000)
except SystemExit:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
    print('cleaned up')
`,
          // lives on for longer than it takes until a signal is sent again
          'handles-é.wsgi': `import signal, time
seen = []
signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
print('handles waits')
while not seen:
    time.sleep(0.1)
time.sleep(0.5)
print('handled %s' % seen)
`,
        },
      },
      async (server) => {
        for (const name of ['cleans', 'handles']) await server.waitForLog(new RegExp(`${name} waits`))
        server.signal('SIGTERM')
        await server.stopped()
        const log = server.errorLog()
        assert.match(log, /cleaned up$/m)
        assert.match(log, /handled \[15\]$/m)
      },
    ))

/** Puts a Python with its libraries under `jail`, as it lies outside. */
function makeJail(layout: Layout, found: Python): void {
  const jail = path.join(layout.root, 'jail')
  for (const folder of ['apps', 'tmp', 'www']) mkdirSync(path.join(jail, folder), { recursive: true })
  const { home, executable } = usable(found)
  const version = `python${found.major}.${found.minor}`
  const python = path.join(jail, 'py')
  mkdirSync(path.join(python, 'bin'), { recursive: true })
  cpSync(executable, path.join(python, 'bin', path.basename(executable)))
  execFileSync('ln', ['-s', `/py/bin/${path.basename(executable)}`, path.join(python, 'bin/python')])
  const modules = path.join(home, 'lib', version)
  mkdirSync(path.join(python, 'lib'), { recursive: true })
  cpSync(modules, path.join(python, 'lib', version), {
    recursive: true,
    filter: (file) =>
      !/\/(test|tests|idlelib|site-packages|config-[^/]*|__pycache__|dist-packages)$/.test(file),
  })
  const extensions = path.join(modules, 'lib-dynload')
  const names = readdirSync(extensions).filter((name) => name.endsWith('.so'))
  const binaries = [executable, ...names.map((name) => path.join(extensions, name))]
  const needed = execFileSync('ldd', binaries, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const libraries = [...needed.matchAll(/(\/\S+\.so\S*)(?= \()/g)].map(([, library = '']) => library)
  // The C library loads it when a thread ends; it lies beside it.
  const forThreads = libraries
    .filter((library) => /\/libc\.so/.test(library))
    .map((library) => path.join(path.dirname(library), 'libgcc_s.so.1'))
  for (const library of [...libraries, ...forThreads.filter((file) => existsSync(file))]) {
    const target = library.includes(home)
      ? // without /proc the executable's own search path cannot be found out
        path.join(jail, 'lib', path.basename(library))
      : path.join(jail, library)
    if (existsSync(target)) continue
    mkdirSync(path.dirname(target), { recursive: true })
    // Node 26 does not copy what a link leads to
    copyFileSync(library, target)
  }
  writeFileSync(path.join(jail, 'apps/inside.wsgi'), INSIDE)
  writeFileSync(path.join(layout.root, 'apps/outside.wsgi'), INSIDE)
  chmodSync(path.join(jail, 'tmp'), 0o1777)
}

const INSIDE = `
import json, os, threading
loaded, loaded_in = os.getcwd(), os.getpid()

def application(environ, start_response):
    body = json.dumps({
        'script': environ['SCRIPT_FILENAME'], 'root': environ.get('DOCUMENT_ROOT'), 'file': __file__, 'uid': os.getuid(),
        'pid': os.getpid(), 'loadedIn': loaded_in,
        'outside': os.path.exists(os.environ.get('OUTSIDE', '/nowhere')), 'cwd': loaded, 'top': sorted(os.listdir('/')),
        'group': environ['mod_wsgi.application_group'], 'fds': [os.readlink('/proc/self/fd/%s' % fd) for fd in os.listdir('/proc/self/fd')]
        if os.path.exists('/proc') else None,
    }).encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
`

for (const [version, lazy] of [...VERSIONS.map((one) => [one, 'On'] as const), ['3', 'Off'] as const])
  test(
    `chroot: Python ${version} lies in the jail, the runtime need not, and paths are those inside; WSGILazyInitialization ${lazy}`,
    asRoot,
    () => {
      const found = findPython(version) as Python
      return withServer(
        {
          python: 'none',
          env: { OUTSIDE: '${ROOT}' },
          conf: `WSGILazyInitialization ${lazy}
DocumentRoot "\${ROOT}/jail/www"
WSGIDaemonProcess jailed chroot="\${ROOT}/jail" python-home=/py threads=2 user=daemon group=daemon
WSGIScriptAlias /global "\${ROOT}/jail/apps/inside.wsgi" process-group=jailed application-group=%{GLOBAL}
WSGIScriptAlias /sub "\${ROOT}/jail/apps/inside.wsgi" process-group=jailed application-group=sub
WSGIScriptAlias /out "\${ROOT}/apps/outside.wsgi" process-group=jailed application-group=%{GLOBAL}`,
          prepare: (layout) => makeJail(layout, found),
        },
        async (server) => {
          for (const [place, group] of [
            ['/global', ''],
            ['/sub', 'sub'],
          ]) {
            const answer = await server.get(place as string)
            assert.equal(answer.status, 200, answer.text)
            const seen = JSON.parse(answer.text)
            assert.deepEqual(
              [seen.script, seen.file, seen.root, seen.outside, seen.uid, seen.cwd, seen.group],
              ['/apps/inside.wsgi', '/apps/inside.wsgi', '/www', false, 1, '/', group],
            )
            assert.ok(seen.top.includes('py'))
            if (group === '')
              assert.equal(seen.loadedIn === seen.pid, lazy === 'On', 'forked after loading, or not')
          }
          assert.equal((await server.get('/out')).status, 500)
          await server.waitForLog(
            /wsgi:crit.*WSGI script '.*\/apps\/outside\.wsgi' is located outside of the chroot directory '.*\/jail'/,
          )
        },
      )
    },
  )

for (const version of VERSIONS)
  test(
    `a process of a virtual host holds its own log and sockets, and nothing of anybody else: Python ${version}`,
    asRoot,
    () => isolation(version),
  )

function isolation(version: string): Promise<void> {
  const host = (name: string, port: string) => `Listen 127.0.0.1:\${${port}}
<VirtualHost *:\${${port}}>
ServerName ${name}
ErrorLog ${name}.log
CustomLog ${name}-access.log common
WSGIDaemonProcess ${name} threads=2
WSGIScriptAlias /${name} "\${ROOT}/apps/fd2.wsgi" process-group=${name} application-group=%{GLOBAL}
</VirtualHost>`
  return withServer(
    {
      python: version,
      conf: `${host('one', 'PORT2')}\n${host('two', 'PORT3')}\nWSGIDaemonProcess main threads=2
WSGIScriptAlias /main "\${ROOT}/apps/fd2.wsgi" process-group=main application-group=%{GLOBAL}`,
      apps: {
        'fd2.wsgi': `
import ctypes, os
def application(environ, start_response):
    name = environ['mod_wsgi.process_group']
    os.write(2, ('by os.write for %s\\n' % name).encode())
    libc = ctypes.CDLL(None)
    libc.dprintf(2, ('by C code for %s\\n' % name).encode())
    print('by print for %s' % name)
    body = str(os.getpid()).encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
`,
      },
    },
    async (server) => {
      const [, second, third] = server.layout.ports
      const pids = {
        one: Number((await server.get('/one', { port: second as number })).text),
        two: Number((await server.get('/two', { port: third as number })).text),
        main: Number((await server.get('/main')).text),
      }
      const inodes = new Map<string, string[]>()
      for (const [name, pid] of Object.entries(pids)) {
        const own = name === 'main' ? 'error.log' : `${name}.log`
        for (const how of ['os.write', 'C code', 'print'])
          await server.waitForLog(new RegExp(`by ${how} for ${name}$`, 'm'), own)
        const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
        const logs = links.filter((link) => link.endsWith('.log')).map((link) => path.basename(link))
        assert.deepEqual([...new Set(logs)], [own])
        inodes.set(
          name,
          links.filter((link) => link.startsWith('socket:')),
        )
        const tcp = new Set(
          readFileSync('/proc/net/tcp', 'latin1')
            .split('\n')
            .map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`),
        )
        assert.deepEqual(
          links.filter((link) => tcp.has(link)),
          [],
          'no TCP socket, listening or not',
        )
      }
      const all = [...inodes.values()].flat()
      assert.equal(new Set(all).size, all.length, 'no socket is shared between groups')
      for (const name of ['one', 'two'])
        assert.doesNotMatch(
          server.layout.read(`${name}.log`),
          name === 'one' ? /for (two|main)/ : /for (one|main)/,
        )
    },
  )
}
