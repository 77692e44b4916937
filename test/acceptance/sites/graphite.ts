/** Graphite's web application as its example of a virtual host sets it up, with one metric to draw. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Layout, TestServer } from '../../support/server.js'
import { Browser } from '../browser.js'
import { giveTo, type Owner } from '../sites.js'

const run = promisify(execFile)

/** The example's order and directives, with paths of the test's; `python-home` is the one addition. */
export const GRAPHITE_CONF = `
<IfModule !wsgi_module.c>
    LoadModule wsgi_module modules/mod_wsgi.so
</IfModule>
WSGISocketPrefix run/wsgi

<VirtualHost *:\${PORT}>
    ServerName graphite
    DocumentRoot "\${ROOT}/graphite/webapp"
    ErrorLog \${ROOT}/graphite/storage/error.log
    CustomLog \${ROOT}/graphite/storage/access.log common

    WSGIDaemonProcess graphite processes=5 threads=5 display-name='%{GROUP}' inactivity-timeout=120 python-home=\${VENV}
    WSGIProcessGroup graphite
    WSGIApplicationGroup %{GLOBAL}
    WSGIImportScript \${ROOT}/graphite/conf/graphite.wsgi process-group=graphite application-group=%{GLOBAL}
    WSGIScriptAlias / \${ROOT}/graphite/conf/graphite.wsgi

    Alias /static/ \${ROOT}/graphite/static/
    Alias /media/ "@DJANGO_ROOT@/contrib/admin/media/"
    <Location "/content/">
        SetHandler None
    </Location>
    <Directory \${ROOT}/graphite/conf/>
        <IfVersion < 2.4>
            Order deny,allow
            Allow from all
        </IfVersion>
        <IfVersion >= 2.4>
            Require all granted
        </IfVersion>
    </Directory>
</VirtualHost>
`

const SETTINGS = `
import os
here = os.path.dirname(os.path.abspath(__file__))
SECRET_KEY = 'test'
ALLOWED_HOSTS = ['*']
CONF_DIR = os.path.join(here, 'conf')
STORAGE_DIR = os.path.join(here, 'storage')
LOG_DIR = STORAGE_DIR
INDEX_FILE = os.path.join(STORAGE_DIR, 'index')
WHISPER_DIR = os.path.join(STORAGE_DIR, 'whisper')
STANDARD_DIRS = [WHISPER_DIR]
DATABASES = {'default': {'NAME': os.path.join(STORAGE_DIR, 'graphite.db'), 'ENGINE': 'django.db.backends.sqlite3'}}
`

const METRIC = `
import sys, time, whisper
whisper.create(sys.argv[1], [(1, 3600)])
whisper.update(sys.argv[1], 42, int(time.time()))
`

export async function prepareGraphite(
  { root }: Layout,
  venv: string,
  owner: Owner | undefined,
): Promise<void> {
  const folder = path.join(root, 'graphite')
  for (const name of ['conf', 'webapp', 'storage/whisper/acme'])
    mkdirSync(path.join(folder, name), { recursive: true })
  cpSync(path.join(venv, 'webapp', 'content'), path.join(folder, 'static'), { recursive: true })
  writeFileSync(path.join(folder, 'graphite_site.py'), SETTINGS)
  const wsgi = `import os, sys\nos.environ['GRAPHITE_SETTINGS_MODULE'] = 'graphite_site'\nsys.path.append('${folder}')\nfrom graphite.wsgi import application\n`
  writeFileSync(path.join(folder, 'conf', 'graphite.wsgi'), wsgi)
  const python = path.join(venv, 'bin', 'python')
  const env = {
    ...process.env,
    PYTHONPATH: folder,
    GRAPHITE_SETTINGS_MODULE: 'graphite_site',
    DJANGO_SETTINGS_MODULE: 'graphite.settings',
  }
  await run(python, ['-m', 'django', 'migrate', '--run-syncdb'], { env })
  await run(python, ['-c', METRIC, path.join(folder, 'storage/whisper/acme/load.wsp')])
  if (owner !== undefined) giveTo(owner, path.join(folder, 'storage'))
}

/** The browser's frames, the tree of metrics, data, a picture, and files beside it. */
export async function useGraphite(server: TestServer): Promise<void> {
  const browser = new Browser(server.port, 'graphite')
  assert.match((await browser.get('/')).text, /<title>Graphite Browser<\/title>/)
  const found = JSON.parse((await browser.get('/metrics/find/?query=*')).text)
  assert.deepEqual(
    found.map(({ id }: { id: string }) => id),
    ['acme'],
  )
  const [series] = JSON.parse((await browser.get('/render?target=acme.load&format=json&from=-10min')).text)
  assert.ok(series.datapoints.some(([value]: [number | null]) => value === 42))
  const picture = await browser.get('/render?target=acme.load&from=-10min&width=300&height=200')
  assert.equal(picture.headers['content-type'], 'image/png')
  assert.equal(picture.bytes.toString('latin1', 1, 4), 'PNG')
  const script = await browser.get('/static/js/composer.js')
  assert.equal(script.status, 200)
  assert.ok(script.headers.etag, 'a file, not Django')
  await server.waitForLog(/"GET \/metrics\/find\/\?query=\* HTTP\/1\.1" 200 /, 'graphite/storage/access.log')
}
