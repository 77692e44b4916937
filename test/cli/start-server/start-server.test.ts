import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { isRoot } from '../../support/cache.js'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../../support/certificates.js'
import { ask } from '../../support/http.js'
import { skipWithout } from '../../support/pythons.js'
import { runLauncher } from '../../support/server.js'
import { until } from '../../support/wait.js'
import { APPLICATION, project, serve } from './serving.js'

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

test('every option is understood by the server that reads what it writes', {
  skip: skipWithoutOpenssl,
}, async () => {
  const { folder, words } = await project()
  const all = `--server-name a.example --server-alias *.a.example --allow-localhost --callable-object application --mount-point /x
    --working-directory . --python-path lib --python-eggs /tmp --python-warnings ignore --application-group one --process-group two
    --setenv A B --passenv HOME --locale C.UTF-8 --chunked-request --map-head-to-get Off --disable-reloading
    --processes 2 --threads 3 --process-name title --maximum-requests 10 --shutdown-timeout 3 --graceful-timeout 3 --switch-interval 0.01
    --limit-request-body 0 --keep-alive-timeout 0 --socket-timeout 30 --connect-timeout 3 --server-backlog 10
    --header-timeout 5 --header-max-timeout 9 --header-min-rate 100 --body-timeout 5 --body-max-timeout 9 --body-min-rate 100 --error-document 404 /e
    --error-override --url-alias /static static --log-level info --error-log-name e.log --error-log-format %M --access-log
    --access-log-name a.log --access-log-format combined --pid-file x.pid --include-file extra.conf
    --http2 --https-port 8443 --ssl-certificate site --ssl-ca-certificate-file ca.crt --ssl-verify-client /private --ssl-environment --https-only
    --hsts-policy max-age=100 --envvars-script vars.sh --lang C.UTF-8 --orphan-interpreter --service-script queue worker.py
    --startup-timeout 9 --request-timeout 30 --interrupt-timeout 2 --queue-timeout 9 --deadlock-timeout 90 --inactivity-timeout 90
    --ignore-activity /health --restart-interval 900 --cpu-time-limit 900 --eviction-timeout 3 --max-clients 50 --daemon-backlog 10
    --response-socket-timeout 9 --response-flush-delay 5 --send-buffer-size 65536 --receive-buffer-size 65536 --header-buffer-size 65536
    --response-buffer-size 65536 --compress-responses --document-root static --directory-index index.html --allow-override None
    --mime-types types --host-access-script hooks.py --auth-user-script hooks.py --auth-type Digest --auth-group-script hooks.py
    --auth-group staff --server-status --proxy-mount-point /api http://127.0.0.1:9/api/ --proxy-virtual-host p.example http://127.0.0.1:9
    --proxy-timeout 5 --trust-proxy 10.0.0.0/8 --trust-proxy-header X-Forwarded-For --startup-log --startup-log-name s.log`
  for (const [name, text] of [
    ['extra.conf', 'Timeout 30\n'],
    ['vars.sh', 'FROM_SCRIPT=1; export FROM_SCRIPT\n'],
    ['types', 'text/plain txt\n'],
    ['worker.py', ''],
    ['hooks.py', ''],
  ] as const)
    writeFileSync(path.join(folder, name), text)
  mkdirSync(path.join(folder, 'lib'))
  makeAuthority(folder)
  makeCertificate(folder, 'site', {
    names: 'DNS:a.example,DNS:p.example,DNS:localhost',
  })
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
      await until('the line in the access log', () =>
        readFileSync(path.join(root, 'access_log'), 'utf8').includes('"GET / HTTP/1.1" 200 '),
      )
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

test('names with wildcards, quotes and what rewriting has a meaning for are names', {
  skip: skipWithout('3'),
}, async () => {
  const odd = ['sp [1]', '*b?', 'd%1$0', '\\[x]\\', 'say "it\'s" %{HTTP_HOST}']
  const isServed = async (name: string) => {
    const { folder, port, root, words } = await project()
    for (const made of ['', 'docs', 'alias']) {
      mkdirSync(path.join(folder, name, made), { recursive: true })
      writeFileSync(path.join(folder, name, made, 'a.txt'), `${made} of ${name}`)
    }
    const entry = `${name}/${name}.wsgi`
    writeFileSync(path.join(folder, entry), APPLICATION)
    writeFileSync(path.join(folder, name, 'docs', 'a.handled'), '')
    const options = ['--url-alias', '/static', `${name}/alias`, '--url-alias', '/file', `${name}/a.txt`]
    const handled = ['--document-root', `${name}/docs`, '--add-handler', '.handled', entry]
    await serve([entry, ...words, ...options, ...handled], folder, root, async () => {
      const texts = ['/static/a.txt', '/file', '/a.txt?x=y'].map(async (url) => (await ask(port, url)).text)
      assert.deepEqual(await Promise.all(texts), [`alias of ${name}`, ` of ${name}`, `docs of ${name}`])
      for (const url of ['/', '/a.handled']) assert.match((await ask(port, url)).text, / 1$/, name + url)
    })
    const site = await project()
    await serve(['--application-type', 'static', name, ...site.words], folder, site.root, async () => {
      assert.equal((await ask(site.port, '/a.txt')).text, ` of ${name}`)
    })
  }
  await Promise.all(odd.map(isServed))
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

test('where the options make no configuration, the fault alone is told', async () => {
  const { folder, words } = await project()
  const { code, stderr } = await runLauncher(
    ['setup-server', 'app.wsgi', ...words, '--error-log-format', '%Q'],
    {
      cwd: folder,
    },
  )
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^AH00526: Syntax error on line \d+ of .*\nUnrecognized error log format directive %Q\n$/,
  )
})

test("a server root with somebody's own files is left as it is", async () => {
  const { folder, root, words } = await project()
  mkdirSync(root, { mode: 0o755 })
  chmodSync(root, 0o755)
  for (const name of ['httpd.conf', 'envvars']) {
    const file = path.join(root, name)
    writeFileSync(file, 'mine')
    const refused = await runLauncher(['setup-server', 'app.wsgi', ...words], { cwd: folder })
    assert.equal(refused.code, 1)
    assert.ok(refused.stderr.includes(`${file} was not written by wsgi-httpd`), refused.stderr)
    assert.deepEqual(readdirSync(root), [name])
    assert.equal(readFileSync(file, 'utf8'), 'mine')
    rmSync(file)
  }
  for (let times = 0; times < 2; times++) {
    const { code, stderr } = await runLauncher(['setup-server', 'app.wsgi', ...words], { cwd: folder })
    assert.equal(code, 0, stderr)
  }
  assert.equal(statSync(root).mode & 0o777, 0o755)
})

test('a server that runs keeps its configuration until setup-server changes it', {
  skip: skipWithout('3'),
}, async () => {
  const { folder, root, words } = await project()
  const written = () => readFileSync(path.join(root, 'httpd.conf'), 'utf8')
  for (let times = 0; times < 2; times++) {
    await serve(['app.wsgi', ...words], folder, root, async () => {
      const before = written()
      const pid = readFileSync(path.join(root, 'httpd.pid'), 'utf8').trim()
      const second = await runLauncher(['start-server', 'app.wsgi', ...words, '--setenv', 'A', 'b'], {
        cwd: folder,
      })
      assert.equal(second.code, 1)
      assert.ok(
        second.stderr.includes(`a server is running already (pid ${pid} in ${root}/httpd.pid); stop it`),
        second.stderr,
      )
      assert.equal(written(), before)
      const changed = await runLauncher(['setup-server', 'app.wsgi', ...words, '--setenv', 'A', 'b'], {
        cwd: folder,
      })
      assert.equal(changed.code, 0, changed.stderr)
      assert.match(written(), /SetEnv "A" "b"/)
    })
    // where `serve` looks for the beginning
    rmSync(path.join(root, 'error_log'))
  }
})

test('files of .htaccess kind are not sent', { skip: skipWithout('3') }, async () => {
  const { folder, port, root, words } = await project()
  for (const name of ['.htaccess', '.htpasswd'])
    writeFileSync(path.join(folder, 'static', name), '# not to be seen')
  const options = ['--document-root', 'static', '--allow-override', 'All', '--url-alias', '/static', 'static']
  await serve(['app.wsgi', ...words, ...options], folder, root, async () => {
    for (const url of ['/.htaccess', '/.htpasswd', '/static/.htpasswd'])
      assert.equal((await ask(port, url)).status, 403, url)
    assert.equal((await ask(port, '/a.txt')).text, 'a file')
    assert.equal((await ask(port, '/.htother')).status, 200, 'a URL of the application')
  })
})

test('further configuration and log programs in directories with odd names', async () => {
  const { folder, port, words } = await project()
  const odd = path.join(folder, "it's [x] \\")
  mkdirSync(odd)
  writeFileSync(path.join(odd, 'a.txt'), 'a file')
  writeFileSync(path.join(odd, 'extra.conf'), 'Redirect /extra http://elsewhere.example/\n')
  const program = path.join(odd, "'rotate'")
  writeFileSync(program, '#!/bin/sh\nexec cat >>"${1%.%Y-*}"\n', { mode: 0o755 })
  const options = ['--include-file', 'extra.conf', '--rotate-logs', '--rotatelogs-executable', program]
  const root = path.join(odd, 'root')
  const site = ['--application-type', 'static', '.', ...words, '--server-root', root, ...options]
  await serve(site, odd, root, async () => {
    assert.equal((await ask(port, '/extra')).status, 302)
    assert.equal((await ask(port, '/a.txt')).text, 'a file')
  })
  assert.match(readFileSync(path.join(root, 'error_log'), 'utf8'), /resuming normal operations/)
})

test('what the system refuses is told in a line', async () => {
  const { folder, words } = await project()
  for (const extra of [
    ['--server-root', 'app.wsgi/root'],
    ['--log-directory', 'app.wsgi/logs'],
  ]) {
    const { code, stderr } = await runLauncher(['setup-server', 'app.wsgi', ...words, ...extra], {
      cwd: folder,
    })
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^wsgi-httpd: cannot write the files of the server: mkdir \S+: (File exists|Not a directory); .*\nRun .*\n$/,
    )
  }
})

test('refusals come before anything is written', async () => {
  const { folder, root, words } = await project()
  for (const [extra, message] of [
    [['--debug-mode'], /--debug-mode .* not available yet/],
    [['--port', 'x'], /--port must be a whole number/],
    [['missing.wsgi'], /there is no file .*missing\.wsgi/],
    [['--locale', 'xx_YY.UTF-8'], /--locale: there is no locale 'xx_YY\.UTF-8' on this machine/],
    [['app.wsgi/missing.wsgi'], /there is no file .*missing\.wsgi/],
  ] as const) {
    const { code, stderr } = await runLauncher(['start-server', ...words, ...extra], { cwd: folder })
    assert.equal(code, 1)
    assert.match(stderr, message)
    assert.match(stderr, /Run "wsgi-httpd start-server --help"/)
    assert.equal(existsSync(root), false)
  }
})
