/**
 * A site as `mod_wsgi-express setup-server` sets it up, served unchanged: by a configuration of that shape everywhere, and by what the real
 * program generates where mod_wsgi can be built (Apache's `apxs` is there).
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { isRoot } from '../../support/cache.js'
import { makeAuthority, makeCertificate, skipWithoutOpenssl } from '../../support/certificates.js'
import { askSecurely } from '../../support/https.js'
import { findPython, skipWithout } from '../../support/pythons.js'
import { LAUNCHER, type Layout, runLauncher, type TestServer, withServer } from '../../support/server.js'
import { virtualEnvironment } from '../../support/venv.js'
import { until } from '../../support/wait.js'
import { EXPRESS_CONFIGURATION, EXPRESS_DEFINES, EXPRESS_HANDLER } from './express-configuration.js'

const run = promisify(execFile)

const APPLICATION = `
import os
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    names = ('SCRIPT_NAME', 'PATH_INFO', 'REMOTE_USER', 'wsgi.url_scheme', 'mod_wsgi.handler_script', 'SSL_PROTOCOL')
    return [('%d\\n' % os.getpid() + '\\n'.join('%s=%s' % (n, environ.get(n)) for n in names) + '\\n' + 'x' * 500).encode()]
`

const AUTH = `
def check_password(environ, user, password):
    return password == 'secret' if user in ('anna', 'bert') else None
def groups_for_user(environ, user):
    return ['staff'] if user == 'anna' else []
`

const account = isRoot ? { user: 'nobody', group: '#65534' } : { user: 'root', group: 'root' }
const STYLE = '.a { color: red }\n'.repeat(100)

/** What both sites are made of. */
function content(folder: string): void {
  for (const name of ['documents/sub', 'static']) mkdirSync(path.join(folder, name), { recursive: true })
  for (const [name, text] of [
    ['app.wsgi', APPLICATION],
    ['auth.py', AUTH],
    ['documents/robots.txt', 'User-agent: *\n'],
    ['static/style.css', STYLE],
  ] as const)
    writeFileSync(path.join(folder, name), text)
  makeAuthority(folder)
  makeCertificate(folder, 'site', { names: 'DNS:site.example' })
}

const anna = { Authorization: `Basic ${Buffer.from('anna:secret').toString('base64')}` }
const bert = { Authorization: `Basic ${Buffer.from('bert:secret').toString('base64')}` }

/** Everything that the site promises. */
async function use(server: TestServer, tlsPort: number, handlerScript: string): Promise<void> {
  const host = { Host: 'site.example' }
  const get = (place: string, headers: Record<string, string> = anna) =>
    server.get(place, { headers: { ...host, ...headers } })

  const asked = await get('/', {})
  assert.equal(asked.status, 401)
  assert.match(asked.headers['www-authenticate'] ?? '', /^Basic realm="(localhost|127\.0\.0\.1):\d+"$/)
  assert.equal((await get('/', bert)).status, 401)

  const page = await get('/some/page?query')
  assert.equal(page.status, 200)
  assert.match(
    page.text,
    new RegExp(
      `^SCRIPT_NAME=\\nPATH_INFO=/some/page\\nREMOTE_USER=anna\\nwsgi.url_scheme=http\\nmod_wsgi.handler_script=${handlerScript}\\n`,
      'm',
    ),
  )
  for (const place of ['/', '/sub/', '/robots.txt.none'])
    assert.match((await get(place)).text, new RegExp(`^PATH_INFO=${place}$`, 'm'))

  assert.equal((await get('/robots.txt')).text, 'User-agent: *\n')
  const style = await get('/static/style.css', { ...anna, 'Accept-Encoding': 'gzip' })
  assert.equal(style.headers['content-encoding'], 'gzip')
  assert.match(style.headers.etag ?? '', /-gzip"$/)
  assert.equal((await get('/static/none.css')).status, 404)
  assert.match((await get('/server-status?auto')).text, /^Scoreboard: /m)

  const secure = await askSecurely(tlsPort, '/x', { name: 'site.example', headers: anna })
  assert.match(secure.text, /^PATH_INFO=\/x$/m)
  assert.match(secure.text, /^wsgi\.url_scheme=https$/m)
  assert.match(secure.text, /^SSL_PROTOCOL=TLSv1\.3$/m)
  // The host for other names lets localhost in, without a log-in: its <Location> comes after that of the main server.
  assert.equal((await server.get('/')).status, 200)
  await server.waitForLog(
    /^127\.0\.0\.1 - anna .*"GET \/some\/page\?query HTTP\/1\.1" 200 \d+$/m,
    'access.log',
  )

  // A changed script: the next request has a new process.
  const pid = (text: string) => text.split('\n', 1)[0]
  const before = pid((await get('/')).text)
  utimesSync(path.join(server.root, 'app.wsgi'), 1, 1)
  await until('another process', async () => pid((await get('/')).text) !== before)
}

const skip = skipWithout('3') || skipWithoutOpenssl

describe('mod_wsgi-express', { skip }, () => {
  test('a configuration of its shape', async () => {
    const files = { 'handler.wsgi': EXPRESS_HANDLER, 'rewrite.conf': '', 'eggs/': '', 'run/': '' }
    const options = {
      bare: true,
      files,
      conf: EXPRESS_CONFIGURATION.replace("'${PYTHON}'", '"${PYTHON}"'),
      env: {
        MOD_WSGI_USER: account.user,
        MOD_WSGI_GROUP: account.group,
        MOD_WSGI_MODULES_DIRECTORY: '/usr/lib/apache2/modules',
      },
      args: EXPRESS_DEFINES.flatMap((name) => ['-D', name]),
      prepare: ({ root }: Layout) => content(root),
    }
    await withServer({ ...options, python: '3' }, async (server) => {
      await use(server, server.layout.ports[1] as number, `${server.root}/handler.wsgi`)
      const checked = await runLauncher([...server.layout.arguments(), '-t'], {
        env: server.layout.environment(),
      })
      // But for the host of unknown names, about which httpd says the same, nothing in it is worth a warning.
      const said = checked.stderr.split('\n').filter((line) => !/AH01909: _wsgi_/.test(line))
      assert.deepEqual(said, ['Syntax OK', ''])
    })
  })

  test('what the real program generates', { skip: skipWithoutApxs() }, async (t) => {
    const venv = await virtualEnvironment(findPython('3')?.version ?? '3', ['mod_wsgi'])
    if ('skip' in venv) return t.skip(venv.skip)
    const args: string[] = []
    const prepare = async (layout: Layout) => {
      content(layout.root)
      args.push(...(await setUpServer(venv.home, layout)))
    }
    const env = {
      MOD_WSGI_USER: account.user,
      MOD_WSGI_GROUP: account.group,
      MOD_WSGI_MODULES_DIRECTORY: '/usr/lib/apache2/modules',
    }
    await withServer(
      { bare: true, python: 'none', conf: '# ${PORT} ${PORT2}', args, env, prepare },
      async (server) => {
        await use(server, server.layout.ports[1] as number, `${server.root}/handler.wsgi`)
        const control = path.join(server.root, 'apachectl')
        const { stderr } = await run(control, ['configtest'], { env: { ...process.env, LC_ALL: 'C' } })
        assert.match(stderr, /Syntax OK/)
        const status = await run(control, ['-S'], { env: { ...process.env, LC_ALL: 'C' } })
        assert.match(status.stdout, /site\.example/)
      },
    )
  })
})

function skipWithoutApxs(): string | false {
  const folders = (process.env.PATH ?? '').split(':')
  const found = folders.some((folder) =>
    ['apxs', 'apxs2'].some((name) => existsSync(path.join(folder, name))),
  )
  return found ? false : 'no apxs on this machine: mod_wsgi cannot be built'
}

/** Runs the real program, with this server in httpd's place; answers with the flags that its control script would start it with. */
async function setUpServer(venv: string, { root, ports }: Layout): Promise<string[]> {
  const words = [
    ...[
      '--port',
      String(ports[0]),
      '--host',
      '127.0.0.1',
      '--server-root',
      root,
      '--httpd-executable',
      LAUNCHER,
    ],
    ...['--user', account.user, '--group', account.group, '--locale', 'C.UTF-8'],
    ...['--document-root', 'documents', '--url-alias', '/static', 'static', '--compress-responses'],
    ...['--auth-user-script', 'auth.py', '--auth-group-script', 'auth.py', '--auth-group', 'staff'],
    ...[
      '--server-status',
      '--http2',
      '--https-port',
      String(ports[1]),
      '--ssl-certificate',
      'site',
      '--ssl-environment',
    ],
    ...['--server-name', 'site.example', '--allow-localhost'],
    ...['--error-log-name', 'error.log', '--access-log', '--access-log-name', 'access.log'],
  ]
  // By way of Python: the script's first line names the place where the environment was made.
  const program = [path.join(venv, 'bin', 'mod_wsgi-express'), 'setup-server', 'app.wsgi', ...words]
  await run(path.join(venv, 'bin', 'python'), program, { cwd: root })
  const written = /^HTTPD_ARGS="(.*)"$/m.exec(readFileSync(path.join(root, 'apachectl'), 'utf8'))?.[1] ?? ''
  return written.split(' ').filter((word) => word.startsWith('-D'))
}
