/**
 * Promises of mod_wsgi's release 3.0 that the other tests of this folder do not look at, on the real server: import scripts and preloading,
 * streams and signals, reloading, handler scripts, and what is refused when the configuration is read.
 */
import assert from 'node:assert/strict'
import { readFileSync, unlinkSync, utimesSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { findPythons } from '../support/pythons.js'
import { type TestServer, withConfiguration, withServer } from '../support/server.js'

const APPLICATION = `
import os, signal, sys, mod_wsgi
VERSION = 'first'
sys.stderr.write('loaded in %s/%s\\n' % (mod_wsgi.process_group, mod_wsgi.application_group))

def answer(what):
    if what == '/print':
        print('x printed')
        return 'printed'
    if what == '/stdin':
        return '%s %r' % (type(sys.stdin).__name__, sys.stdin.read())
    if what == '/signal':
        handler = lambda number, frame: None
        return str(signal.signal(signal.SIGTERM, handler) is handler)
    if what == '/nice':
        return str(os.nice(0))
    return '%s %d' % (VERSION, os.getpid())

def application(environ, start_response):
    try:
        text = answer(environ['PATH_INFO'])
    except (IOError, ValueError) as error:
        text = '%s: %s' % (type(error).__name__, error)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [text.encode('ascii')]
`

/** The handler of the release notes' example, and a `reload_required` that the test drives by files next to the script. */
const HANDLER = `
import os

def handle_request(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%s %s %s %d' % (os.path.basename(environ['SCRIPT_FILENAME']), environ['mod_wsgi.request_handler'],
                              os.path.basename(environ['mod_wsgi.handler_script']), os.getpid())).encode('ascii')]

def reload_required(resource):
    flags = os.path.join(os.path.dirname(__file__), 'flags', str(os.getpid()))
    if os.path.exists(flags + '.raise'):
        raise ValueError('raised by reload_required for ' + os.path.basename(resource))
    return os.path.exists(flags)
`

const CONF = `
StartServers 1
WSGIDaemonProcess one threads=2 cpu-priority=10
WSGIImportScript \${ROOT}/apps/import.py process-group=one application-group=%{GLOBAL}
WSGIImportScript \${ROOT}/apps/faulty.py process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /preloaded \${ROOT}/apps/app.wsgi process-group=one application-group=early
WSGIScriptAlias /daemon \${ROOT}/apps/app.wsgi process-group=one application-group=%{GLOBAL}
WSGIScriptAlias /restricted \${ROOT}/apps/app.wsgi process-group=one application-group=restricted
WSGIScriptAlias /embedded \${ROOT}/apps/touched.wsgi
WSGIScriptAlias /kept \${ROOT}/apps/kept.wsgi process-group=one
<Location /kept>
  WSGIScriptReloading Off
</Location>
<WSGIInterpreterOptions process-group=one application-group=restricted>
  WSGIRestrictStdin On
  WSGIRestrictStdout On
  WSGIRestrictSignal Off
</WSGIInterpreterOptions>

AddHandler bobo-script .bobo
WSGIHandlerScript bobo-script \${ROOT}/apps/handler.wsgi process-group=one application-group=%{GLOBAL}
<Location /virtual>
  SetHandler shared
  WSGIHandlerScript shared \${ROOT}/apps/handler.wsgi process-group=one application-group=%{GLOBAL}
</Location>
<Location /other>
  SetHandler shared
  WSGIHandlerScript shared \${ROOT}/apps/second.wsgi process-group=one application-group=%{GLOBAL}
</Location>
<Location /none>
  SetHandler shared
  WSGIHandlerScript shared \${ROOT}/apps/app.wsgi process-group=one application-group=%{GLOBAL}
</Location>
`

const isEmbeddable = findPythons().some(
  ({ major, minor, sharedLibrary }) => major === 3 && minor >= 8 && sharedLibrary !== undefined,
)

describe('release 3.0', { concurrency: true }, () => {
  test('on a server', { skip: !isEmbeddable && 'no Python to embed' }, async (t) => {
    const apps = {
      'app.wsgi': APPLICATION,
      'touched.wsgi': APPLICATION,
      'kept.wsgi': APPLICATION,
      'handler.wsgi': HANDLER,
      'second.wsgi': HANDLER,
      'import.py': "print('imported before any request')",
      'faulty.py': "raise ValueError('raised by the import script')",
    }
    const files = { 'htdocs/x.bobo': 'never shown', 'apps/flags/': '' }
    await withServer({ conf: CONF, apps, files }, async (server) => {
      const text = async (place: string) => (await server.get(place)).text
      await t.test('import scripts run before any request; one that raises is logged', async () => {
        await server.waitForLog(/imported before any request/)
        await server.waitForLog(/ValueError: raised by the import script/)
      })
      await t.test('an alias with both groups is loaded before any request', async () => {
        await server.waitForLog(/loaded in one\/early/)
      })
      await t.test('print goes to the error log at level error', async () => {
        assert.equal(await text('/daemon/print'), 'printed')
        await server.waitForLog(/\[wsgi:error\] .*x printed/)
      })
      await t.test('stdin is empty', async () => {
        assert.match(await text('/daemon/stdin'), /^\w+ ''$/)
      })
      await t.test('restricted streams raise', async () => {
        assert.equal(await text('/restricted/print'), 'OSError: sys.stdout access restricted by mod_wsgi')
        assert.equal(await text('/restricted/stdin'), 'OSError: sys.stdin access restricted by mod_wsgi')
      })
      await t.test('signal handlers are ignored, with a word in the log', async () => {
        assert.equal(await text('/daemon/signal'), 'True')
        await server.waitForLog(/\[wsgi:warn\] .*Callback registration for signal 15 ignored\./)
        assert.equal(await text('/embedded/signal'), 'True')
        assert.match(await text('/restricted/signal'), /^ValueError: signal only works in main thread/)
      })
      await t.test('cpu-priority', async () => assert.equal(await text('/daemon/nice'), '10'))
      await t.test('a touched script', () => reloads(server))
      await t.test('handler scripts', () => handlers(server))
    })
  })

  test('without embedded applications and hooks no server process has a Python', async () => {
    const conf = `WSGIRestrictEmbedded On
WSGIDaemonProcess one
WSGIProcessGroup one
WSGIScriptAlias / \${ROOT}/apps/app.wsgi`
    await withServer({ conf, apps: { 'app.wsgi': APPLICATION } }, async (server) => {
      assert.match((await server.get('/')).text, /^first \d+$/)
      const workers = server.processes().filter(({ command }) => /worker-main/.test(command))
      assert.ok(workers.length > 0)
      for (const { pid } of workers)
        assert.doesNotMatch(readFileSync(`/proc/${pid}/maps`, 'utf8'), /libpython/)
    })
  })

  test('what is refused when the configuration is read', async () => {
    const conf = `WSGIImportScript /import.py process-group=late application-group=%{GLOBAL}
WSGIScriptAlias /both /app.wsgi process-group=late application-group=%{GLOBAL}
WSGIScriptAlias /one /app.wsgi process-group=late
WSGIDaemonProcess late
WSGIDaemonProcess faulty threads = 2
WSGIDaemonProcess wrong bogus=1
WSGIReloadMechanism Process
WSGIPy3kWarningFlag Maybe
<VirtualHost *>
  ServerName a.example
  WSGIDaemonProcess inner
  WSGIPy3kWarningFlag On
  WSGIPythonWarnings error
  WSGILazyInitialization Off
</VirtualHost>
WSGIImportScript /import.py process-group=inner application-group=%{GLOBAL}
WSGIAccessScript /access.py
<Location />
  WSGIAccessScript
  WSGIAuthUserScript /user.py process-group=late
  WSGIAuthGroupScript /group.py application-group=
  WSGIDispatchScript /dispatch.py bogus
  WSGITrustedProxies 10.0.0.0/99
</Location>`
    await withConfiguration({ conf }, ['-t'], ({ code, stderr }) => {
      assert.notEqual(code, 0)
      const lines = [
        /line 1 of .*\n.*WSGI process group not yet configured/,
        /line 2 of .*\n.*WSGI process group not yet configured/,
        /line 5 of .*\n.*Invalid option to WSGI daemon process definition/,
        /line 6 of .*\n.*Invalid option to WSGI daemon process definition/,
        /line 7 of .*\n.*Invalid command 'WSGIReloadMechanism'/,
        /line 8 of .*\n.*WSGIPy3kWarningFlag must be one of: Off \| On/,
        /line 12 of .*\n.*WSGIPy3kWarningFlag cannot occur within <VirtualHost> section/,
        /line 13 of .*\n.*WSGIPythonWarnings cannot occur within <VirtualHost> section/,
        /line 14 of .*\n.*WSGILazyInitialization cannot occur within <VirtualHost> section/,
        /line 16 of .*\n.*WSGI process group not accessible/,
        /line 17 of .*\n.*WSGIAccessScript not allowed here/,
        /line 19 of .*\n.*Location of access script not supplied/,
        /line 20 of .*\n.*Invalid option to WSGI auth user script definition/,
        /line 21 of .*\n.*Invalid name for WSGI application group/,
        /line 22 of .*\n.*Invalid option to WSGI dispatch script definition/,
        /line 23 of .*\n.*Unable to parse trusted proxy IP address\/subnet of "10\.0\.0\.0\/99"/,
      ]
      for (const line of lines) assert.match(stderr, line)
      assert.doesNotMatch(stderr, /line 3 of/)
    })
  })
})

async function reloads(server: TestServer): Promise<void> {
  const touch = (name: string) => {
    server.write(`apps/${name}`, APPLICATION.replace("'first'", "'second'"))
    utimesSync(path.join(server.root, 'apps', name), 1, 1)
  }
  const pid = async (place: string, version: string) => {
    const { text } = await server.get(place)
    assert.match(text, new RegExp(`^${version} \\d+$`))
    return text.split(' ')[1]
  }
  const [embedded, kept, daemon] = [
    await pid('/embedded', 'first'),
    await pid('/kept', 'first'),
    await pid('/daemon', 'first'),
  ]
  touch('touched.wsgi')
  touch('kept.wsgi')
  assert.equal(await pid('/embedded', 'second'), embedded)
  assert.equal(await pid('/kept', 'first'), kept)
  touch('app.wsgi')
  assert.notEqual(await pid('/daemon', 'second'), daemon)
}

async function handlers(server: TestServer): Promise<void> {
  const text = async (place: string) => (await server.get(place)).text
  const first = await text('/x.bobo')
  assert.match(first, /^x\.bobo bobo-script handler\.wsgi \d+$/)
  assert.match(
    await text('/virtual/resource'),
    /^resource shared handler\.wsgi \d+$|^virtual shared handler\.wsgi \d+$/,
  )
  assert.match(await text('/other/resource'), / shared second\.wsgi \d+$/)

  const missing = await server.get('/none')
  assert.equal(missing.status, 500)
  await server.waitForLog(/does not contain WSGI application 'handle_request'/)

  const pid = (answer: string) => answer.split(' ')[3] as string
  server.write(`apps/flags/${pid(first)}.raise`, '')
  assert.equal(await text('/x.bobo'), first)
  await server.waitForLog(/ValueError: raised by reload_required for x\.bobo/)
  server.write(`apps/flags/${pid(first)}`, '')
  unlinkSync(path.join(server.root, `apps/flags/${pid(first)}.raise`))
  const second = await text('/x.bobo')
  assert.notEqual(pid(second), pid(first))
  assert.equal(await text('/x.bobo'), second)
}
