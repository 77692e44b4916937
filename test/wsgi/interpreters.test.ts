/**
 * Application groups and what interpreters are set up with, in daemon processes of each Python that is there and in embedded mode.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { describe, test } from 'node:test'
import {
  findFreeThreaded,
  findPython,
  type Python,
  skipWithout,
  usable,
  withNewest,
} from '../support/pythons.js'
import { type Layout, type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const PYTHONS: [name: string, python: Python][] = withNewest('2.7', '3.8', '3.11', '3.12').map((version) => [
  `py${version.replace('.', '')}`,
  usable(findPython(version) as Python),
])

/** Says about its interpreter whatever the tests want to know. */
const FACTS = `
import json, os, sys, threading
local = threading.local()

def application(environ, start_response):
    local.count = getattr(local, 'count', 0) + 1
    facts = {
        'count': local.count, 'group': environ['mod_wsgi.application_group'], 'pid': os.getpid(),
        'version': '%d.%d' % sys.version_info[:2], 'path': sys.path, 'stdout': type(sys.stdout).__name__,
        'stdin': type(sys.stdin).__name__, 'py3k': getattr(sys, 'py3kwarning', None), 'optimize': sys.flags.optimize,
        'interval': getattr(sys, 'getswitchinterval', lambda: None)(), 'bytecode': sys.dont_write_bytecode,
        'gil': getattr(sys, '_is_gil_enabled', lambda: True)(), 'warnoptions': sys.warnoptions, 'hash': hash('wsgi'), 'prefix': sys.prefix,
    }
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(facts).encode('ascii')]
`

interface Facts {
  count: number
  group: string
  pid: number
  version: string
  path: string[]
  stdout: string
  stdin: string
  py3k: boolean | null
  optimize: number
  interval: number | null
  gil: boolean
  bytecode: boolean
  warnoptions: string[]
  hash: number
}

async function facts(server: TestServer, place: string, host?: string): Promise<Facts> {
  const answer = await server.get(place, host === undefined ? {} : { headers: { Host: host } })
  assert.equal(answer.status, 200, `${place}: ${answer.text}`)
  return JSON.parse(answer.text)
}

/** A daemon process group for each Python, by a template in which `NAME` stands for the group. */
function forEach(template: string): string {
  return PYTHONS.map(
    ([name, { home }]) =>
      `WSGIDaemonProcess ${name} threads=1 python-home=${home}\n${template.replaceAll('NAME', name)}`,
  ).join('\n')
}

describe('interpreters', { concurrency: 2 }, () => {
  test('thread-local data lives as long as the process, in each application group for itself', async () => {
    const conf = forEach(`
WSGIScriptAlias /NAME/global \${ROOT}/apps/facts.wsgi process-group=NAME application-group=%{GLOBAL}
WSGIScriptAlias /NAME/one \${ROOT}/apps/facts.wsgi process-group=NAME application-group=one
WSGIScriptAlias /NAME/mount \${ROOT}/apps/facts.wsgi process-group=NAME`)
    await withServer({ conf, apps: { 'facts.wsgi': FACTS } }, async (server) => {
      for (const [name, python] of PYTHONS) {
        for (const [place, group] of [
          ['global', ''],
          ['one', 'one'],
          ['mount', `localhost:${server.port}|/${name}/mount`],
        ] as const) {
          for (const expected of [1, 2, 3]) {
            const seen = await facts(server, `/${name}/${place}`)
            assert.equal(seen.count, expected, `${name} ${place}`)
            assert.equal(seen.group, group)
            assert.equal(seen.version, `${python.major}.${python.minor}`)
          }
        }
      }
    })
  })

  test('how Python is started: flags and hash seed for every process, -3 for Python 2', async () => {
    const conf = `
WSGIPythonOptimize 2
WSGIDontWriteBytecode On
WSGIPythonWarnings ignore::ImportWarning
WSGIPythonWarnings default::UserWarning
WSGIPythonHashSeed 7
WSGIPy3kWarningFlag On
WSGIScriptAlias /embedded \${ROOT}/apps/facts.wsgi
${forEach('WSGIScriptAlias /NAME ${ROOT}/apps/facts.wsgi process-group=NAME')}`
    await withServer({ conf, apps: { 'facts.wsgi': FACTS } }, async (server) => {
      for (const name of ['embedded', ...PYTHONS.map(([group]) => group)]) {
        const seen = await facts(server, `/${name}`)
        assert.equal(seen.optimize, 2)
        assert.equal(seen.bytecode, true)
        assert.deepEqual(seen.warnoptions, ['ignore::ImportWarning', 'default::UserWarning'])
        assert.equal(seen.py3k, seen.version === '2.7' ? true : null)
        const fresh = execFileSync(
          findPython(seen.version)?.executable as string,
          ['-c', "print(hash('wsgi'))"],
          {
            env: { PYTHONHASHSEED: '7' },
            encoding: 'utf8',
          },
        )
        // 2.7 hashes without seed unless it is told to by -R, which PYTHONHASHSEED is
        assert.equal(seen.hash, Number(fresh), name)
      }
      await server.waitForLog(/WSGIPy3kWarningFlag has no effect: it is for Python 2/)
      assert.doesNotMatch(server.errorLog(), /WSGIPy3kWarningFlag.*is Python 2/)
    })
  })

  test('<WSGIInterpreterOptions>: the most specific container wins, paths add up', async () => {
    const conf = `
WSGIDaemonProcess g threads=1 python-path=\${ROOT}/base
WSGIRestrictStdin On
<WSGIInterpreterOptions application-group=special process-group=g>
  WSGIPythonPath \${ROOT}/both
  WSGIRestrictStdout On
  WSGIRestrictStdin Off
</WSGIInterpreterOptions>
<WSGIInterpreterOptions process-group=g>
  WSGIPythonPath \${ROOT}/group
  WSGISwitchInterval 0.25
</WSGIInterpreterOptions>
<WSGIInterpreterOptions application-group=special>
  WSGIPythonPath \${ROOT}/application
  WSGIRestrictStdin On
</WSGIInterpreterOptions>
<WSGIInterpreterOptions process-group=%{GLOBAL}>
  WSGISwitchInterval 0.125
</WSGIInterpreterOptions>
WSGIScriptAlias /special \${ROOT}/apps/facts.wsgi process-group=g application-group=special
WSGIScriptAlias /other \${ROOT}/apps/facts.wsgi process-group=g application-group=other
WSGIScriptAlias /embedded \${ROOT}/apps/facts.wsgi process-group=%{GLOBAL} application-group=special`
    const files = { 'base/': '', 'both/': '', 'group/': '', 'application/': '' }
    await withServer({ conf, files, apps: { 'facts.wsgi': FACTS } }, async (server) => {
      const heads = (seen: Facts, count: number) =>
        seen.path.slice(0, count).map((entry) => entry.replace(`${server.root}/`, ''))
      const special = await facts(server, '/special')
      assert.deepEqual(heads(special, 4), ['both', 'application', 'group', 'base'])
      assert.equal(special.stdout, 'Restricted')
      assert.notEqual(special.stdin, 'Restricted')
      assert.equal(special.interval, 0.25)
      const other = await facts(server, '/other')
      assert.deepEqual(heads(other, 2), ['group', 'base'])
      assert.notEqual(other.stdout, 'Restricted')
      assert.equal(other.stdin, 'Restricted')
      const embedded = await facts(server, '/embedded')
      assert.deepEqual(heads(embedded, 1), ['application'])
      assert.equal(embedded.interval, 0.125)
    })
  })

  test('names that requests bring about are limited', async () => {
    const conf = `
WSGIHttpdApplicationGroupLimit 2
WSGIScriptAlias /embedded \${ROOT}/apps/facts.wsgi application-group=%{HOST}
${forEach('WSGIScriptAlias /NAME ${ROOT}/apps/facts.wsgi process-group=NAME application-group=%{HOST}\nWSGIScriptAlias /NAME-named ${ROOT}/apps/facts.wsgi process-group=NAME application-group=named')}`
    await withServer({ conf, args: ['-X'], apps: { 'facts.wsgi': FACTS } }, async (server) => {
      for (const name of ['embedded', ...PYTHONS.map(([group]) => group)]) {
        const [first, second] = [
          await facts(server, `/${name}`, 'a.test'),
          await facts(server, `/${name}`, 'b.test'),
        ]
        assert.notEqual(first.group, second.group)
        const refused = await server.get(`/${name}`, { headers: { Host: 'c.test' } })
        assert.equal(refused.status, 503, name)
        const again = await facts(server, `/${name}`, 'a.test')
        assert.deepEqual([again.group, again.pid], [first.group, first.pid])
        if (name !== 'embedded') assert.equal((await facts(server, `/${name}-named`)).group, 'named')
      }
      const told = server
        .errorLog()
        .match(/Cannot acquire interpreter 'c\.test:\d+': .*WSGIHttpdApplicationGroupLimit/g)
      assert.equal(told?.length, PYTHONS.length + 1)
    })
  })

  test('WSGIDestroyInterpreter Off: no atexit functions', async () => {
    const app = `import atexit, sys
atexit.register(lambda: sys.stderr.write('atexit has run\\n'))
${FACTS}`
    for (const [mode, ran] of [
      ['On', true],
      ['Off', false],
    ] as const) {
      const conf = `WSGIDestroyInterpreter ${mode}
WSGIDaemonProcess g threads=1
WSGIScriptAlias /main \${ROOT}/apps/app.wsgi process-group=g application-group=%{GLOBAL}
WSGIScriptAlias /sub \${ROOT}/apps/app.wsgi process-group=g application-group=sub`
      await withServer({ conf, apps: { 'app.wsgi': app } }, async (server) => {
        const { pid } = await facts(server, '/main')
        await facts(server, '/sub')
        process.kill(pid, 'SIGTERM')
        await server.waitForLog(/Process 'g' has ended/)
        assert.equal(server.errorLog().match(/atexit has run/g)?.length ?? 0, ran ? 2 : 0)
      })
    }
  })
})

/** Holds the GIL in C code until another application group has written to the pipe. */
const HOLD = `
import ctypes, os
def application(environ, start_response):
    start_response('200 OK', [])
    fd = os.open(environ['HTTP_X_PIPE'], os.O_RDWR)
    if environ['PATH_INFO'] == '/write':
        os.write(fd, b'x')
        return [b'written']
    buffer = ctypes.create_string_buffer(1)
    open(environ['HTTP_X_PIPE'] + '.began', 'w').close()
    ctypes.PyDLL(None).read(fd, buffer, 1)
    return [b'held']
`

/**
 * Goes through rounds with another application group, each of which waits for the other's step in shared memory without ever giving its lock up.
 * With one lock for both, the first would wait for ever, until it is told to stop.
 */
const RENDEZVOUS = `
import mmap, os, sys
ROUNDS, STOP = 100, 2
def application(environ, start_response):
    start_response('200 OK', [])
    if environ['PATH_INFO'] == '/pid':
        return [str(os.getpid()).encode('ascii')]
    me, other = (0, 1) if environ['PATH_INFO'] == '/first' else (1, 0)
    fd = os.open(environ['HTTP_X_MEMORY'], os.O_RDWR)
    memory = mmap.mmap(fd, 3)
    os.close(fd)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    for step in range(1, ROUNDS + 1):
        memory[me] = step
        while memory[other] < step and not memory[STOP]:
            pass
        if memory[STOP]:
            break
    met = memory[other]
    sys.setswitchinterval(before)
    return [('%d %d' % (step, met)).encode('ascii')]
`

function makePipe({ root }: Layout): void {
  mkdirSync(`${root}/pipes`)
  chmodSync(`${root}/pipes`, 0o777)
  execFileSync('mkfifo', ['-m', '666', `${root}/pipes/pipe`])
}

const OWN_GIL = `WSGIPerInterpreterGIL On
WSGIDaemonProcess g threads=4 processes=1
WSGIScriptAlias /a \${ROOT}/apps/app.wsgi process-group=g application-group=a
WSGIScriptAlias /b \${ROOT}/apps/app.wsgi process-group=g application-group=b`

/** With 3.12 a process can have several locks, but not all of its modules take them: the newest is the one to hold them to it. */
const WITH_OWN_GIL = withNewest('3.12').filter((version) => Number(version.split('.')[1]) >= 12)
const newest = WITH_OWN_GIL.findLast((version) => version !== '3.12')
const skip = newest === undefined && 'no Python 3.13 or newer on this machine'

const rendezvous = {
  apps: { 'app.wsgi': RENDEZVOUS },
  prepare({ root }: Layout): void {
    writeFileSync(`${root}/memory`, Buffer.alloc(3))
    chmodSync(`${root}/memory`, 0o666)
  },
}

/** Has two requests in one process meet. */
async function meet(server: TestServer): Promise<void> {
  const pids = [await server.get('/a/pid'), await server.get('/b/pid')].map(({ text }) => text)
  assert.equal(pids[0], pids[1])
  const headers = { 'X-Memory': `${server.root}/memory` }
  const both = await Promise.all(['/a/first', '/b/second'].map((place) => server.get(place, { headers })))
  for (const { text } of both) assert.match(text, /^100 (99|100)$/)
}

describe('WSGIPerInterpreterGIL', { concurrency: 2 }, () => {
  test('one group runs while another holds its lock', { skip }, async () => {
    await withServer(
      { conf: OWN_GIL, python: newest as string, apps: { 'app.wsgi': HOLD }, prepare: makePipe },
      async (server) => {
        const headers = { 'X-Pipe': `${server.root}/pipes/pipe` }
        const held = server.get('/a/hold', { headers })
        await until('the lock to be held', () => existsSync(`${server.root}/pipes/pipe.began`))
        assert.equal((await server.get('/b/write', { headers })).text, 'written')
        assert.equal((await held).text, 'held')
      },
    )
  })

  test('deadlock-timeout finds a group that holds its own lock for ever', { skip }, async () => {
    const conf = OWN_GIL.replace('threads=4', 'threads=4 deadlock-timeout=1 shutdown-timeout=1')
    const apps = { 'app.wsgi': HOLD }
    await withServer({ conf, python: newest as string, apps, prepare: makePipe }, async (server) => {
      const headers = { 'X-Pipe': `${server.root}/pipes/pipe` }
      assert.equal((await server.get('/a/hold', { headers })).status, 502)
      await server.waitForLog(/Interpreter 'a' of process 'g' has not run Python code for 1 s\./)
      await server.waitForLog(
        /Daemon process deadlock timer expired, stopping process 'g' \(deadlock_timeout\)\./,
      )
      assert.equal((await server.get('/b/write', { headers })).status, 200)
    })
  })

  for (const version of WITH_OWN_GIL) {
    const options = { python: version, ...rendezvous }
    test(`two groups of one process run at the same time: ${version}`, () =>
      withServer({ ...options, conf: OWN_GIL }, meet))

    test(`with one lock for both they do not: ${version}`, () =>
      withServer({ ...options, conf: OWN_GIL.replace('GIL On', 'GIL Off') }, async (server) => {
        for (const place of ['/a/pid', '/b/pid']) await server.get(place)
        const headers = { 'X-Memory': `${server.root}/memory` }
        const both = ['/a/first', '/b/second'].map((place) => server.get(place, { headers }))
        const steps = () => [...readFileSync(`${server.root}/memory`).subarray(0, 2)].sort()
        await until('one of them to run', () => steps()[1] === 1)
        let looks = 0
        await until('the other to have had its chance', () => ++looks > 20)
        assert.deepEqual(steps(), [0, 1])
        const file = openSync(`${server.root}/memory`, 'r+')
        writeSync(file, Buffer.of(1), 0, 1, 2)
        closeSync(file)
        const texts = (await Promise.all(both)).map(({ text }) => text)
        assert.ok(texts.includes('1 0'), `one of them has never seen the other: ${texts}`)
      }))
  }

  test('elsewhere it says that it has no effect', { skip: skipWithout('3.8') }, async () => {
    await withServer({ conf: OWN_GIL, python: '3.8', apps: { 'app.wsgi': FACTS } }, async (server) => {
      await facts(server, '/a')
      await server.waitForLog(/WSGI0198: WSGIPerInterpreterGIL has no effect on interpreter 'a'/)
    })
  })
})

const free = findFreeThreaded()

describe('WSGIFreeThreading', { concurrency: 2 }, () => {
  const options = { skip: free === undefined && 'no free-threaded Python on this machine' }
  const home = () => `WSGIPythonHome ${usable(free as Python).home}\nWSGIFreeThreading On\n`

  test('whole processes have no lock, and have one where it is off', options, async () => {
    const conf = `${home()}WSGIDaemonProcess on threads=2
WSGIDaemonProcess off threads=2
<WSGIInterpreterOptions process-group=off>
WSGIFreeThreading Off
</WSGIInterpreterOptions>
WSGIScriptAlias /on \${ROOT}/apps/app.wsgi process-group=on application-group=%{GLOBAL}
WSGIScriptAlias /sub \${ROOT}/apps/app.wsgi process-group=on application-group=sub
WSGIScriptAlias /off \${ROOT}/apps/app.wsgi process-group=off
WSGIScriptAlias /embedded \${ROOT}/apps/app.wsgi application-group=%{GLOBAL}`
    await withServer({ conf, python: 'none', args: ['-X'], apps: { 'app.wsgi': FACTS } }, async (server) => {
      for (const [name, gil] of Object.entries({ on: false, sub: false, off: true, embedded: false }))
        assert.equal((await facts(server, `/${name}`)).gil, gil, name)
      assert.doesNotMatch(server.errorLog(), /WSGI0200/)
    })
  })

  test('two threads of one interpreter run at the same time', options, () => {
    const oneGroup = OWN_GIL.slice(OWN_GIL.indexOf('\n') + 1).replace(
      /application-group=[ab]$/gm,
      'application-group=%{GLOBAL}',
    )
    return withServer({ conf: home() + oneGroup, python: 'none', ...rendezvous }, meet)
  })

  test('WSGIFreeThreading says where Python has a GIL all the same', { skip: skipWithout('3') }, async () => {
    const conf = `WSGIFreeThreading On
WSGIDaemonProcess g threads=1
WSGIScriptAlias /daemon \${ROOT}/apps/app.wsgi process-group=g application-group=%{GLOBAL}
WSGIScriptAlias /embedded \${ROOT}/apps/app.wsgi application-group=%{GLOBAL}`
    await withServer({ conf, args: ['-X'], apps: { 'app.wsgi': FACTS } }, async (server) => {
      for (const place of ['/daemon', '/embedded']) await facts(server, place)
      await until('both to say so', () => server.errorLog().match(/WSGI0200: /g)?.length === 2)
    })
  })
})
