/**
 * Django, Trac and Flask inside the server processes: Trac in the main interpreter, the others in sub-interpreters of the same process.
 * With the Python that the distribution brings, and with another.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { isRoot } from '../support/cache.js'
import { findPythons, type Python } from '../support/pythons.js'
import { type Layout, PROJECT, withServer } from '../support/server.js'
import { virtualEnvironment } from '../support/venv.js'
import { until } from '../support/wait.js'
import {
  deploySites,
  REQUIREMENTS,
  runsSites,
  useDjango,
  useDjangoStatic,
  useFlask,
  useTrac,
  useTracLogIn,
} from './sites.js'
import { uploadToDjango } from './upload.js'

const LARGE = path.join(PROJECT, 'test/acceptance/fixtures/frameworks/large.wsgi')

const SITE = `WSGIPythonPath "\${ROOT}/sites/django"
WSGIPythonHome "\${VENV}"
Alias /static "\${ROOT}/sites/django/static"
WSGIScriptAlias /trac "\${ROOT}/sites/trac/trac.wsgi" process-group=%{GLOBAL} application-group=%{GLOBAL}
WSGIScriptAlias /notes "\${ROOT}/sites/flask/notes.wsgi"
WSGIScriptAlias /large "\${ROOT}/sites/large.wsgi" application-group=large
WSGIScriptAlias / "\${ROOT}/sites/django/guestbook/wsgi.py" application-group=guestbook
<Location /trac/login>
    AuthType Basic
    AuthName trac
    AuthBasicProvider file
    AuthUserFile "\${ROOT}/passwords"
    Require valid-user
</Location>
`

/** Frameworks are large, and the machine may be busy. */
const IMPORT_MAX_MS = 60_000

const usable3 = findPythons().filter((python) => runsSites(python) && python.sharedLibrary !== undefined)
const system = usable3.find(({ executable }) => executable.startsWith('/usr/bin/'))
const another = usable3.findLast(({ minor, executable }) => minor >= 12 && executable !== system?.executable)

describe('embedded mode', { concurrency: true }, () => {
  serves("the distribution's Python", system)
  serves('another Python', another)
})

function serves(what: string, python: Python | undefined): void {
  const skip = python === undefined && `${what}: none with a shared library on this machine`
  test(`serves Django, Trac and Flask on ${what}`, { skip }, async (t) => {
    const version = (python as Python).version
    const venv = await virtualEnvironment(version, REQUIREMENTS)
    if ('skip' in venv) return t.skip(venv.skip)
    const prepare = async (layout: Layout) => {
      layout.write('site.conf', SITE.replaceAll('${VENV}', venv.home))
      layout.write('passwords', `anna:{SHA}${createHash('sha1').update('secret').digest('base64')}\n`)
      const nobody = { uid: 65534, gid: 65534 }
      await deploySites(path.join(layout.root, 'sites'), venv.home, isRoot ? nobody : undefined)
      cpSync(LARGE, path.join(layout.root, 'sites', 'large.wsgi'))
    }
    await withServer({ python: 'none', conf: 'Include site.conf', prepare }, async (server) => {
      await until('Trac to be loaded', () => /trac\.wsgi is loaded/.test(server.errorLog()), IMPORT_MAX_MS)
      await useDjango(server.port, 'localhost')
      await useDjangoStatic(server.port, 'localhost')
      await useTrac(server.port, 'localhost')
      await useTracLogIn(server.port, 'localhost')
      await uploadToDjango(server.port, '/large/upload')
      const where = await useFlask(server.port, 'localhost', '/notes')
      assert.ok(version.startsWith(`${where.version}.`))
      assert.equal(where.prefix, venv.home)
      assert.equal(where.environ['mod_wsgi.process_group'], '')
      assert.equal(where.environ['mod_wsgi.application_group'], `localhost:${server.port}|/notes`)
      assert.equal(where.environ.SCRIPT_NAME, '/notes')
      assert.ok(
        server.processes().some(({ pid }) => pid === where.pid),
        'the application runs in a server process',
      )
    })
  })
}
