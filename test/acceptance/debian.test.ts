/**
 * Debian's own configuration of Apache, served as it is but for the port, with three real applications as one site would have them:
 * Django and Trac on one virtual host, Flask on another, each in a daemon process group of its own.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { isRoot } from '../support/cache.js'
import { skipWithout } from '../support/pythons.js'
import { type Layout, type TestServer, withServer } from '../support/server.js'
import { virtualEnvironment } from '../support/venv.js'
import { until } from '../support/wait.js'
import { uidOf, wwwData } from './accounts.js'
import { copyTree, debianTree } from './debian-tree.js'
import {
  deploySites,
  pythonForSites,
  REQUIREMENTS,
  useDjango,
  useDjangoStatic,
  useFlask,
  useTrac,
} from './sites.js'

/** Frameworks are large, and the machine may be busy. */
const IMPORT_MAX_MS = 60_000

const SITE = `# What an administrator would write.
WSGIDaemonProcess trac-projects python-home=\${VENV} threads=4 display-name=%{GROUP}

<VirtualHost *:\${PORT}>
    ServerName www.example.com
    ErrorLog \${APACHE_LOG_DIR}/www-error.log
    CustomLog \${APACHE_LOG_DIR}/www-access.log combined

    WSGIDaemonProcess guestbook python-home=\${VENV} python-path=\${ROOT}/sites/django display-name=%{GROUP}
    Alias /static \${ROOT}/sites/django/static
    <Directory \${ROOT}/sites>
        Require all granted
    </Directory>
    WSGIScriptAlias /trac \${ROOT}/sites/trac/trac.wsgi \\
        process-group=trac-projects application-group=%{GLOBAL}
    WSGIScriptAlias / \${ROOT}/sites/django/guestbook/wsgi.py process-group=guestbook
</VirtualHost>

<VirtualHost *:\${PORT}>
    ServerName notes.example.com
    ErrorLog \${APACHE_LOG_DIR}/notes-error.log
    CustomLog \${APACHE_LOG_DIR}/notes-access.log combined

    WSGIDaemonProcess notes python-home=\${VENV} processes=2 threads=3
    WSGIProcessGroup notes
    <Directory \${ROOT}/sites/flask>
        Require all granted
    </Directory>
    WSGIScriptAlias / \${ROOT}/sites/flask/notes.wsgi
</VirtualHost>
`

describe("Debian's configuration", { skip: skipWithout('3') }, () => {
  test('serves Django, Trac and Flask', async (t) => {
    const tree = await debianTree()
    if ('skip' in tree) return t.skip(tree.skip)
    const venv = await virtualEnvironment(pythonForSites(), REQUIREMENTS)
    if ('skip' in venv) return t.skip(venv.skip)

    const prepare = async (layout: Layout) => {
      copyTree(tree.folder, path.join(layout.root, 'etc'))
      layout.write('etc/ports.conf', 'Listen 127.0.0.1:${PORT}\n')
      layout.write('etc/sites-enabled/acceptance.conf', SITE.replaceAll('${VENV}', venv.home))
      layout.write('run/', '')
      await deploySites(path.join(layout.root, 'sites'), venv.home, isRoot ? wwwData() : undefined)
    }
    const files = '${ROOT}'
    const env = {
      APACHE_LOG_DIR: files,
      APACHE_RUN_DIR: `${files}/run`,
      APACHE_LOCK_DIR: `${files}/run`,
      APACHE_PID_FILE: `${files}/apache2.pid`,
    }
    const args = ['-d', '${ROOT}/etc', '-f', 'apache2.conf']
    await withServer(
      { bare: true, python: 'none', conf: '# ${PORT}', args, env, prepare },
      async (server) => {
        await t.test('Trac is loaded before anybody asks for it', async () => {
          await until(
            'Trac to be loaded',
            () => /trac\.wsgi is loaded/.test(server.errorLog()),
            IMPORT_MAX_MS,
          )
          assert.equal(server.layout.read('www-access.log'), '')
        })
        await t.test('Django with its admin site', () => useDjango(server.port, 'www.example.com'))
        await t.test('static files', () => useDjangoStatic(server.port, 'www.example.com'))
        await t.test('Trac at /trac', () => useTrac(server.port, 'www.example.com'))
        await t.test('Flask on the other virtual host', async () => {
          const where = await useFlask(server.port, 'notes.example.com')
          assert.equal(where.prefix, venv.home)
          assert.deepEqual(where.environ, {
            SCRIPT_NAME: '',
            PATH_INFO: '/where',
            SERVER_NAME: 'notes.example.com',
            'mod_wsgi.process_group': 'notes',
            'mod_wsgi.application_group': `notes.example.com:${server.port}|`,
          })
          assert.equal(uidOf(where.pid), isRoot ? wwwData().uid : process.getuid?.())
        })
        await t.test('each virtual host has its logs', () => checkLogs(server))
        await t.test('the account and the names of processes', () => checkProcesses(server))
      },
    )
  })
})

async function checkLogs(server: TestServer): Promise<void> {
  await server.waitForLog(/LookupError: a view that fails/, 'notes-error.log')
  await server.waitForLog(/"GET \/where HTTP\/1\.1" 200 \d+ "-" "-"/, 'notes-access.log')
  await server.waitForLog(/"GET \/trac\/wiki\/TracGuide HTTP\/1\.1" 200 /, 'www-access.log')
  await server.waitForLog(/"POST \/admin\/entries\/entry\/add\/ HTTP\/1\.1" 302 /, 'www-access.log')
  assert.doesNotMatch(server.layout.read('www-access.log'), /\/where/)
  assert.doesNotMatch(server.layout.read('notes-access.log'), /\/trac/)
  assert.doesNotMatch(server.layout.read('www-error.log'), /notes\.py/)
  assert.doesNotMatch(server.errorLog(), /\[[\w-]*:?(emerg|alert|crit)\]/)
}

function checkProcesses(server: TestServer): void {
  const account = isRoot ? wwwData().uid : process.getuid?.()
  const below = server.processes()
  assert.ok(below.length >= 5, 'server workers and four daemon processes')
  for (const { pid, command } of below) assert.equal(uidOf(pid), account, `the account of ${pid} ${command}`)
  if (process.platform !== 'linux') return
  const titles = below.map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
  for (const name of ['(wsgi:trac-projects)', '(wsgi:guestbook)'])
    assert.ok(
      titles.some((title) => title.startsWith(name)),
      `${name} among ${titles.join('; ')}`,
    )
}
