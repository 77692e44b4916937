/**
 * The configurations that projects recommend for mod_wsgi in their own manuals, each with the real application. The lines are those of the
 * manuals (with the test's paths, accounts and ports), old forms and habits included: `Order`, `Allow`, group settings in `<Directory>`.
 * MoinMoin is in ../moin.test.ts.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { isRoot } from '../../support/cache.js'
import { eachMinorVersion, findPython, skipWithout } from '../../support/pythons.js'
import { type Layout, type TestServer, withServer } from '../../support/server.js'
import { virtualEnvironment } from '../../support/venv.js'
import { Browser } from '../browser.js'
import {
  basic,
  deploySites,
  pythonForSites,
  REQUIREMENTS,
  useDjango,
  useDjangoStatic,
  useFlask,
  useTrac,
  useTracLogIn,
} from '../sites.js'
import { GRAPHITE_CONF, prepareGraphite, useGraphite } from './graphite.js'
import { MAILMAN_CONF, prepareMailman, useMailman } from './mailman.js'

const NOBODY = isRoot ? { uid: 65534, gid: 65534 } : undefined
/** `user=` and `group=` are for servers that root starts. */
const ACCOUNT = isRoot ? 'user=nobody group=#65534' : ''

/** Django: "How to use Django with Apache and mod_wsgi", and "Authenticating against Django's user database from Apache". */
const DJANGO = `
<VirtualHost *:\${PORT}>
    ServerName django.example
    Alias /robots.txt \${ROOT}/django/static/admin/css/base.css
    Alias /static/ \${ROOT}/django/static/
    <Directory \${ROOT}/django/static>
        Require all granted
    </Directory>
    WSGIDaemonProcess django.example python-home=\${VENV} python-path=\${ROOT}/django
    WSGIProcessGroup django.example
    WSGIScriptAlias / \${ROOT}/django/guestbook/wsgi.py process-group=django.example
    <Directory \${ROOT}/django/guestbook>
        <Files wsgi.py>
            Require all granted
        </Files>
    </Directory>
    <Location "/secret">
        AuthType Basic
        AuthName "Top Secret"
        AuthBasicProvider wsgi
        WSGIAuthUserScript \${ROOT}/django/auth.wsgi
        WSGIAuthGroupScript \${ROOT}/django/auth.wsgi
        Require valid-user
    </Location>
    Alias /secret \${ROOT}/django/secret.txt
    <Directory \${ROOT}/django>
        <Files secret.txt>
            Require all granted
        </Files>
    </Directory>
</VirtualHost>
`

const DJANGO_AUTH = `
import os
os.environ['DJANGO_SETTINGS_MODULE'] = 'guestbook.settings'
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
from django.contrib.auth.handlers.modwsgi import check_password, groups_for_user
`

/** Flask: "mod_wsgi (Apache)". */
const FLASK = `
<VirtualHost *:\${PORT}>
    ServerName flask.example
    WSGIDaemonProcess notes ${ACCOUNT} threads=5 python-home=\${VENV}
    WSGIScriptAlias / \${ROOT}/flask/notes.wsgi
    WSGIScriptReloading On
    <Directory \${ROOT}/flask>
        WSGIProcessGroup notes
        WSGIApplicationGroup %{GLOBAL}
        Order deny,allow
        Allow from all
    </Directory>
</VirtualHost>
`

/** Trac: "TracModWSGI", with static files by Apache and Apache's log-in. */
const TRAC = `
<VirtualHost *:\${PORT}>
    ServerName trac.example
    WSGIDaemonProcess trac ${ACCOUNT} threads=5 python-home=\${VENV} maximum-requests=1000
    WSGIScriptAlias /trac \${ROOT}/trac/trac.wsgi
    <Directory \${ROOT}/trac>
        WSGIProcessGroup trac
        WSGIApplicationGroup %{GLOBAL}
        Order deny,allow
        Allow from all
    </Directory>
    <Location "/trac/login">
        AuthType Basic
        AuthName "Trac"
        AuthUserFile \${ROOT}/trac/passwords
        Require valid-user
    </Location>
    <Location "/trac/chrome/common">
        SetHandler None
    </Location>
    Alias /trac/chrome/common \${TRAC}/htdocs
    <Directory \${TRAC}/htdocs>
        Order allow,deny
        Allow from all
    </Directory>
</VirtualHost>
`

describe("configurations of projects' manuals", { skip: skipWithout('3') }, () => {
  test('Django, Flask and Trac', async (t) => {
    const python = findPython(pythonForSites())
    const venv = await virtualEnvironment(python?.version ?? '3', REQUIREMENTS)
    if ('skip' in venv) return t.skip(venv.skip)
    const trac = path.join(venv.home, `lib/python3.${python?.minor}/site-packages/trac`)
    const prepare = async ({ root }: Layout) => {
      await deploySites(root, venv.home, NOBODY)
      writeFileSync(path.join(root, 'django/auth.wsgi'), DJANGO_AUTH)
      writeFileSync(path.join(root, 'django/secret.txt'), 'the secret')
      const digest = createHash('sha1').update('secret').digest('base64')
      writeFileSync(path.join(root, 'trac/passwords'), `anna:{SHA}${digest}\n`)
    }
    // What the manuals leave to the main server: the Python of hook scripts.
    const main = 'WSGIPythonHome ${VENV}\nWSGIPythonPath ${ROOT}/django\n'
    const conf = `${main}${DJANGO}${FLASK}${TRAC}`
      .replaceAll('${VENV}', venv.home)
      .replaceAll('${TRAC}', trac)
    await withServer({ conf, prepare, python: 'none' }, async (server) => {
      await t.test('Django', async () => {
        await useDjango(server.port, 'django.example')
        await useDjangoStatic(server.port, 'django.example')
        assert.match((await new Browser(server.port, 'django.example').get('/robots.txt')).text, /--primary/)
      })
      await t.test("Apache's log-in with Django's users", async () => {
        const ask = (password: string) =>
          server.get('/secret', { headers: { Host: 'django.example', ...basic('admin', password) } })
        assert.equal((await ask('wrong')).status, 401)
        assert.equal((await ask('correct horse')).text, 'the secret')
      })
      await t.test('Flask', async () => {
        const where = await useFlask(server.port, 'flask.example')
        assert.equal(where.environ['mod_wsgi.process_group'], 'notes')
        assert.equal(where.environ['mod_wsgi.application_group'], '')
      })
      await t.test('Trac', () => useTrac(server.port, 'trac.example'))
      await t.test("Trac with Apache's log-in", () => useTracLogIn(server.port, 'trac.example'))
      await t.test("Trac's static files", () => useTracStatic(server))
    })
  })

  test('Graphite', async (t) => {
    // Graphite 1.1 wants a Django that newer Pythons do not run.
    const python = eachMinorVersion().find(({ major, minor }) => major === 3 && minor >= 8 && minor <= 10)
    if (python === undefined) return t.skip('no Python 3.8, 3.9 or 3.10 on this machine')
    // Its set-up script would install below /opt.
    process.env.GRAPHITE_NO_PREFIX = 'True'
    const venv = await virtualEnvironment(python.version, ['graphite-web', 'whisper', 'setuptools<81'])
    if ('skip' in venv) return t.skip(venv.skip)
    const prepare = (layout: Layout) => prepareGraphite(layout, venv.home, NOBODY)
    const conf = GRAPHITE_CONF.replaceAll('${VENV}', venv.home)
    await withServer({ conf, prepare, python: 'none' }, useGraphite)
  })

  test('Mailman', async (t) => {
    const python = eachMinorVersion().find(({ major, minor }) => major === 3 && minor >= 10 && minor <= 12)
    if (python === undefined) return t.skip('no Python 3.10, 3.11 or 3.12 on this machine')
    const venv = await virtualEnvironment(python.version, ['mailman-web', 'postorius', 'hyperkitty'])
    if ('skip' in venv) return t.skip(venv.skip)
    const prepare = (layout: Layout) => prepareMailman(layout, venv.home, NOBODY)
    const conf = MAILMAN_CONF.replaceAll('${VENV}', venv.home)
    await withServer({ conf, prepare, python: 'none' }, useMailman)
  })
})

async function useTracStatic(server: TestServer): Promise<void> {
  const sheet = await server.get('/trac/chrome/common/css/trac.css', { headers: { Host: 'trac.example' } })
  assert.equal(sheet.status, 200)
  assert.ok(sheet.headers.etag, 'a file, not Trac')
}
