/** When scripts are loaded anew: changed files, `__mtime__`, `reload_required`, in daemon processes and embedded (mod_wsgi, "Source code reloading"). */
import assert from 'node:assert/strict'
import { readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { findPython, type Python, usable, withNewest } from '../support/pythons.js'
import { type TestServer, withServer } from '../support/server.js'
import { until } from '../support/wait.js'

const PYTHONS = withNewest('2.7', '3.8', '3.11').map((version) => usable(findPython(version) as Python))

/** Answers with what identifies the process and the load of the module. */
const APP = `
import os, sys, time
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
import helper
WORD = 'first'
LOAD = sys.loads = getattr(sys, 'loads', 0) + 1

def answer(environ, start_response):
    start_response('200 OK', [])
    return [('%s %d %d' % (WORD, os.getpid(), LOAD)).encode('ascii')]

def application(environ, start_response):
    if environ['PATH_INFO'] == '/forget':
        del sys.modules[__name__].__mtime__
    if environ['PATH_INFO'] == '/hold':
        sys.stderr.write('held by %s\\n' % WORD)
        sys.stderr.flush()
        while not os.path.exists(os.path.join(os.path.dirname(__file__), 'go')):
            time.sleep(0.01)
    return answer(environ, start_response)

handle_request = answer
`

const ASKING = `${APP}
def reload_required(resource):
    flag = os.path.join(os.path.dirname(__file__), 'flag')
    with open(flag) as file:
        word = file.read()
    if word == 'raise':
        raise ValueError('asked for ' + os.path.basename(resource))
    if word == 'once' and WORD != 'second':
        return True
    return False
`

interface Seen {
  readonly word: string
  readonly pid: number
  readonly load: number
}

async function look(server: TestServer, place: string): Promise<Seen> {
  const answer = await server.get(place)
  assert.equal(answer.status, 200, `${place}: ${answer.text}`)
  const [word = '', pid, load] = answer.text.split(' ')
  return { word, pid: Number(pid), load: Number(load) }
}

/** Replaces the word in a script and gives the file that time, in seconds from now. */
function change(server: TestServer, name: string, word: string, seconds: number): void {
  const file = `${server.root}/apps/${name}`
  writeFileSync(file, readFileSync(file, 'utf8').replace(/WORD = '\w+'/, `WORD = '${word}'`))
  const time = Date.now() / 1000 + seconds
  utimesSync(file, time, time)
}

function configuration(group: string, options: string): string {
  const names = ['app', 'asking', 'still', 'broken']
  return `${group}
${names.map((name) => `WSGIScriptAlias /${name} \${ROOT}/apps/${name}.wsgi ${options}`).join('\n')}
WSGIHandlerScript asked \${ROOT}/apps/handler.py ${options}
<Location /handled>
  SetHandler asked
</Location>
<Location /still>
  WSGIScriptReloading Off
</Location>`
}

const APPS = {
  'app.wsgi': APP,
  'still.wsgi': ASKING,
  'asking.wsgi': ASKING,
  'handler.py': ASKING,
  'broken.wsgi': APP,
  'helper.py': '',
  flag: 'no',
}

for (const mode of ['daemon', 'embedded'] as const) {
  const pythons = PYTHONS.filter(
    ({ major, sharedLibrary }) => mode === 'daemon' || (major === 3 && sharedLibrary !== undefined),
  )
  describe(`${mode} mode`, { concurrency: 2 }, () => {
    for (const python of pythons) {
      test(`reloads what has changed: Python ${python.version}`, async () => {
        // one worker: the number of loads is per process
        const conf = `WSGIPythonHome ${python.home}\n${
          mode === 'daemon'
            ? configuration('WSGIDaemonProcess g threads=2', 'process-group=g application-group=%{GLOBAL}')
            : configuration('', 'application-group=%{GLOBAL}')
        }`
        await withServer({ conf, python: 'none', args: ['-X'], apps: APPS }, async (server) => {
          /** Looks again after a change; daemon mode wants another process, embedded mode the same one. */
          const reloaded = async (place: string, before: Seen): Promise<Seen> => {
            const after = await look(server, place)
            if (mode === 'daemon') assert.notEqual(after.pid, before.pid, place)
            else assert.deepEqual([after.pid, after.load > before.load], [before.pid, true], place)
            return after
          }
          let seen = await look(server, '/app')
          assert.deepEqual(await look(server, '/app'), seen, 'nothing has changed')
          change(server, 'app.wsgi', 'newer', 60)
          seen = await reloaded('/app', seen)
          assert.equal(seen.word, 'newer')
          await server.waitForLog(
            mode === 'daemon'
              ? /info\].*Force restart of process 'g': a script file has changed \(script_reload\)/
              : /info\].*Reloading WSGI script '.*\/app\.wsgi'/,
          )

          // a request that runs keeps its module, or its process
          const held = look(server, '/app/hold')
          await server.waitForLog(/held by newer/)
          const before = seen
          change(server, 'app.wsgi', 'older', -60)
          seen = await reloaded('/app', seen)
          assert.equal(seen.word, 'older')
          server.write('apps/go', '')
          assert.deepEqual([(await held).word, (await held).pid], ['newer', before.pid])

          // modules that a script imports are not watched
          utimesSync(`${server.root}/apps/helper.py`, 1, 1)
          assert.deepEqual(await look(server, '/app'), seen)
          await look(server, '/app/forget')
          seen = await reloaded('/app', seen)

          // off: neither time nor function
          const still = await look(server, '/still')
          change(server, 'still.wsgi', 'unseen', 60)
          assert.deepEqual(await look(server, '/still'), still)
          if (mode === 'daemon') {
            // whatever replaces the process, the next one loads what there is; INT does so in order
            process.kill(still.pid, 'SIGINT')
            await until('another process', async () => (await look(server, '/still')).pid !== still.pid)
            assert.equal((await look(server, '/still')).word, 'unseen')
            await server.waitForLog(
              new RegExp(`pid=${still.pid}\\): Shutdown requested 'g' \\(shutdown_signal\\)`),
            )
          }

          // asked by the script, and by a handler script for its resource
          for (const [place, name] of [
            ['/asking', 'asking.wsgi'],
            ['/handled/thing', 'handler.py'],
          ] as const) {
            server.write('apps/flag', 'no')
            utimesSync(`${server.root}/apps/${name}`, 1000, 1000)
            const before = await look(server, place)
            assert.deepEqual(await look(server, place), before)
            server.write('apps/flag', 'raise')
            assert.deepEqual(await look(server, place), before, 'an exception counts as no')
            await server.waitForLog(new RegExp(`ValueError: asked for ${name === 'handler.py' ? '' : name}`))
            const file = `${server.root}/apps/${name}`
            const { atime, mtime } = statSync(file)
            change(server, name, 'second', 0)
            utimesSync(file, atime, mtime)
            server.write('apps/flag', 'once')
            const after = await reloaded(place, before)
            assert.equal(after.word, 'second')
            assert.deepEqual(await look(server, place), after, 'once')
          }

          // a faulty script is tried again with each request
          const whole = await look(server, '/broken')
          const file = `${server.root}/apps/broken.wsgi`
          const text = readFileSync(file, 'utf8')
          writeFileSync(file, 'nonsense(')
          utimesSync(file, 1, 1)
          for (let times = 0; times < 2; times++) assert.equal((await server.get('/broken')).status, 500)
          writeFileSync(file, text)
          assert.equal((await look(server, '/broken')).word, whole.word)
        })
      })
    }
  })
}

for (const { version, home } of PYTHONS)
  test(`--reload-on-changes: a module that the application imports; Python ${version}`, () =>
    reloadsOnChanges(home))

async function reloadsOnChanges(home: string): Promise<void> {
  const app = `
import os, sys
sys.path.insert(0, os.path.dirname(__file__))
import helper
def application(environ, start_response):
    start_response('200 OK', [])
    return [helper.WORD.encode('ascii')]
`
  const reloader = new URL('../../../share/reloader.py', import.meta.url).pathname
  const conf = `WSGIPythonHome ${home}
WSGIDaemonProcess g threads=2
WSGIImportScript "\${ROOT}/apps/reloader.py" process-group=g application-group=%{GLOBAL}
WSGIScriptAlias / \${ROOT}/apps/app.wsgi process-group=g application-group=%{GLOBAL}
WSGIDontWriteBytecode On`
  const apps = {
    'app.wsgi': app,
    'helper.py': "WORD = 'first'",
    'reloader.py': readFileSync(reloader, 'utf8'),
  }
  await withServer({ conf, apps, python: 'none' }, async (server) => {
    assert.equal((await server.get('/')).text, 'first')
    server.write('apps/helper.py', "WORD = 'second'")
    let time = 1
    await until('the new module', async () => {
      // Python 2 does not tell how old a file was when it was loaded: there a first change may pass for its age
      utimesSync(`${server.root}/apps/helper.py`, time, time++)
      const answer = await server.get('/')
      assert.equal(answer.status, 200)
      return answer.text === 'second'
    })
    await server.waitForLog(/:notice\] .*Change detected to '.*helper\.py'/)
  })
}
