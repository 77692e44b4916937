import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { isRoot } from '../../support/cache.js'
import { ask } from '../../support/http.js'
import { findPython, skipWithout, usable } from '../../support/pythons.js'
import { freePorts, LAUNCHER, runLauncher } from '../../support/server.js'
import { until } from '../../support/wait.js'

const APPLICATION = `
import os, helper
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%s %s %s %s' % (environ['mod_wsgi.process_group'], os.getcwd(), environ.get('EXTRA'), helper.VALUE)).encode()]
`
const base = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-test-'))
chmodSync(base, 0o755)
after(() => rmSync(base, { recursive: true, force: true }))

let count = 0

/** A folder with an application, and the options that every call here needs. */
async function project(): Promise<{ folder: string; port: number; root: string; words: string[] }> {
  const folder = path.join(base, String(++count))
  mkdirSync(path.join(folder, 'static'), { recursive: true })
  writeFileSync(path.join(folder, 'app.wsgi'), APPLICATION)
  writeFileSync(path.join(folder, 'helper.py'), 'VALUE = 1\n')
  writeFileSync(path.join(folder, 'static', 'a.txt'), 'a file')
  const [port = 0] = await freePorts(1)
  const root = path.join(folder, 'root')
  const account = isRoot ? ['--user', 'nobody', '--group', '#65534'] : []
  const python = findPython('3')
  const home = python === undefined ? [] : ['--python-home', usable(python).home]
  return {
    folder,
    port,
    root,
    words: ['--host', '127.0.0.1', '--port', String(port), '--server-root', root, ...account, ...home],
  }
}

/** Runs start-server until `use` is through; answers with what it printed. */
async function serve(words: string[], cwd: string, root: string, use: () => Promise<void>): Promise<string> {
  const child = spawn(process.execPath, [LAUNCHER, 'start-server', ...words], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const log = () =>
    existsSync(path.join(root, 'error_log')) ? readFileSync(path.join(root, 'error_log'), 'utf8') : ''
  try {
    await until(
      'start-server to serve',
      () => /resuming normal operations/.test(log() + output) || child.exitCode !== null,
    )
    await use()
    return output
  } catch (error) {
    if (error instanceof Error) error.message += `\n--- output ---\n${output}\n--- error log ---\n${log()}`
    throw error
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

test('setup-server writes a configuration that passes -t, a control script, and starts nothing', async () => {
  const { folder, root, words } = await project()
  const { code, stdout, stderr } = await runLauncher(
    ['setup-server', 'app.wsgi', ...words, '--url-alias', '/static', 'static'],
    { cwd: folder },
  )
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^Server URL +: http:\/\/127\.0\.0\.1:\d+\/$/m)
  assert.match(stdout, new RegExp(`^Configuration +: ${root}/httpd\\.conf$`, 'm'))
  assert.equal(statSync(root).mode & 0o777, isRoot ? 0o711 : 0o700)
  assert.match((await runLauncher(['-f', path.join(root, 'httpd.conf'), '-t'])).stderr, /Syntax OK/)
  assert.match((await runLauncher(['status', '-f', path.join(root, 'httpd.conf')])).stdout, /is not running/)
  assert.equal(statSync(path.join(root, 'apachectl')).mode & 0o777, 0o700)
})

test('every option is understood by the server that reads what it writes', async () => {
  const { folder, words } = await project()
  const all = `--server-name a.example --server-alias *.a.example --allow-localhost --callable-object application --mount-point /x
    --working-directory . --python-path lib --python-eggs /tmp --python-warnings ignore --application-group one --process-group two
    --setenv A B --passenv HOME --locale C.UTF-8 --chunked-request --map-head-to-get Off --disable-reloading
    --processes 2 --threads 3 --process-name title --maximum-requests 10 --shutdown-timeout 3 --graceful-timeout 3 --switch-interval 0.01
    --limit-request-body 0 --keep-alive-timeout 0 --socket-timeout 30 --connect-timeout 3 --server-backlog 10
    --header-timeout 5 --header-max-timeout 9 --header-min-rate 100 --body-timeout 5 --body-max-timeout 9 --body-min-rate 100 --error-document 404 /e
    --error-override --url-alias /static static --log-level info --error-log-name e.log --error-log-format %M --access-log
    --access-log-name a.log --access-log-format combined --pid-file x.pid --include-file extra.conf`
  writeFileSync(path.join(folder, 'extra.conf'), 'Timeout 30\n')
  const { code, stderr } = await runLauncher(
    ['setup-server', 'app.wsgi', ...words, ...all.trim().split(/\s+/)],
    { cwd: folder },
  )
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
})

test('serves an application and static files', { skip: skipWithout('3') }, async () => {
  const { folder, port, root, words } = await project()
  const output = await serve(
    ['app.wsgi', ...words, '--url-alias', '/static', 'static', '--setenv', 'EXTRA', 'more', '--access-log'],
    folder,
    root,
    async () => {
      assert.equal((await ask(port, '/')).text, `127.0.0.1:${port} ${folder} more 1`)
      assert.equal((await ask(port, '/static/a.txt')).text, 'a file')
      assert.match(readFileSync(path.join(root, 'access_log'), 'utf8'), /"GET \/ HTTP\/1\.1" 200 /)
    },
  )
  assert.match(output, /^Mode +: daemon, 1 process with 5 threads$/m)
})

test('embedded mode', { skip: skipWithout('3') }, async () => {
  const { folder, port, root, words } = await project()
  await serve(['app.wsgi', ...words, '--embedded-mode'], folder, root, async () => {
    assert.match((await ask(port, '/')).text, /^ .* None 1$/)
  })
})

test('a module by name', { skip: skipWithout('3') }, async () => {
  const { folder, port, root, words } = await project()
  writeFileSync(path.join(folder, 'site_module.py'), APPLICATION)
  await serve(['--application-type', 'module', 'site_module', ...words], folder, root, async () => {
    assert.match((await ask(port, '/')).text, / 1$/)
  })
})

test('the welcome page', { skip: skipWithout('3') }, async () => {
  const { folder, port, root, words } = await project()
  await serve(words, folder, root, async () => {
    assert.match((await ask(port, '/')).text, /wsgi-httpd works/)
    assert.equal((await ask(port, '/elsewhere')).status, 404)
  })
})

test('a static site', async () => {
  const { folder, port, root, words } = await project()
  writeFileSync(path.join(folder, 'static', 'index.html'), 'the index')
  await serve(['--application-type', 'static', 'static', ...words], folder, root, async () => {
    assert.equal((await ask(port, '/')).text, 'the index')
    assert.equal((await ask(port, '/../app.wsgi')).status, 400)
  })
})

test('other host names are refused with --server-name', { skip: skipWithout('3') }, async () => {
  const { folder, port, root, words } = await project()
  await serve(
    ['app.wsgi', ...words, '--server-name', 'a.example', '--server-alias', 'b.example'],
    folder,
    root,
    async () => {
      for (const [host, status] of [
        ['a.example', 200],
        ['B.example', 200],
        ['c.example', 403],
        [`localhost:${port}`, 403],
      ] as const)
        assert.equal((await ask(port, '/', { headers: { Host: host } })).status, status, host)
    },
  )
})

test('--reload-on-changes: a changed module restarts the process', { skip: skipWithout('3') }, async () => {
  const { folder, port, root, words } = await project()
  await serve(['app.wsgi', ...words, '--reload-on-changes'], folder, root, async () => {
    assert.match((await ask(port, '/')).text, / 1$/)
    const helper = path.join(folder, 'helper.py')
    writeFileSync(helper, 'VALUE = 2\n')
    const later = Date.now() / 1000 + 10
    utimesSync(helper, later, later)
    await until('the new value', async () => / 2$/.test((await ask(port, '/')).text))
  })
})

test('refusals come before anything is written', async () => {
  const { folder, root, words } = await project()
  for (const [extra, message] of [
    [['--request-timeout', '5'], /--request-timeout .* not available yet/],
    [['--port', 'x'], /--port must be a whole number/],
    [['missing.wsgi'], /there is no file .*missing\.wsgi/],
  ] as const) {
    const { code, stderr } = await runLauncher(['start-server', ...words, ...extra], { cwd: folder })
    assert.equal(code, 1)
    assert.match(stderr, message)
    assert.match(stderr, /Run "wsgi-httpd start-server --help"/)
    assert.equal(existsSync(root), false)
  }
})
