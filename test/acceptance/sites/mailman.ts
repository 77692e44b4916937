/** Mailman's web application (Postorius and HyperKitty) as its manual sets it up for mod_wsgi; without the mail server behind it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { isRoot } from '../../support/cache.js'
import type { Layout, TestServer } from '../../support/server.js'
import { Browser } from '../browser.js'
import { giveTo, type Owner } from '../sites.js'

const run = promisify(execFile)

export const MAILMAN_CONF = `
LogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
<VirtualHost *:\${PORT}>
    ServerName lists.example
    ErrorLog \${ROOT}/mailman/logs/error.log
    CustomLog \${ROOT}/mailman/logs/access.log combined

    Alias /favicon.ico \${ROOT}/mailman/static/postorius/img/favicon.ico
    Alias /static \${ROOT}/mailman/static
    <Directory "\${ROOT}/mailman/static">
        Require all granted
    </Directory>

    WSGIScriptAlias / \${ROOT}/mailman/wsgi.py
    WSGIDaemonProcess mailman-web display-name=mailman-web maximum-requests=1000 umask=0002 \\
        ${isRoot ? 'user=nobody group=#65534 ' : ''}python-path=\${ROOT}/mailman python-home=\${VENV} home=\${ROOT}/mailman
    WSGIProcessGroup mailman-web
    <Directory "\${ROOT}/mailman">
        <Files wsgi.py>
            Order deny,allow
            Allow from all
            Require all granted
        </Files>
    </Directory>
</VirtualHost>
`

/** The settings that a small site would write; style sheets as they are, since the compiler of the manual is no Python package. */
const settings = (folder: string) => `
from mailman_web.settings.base import *
from mailman_web.settings.mailman import *
SECRET_KEY = 'test'
ALLOWED_HOSTS = ['lists.example']
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '${folder}/data/web.db'}}
STATIC_ROOT = '${folder}/static'
HAYSTACK_CONNECTIONS = {'default': {'ENGINE': 'haystack.backends.simple_backend.SimpleEngine'}}
COMPRESS_ENABLED = COMPRESS_OFFLINE = False
COMPRESS_PRECOMPILERS = ()
LOGGING = {'version': 1}
`

export async function prepareMailman(
  { root }: Layout,
  venv: string,
  owner: Owner | undefined,
): Promise<void> {
  const folder = path.join(root, 'mailman')
  for (const name of ['logs', 'data']) mkdirSync(path.join(folder, name), { recursive: true })
  writeFileSync(path.join(folder, 'settings.py'), settings(folder))
  const wsgi = `import os\nos.environ['MAILMAN_WEB_CONFIG'] = '${folder}/settings.py'\nfrom mailman_web.wsgi import application\n`
  writeFileSync(path.join(folder, 'wsgi.py'), wsgi)
  const env = {
    ...process.env,
    MAILMAN_WEB_CONFIG: `${folder}/settings.py`,
    DJANGO_SUPERUSER_PASSWORD: 'correct horse',
  }
  const manage = (...words: string[]) =>
    run(path.join(venv, 'bin', 'python'), ['-m', 'mailman_web.manage', ...words], { env, cwd: folder })
  await manage('migrate')
  await manage('collectstatic', '--noinput')
  await manage('createsuperuser', '--noinput', '--username', 'admin', '--email', 'admin@lists.example')
  if (owner !== undefined) giveTo(owner, path.join(folder, 'data'))
}

/** The archives, the log-in to the administration, files beside it; and that Postorius says that Mailman itself is not there. */
export async function useMailman(server: TestServer): Promise<void> {
  const browser = new Browser(server.port, 'lists.example')
  const front = await browser.get('/')
  assert.equal(front.status, 301)
  assert.equal(front.headers.location, '/mailman3/lists/')
  const archives = await browser.get('/archives/')
  assert.equal(archives.status, 200)
  assert.match(archives.text, /Available lists|HyperKitty/i)
  const lists = await browser.get('/mailman3/lists/')
  assert.equal(lists.status, 503)
  assert.match(lists.text, /Mailman REST API not available/)

  const form = await browser.get('/admin/login/?next=/admin/')
  const token = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(form.text)?.[1] ?? ''
  const entered = await browser.post('/admin/login/?next=/admin/', {
    csrfmiddlewaretoken: token,
    username: 'admin',
    password: 'correct horse',
  })
  assert.equal(entered.status, 302)
  assert.match((await browser.get('/admin/')).text, /Site administration/)
  const sheet = await browser.get('/static/admin/css/base.css')
  assert.equal(sheet.status, 200)
  await server.waitForLog(/"GET \/archives\/ HTTP\/1\.1" 200 /, 'mailman/logs/access.log')
}
