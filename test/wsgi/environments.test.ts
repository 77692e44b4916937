/** Virtual environments of every maker, as `python-home` and embedded: their own packages, their `.pth` files, the right `sys.prefix`. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { findPython, type Python, usable, withNewest } from '../support/pythons.js'
import { type Layout, type TestServer, withServer } from '../support/server.js'

const PYTHONS = withNewest('3.8', '3.11').map((version) => usable(findPython(version) as Python))

const APP = `
import sys
import marker, linked
def application(environ, start_response):
    start_response('200 OK', [])
    return [('%s %s %s' % (marker.NAME, linked.NAME, sys.prefix)).encode('utf-8')]
`

/** Puts a package and a .pth file into an environment's site directory. */
function furnish(home: string, name: string): void {
  const lib = path.join(home, 'lib')
  const [version = ''] = readdirSync(lib).filter((entry) => /^python\d/.test(entry))
  const site = path.join(lib, version, 'site-packages')
  mkdirSync(path.join(home, 'linked'), { recursive: true })
  mkdirSync(site, { recursive: true })
  writeFileSync(path.join(site, 'marker.py'), `NAME = '${name}'\n`)
  writeFileSync(path.join(site, 'more.pth'), `${path.join(home, 'linked')}\n`)
  writeFileSync(path.join(home, 'linked', 'linked.py'), `NAME = '${name}-pth'\n`)
}

const MAKERS: Record<string, (python: Python, home: string) => void> = {
  venv: (python, home) => execFileSync(python.executable, ['-m', 'venv', '--without-pip', home]),
  copies(python, home) {
    execFileSync(python.executable, ['-m', 'venv', '--without-pip', '--copies', home])
    // A Python that was moved for the tests finds its library beside itself.
    if (python.sharedLibrary !== undefined)
      symlinkSync(python.sharedLibrary, path.join(home, 'lib', path.basename(python.sharedLibrary)))
  },
  symlinked(python, home) {
    MAKERS.venv?.(python, `${home}-real`)
    symlinkSync(`${home}-real`, home)
  },
  /** conda's environments are whole installations, without pyvenv.cfg. */
  conda(python, home) {
    mkdirSync(path.join(home, 'conda-meta'), { recursive: true })
    cpSync(path.join(python.home, 'bin'), path.join(home, 'bin'), { recursive: true, verbatimSymlinks: true })
    mkdirSync(path.join(home, 'lib'))
    for (const entry of readdirSync(path.join(python.home, 'lib'))) {
      const target = path.join(python.home, 'lib', entry)
      if (!/^python\d/.test(entry)) symlinkSync(target, path.join(home, 'lib', entry))
      else {
        mkdirSync(path.join(home, 'lib', entry))
        for (const file of readdirSync(target))
          if (file !== 'site-packages')
            symlinkSync(path.join(target, file), path.join(home, 'lib', entry, file))
      }
    }
  },
}

async function check(server: TestServer, name: string): Promise<void> {
  const answer = await server.get(`/${name}`)
  assert.equal(answer.status, 200, answer.text)
  const [marker, linked, prefix = ''] = answer.text.split(' ')
  assert.deepEqual([marker, linked], [name, `${name}-pth`])
  assert.ok(prefix.startsWith(`${server.root}/envs/${name}`), prefix)
}

describe('virtual environments', { concurrency: 2 }, () => {
  for (const python of PYTHONS) {
    test(`of Python ${python.version}, each for a process group`, async () => {
      // The system's own Python is no installation that can be laid out anew: Debian's looks for packages elsewhere.
      const names = Object.keys(MAKERS).filter((name) => name !== 'conda' || python.home !== '/usr')
      const conf = names
        .map(
          (name) => `WSGIDaemonProcess ${name} threads=1 python-home=\${ROOT}/envs/${name}
WSGIScriptAlias /${name} \${ROOT}/apps/app.wsgi process-group=${name}`,
        )
        .join('\n')
      await withServer(
        { conf, apps: { 'app.wsgi': APP }, prepare: makeAll(python, names) },
        async (server) => {
          for (const name of names) await check(server, name)
        },
      )
    })

    const skip = python.sharedLibrary === undefined && 'no shared library'
    test(`of Python ${python.version}, embedded`, { skip }, async () => {
      const conf = 'WSGIPythonHome ${ROOT}/envs/symlinked\nWSGIScriptAlias /symlinked ${ROOT}/apps/app.wsgi'
      const prepare = makeAll(python, ['symlinked'])
      await withServer({ conf, python: 'none', apps: { 'app.wsgi': APP }, prepare }, (server) =>
        check(server, 'symlinked'),
      )
    })
  }
})

function makeAll(python: Python, names: readonly string[]) {
  return ({ root }: Layout) => {
    mkdirSync(`${root}/envs`)
    for (const name of names) {
      const home = `${root}/envs/${name}`
      MAKERS[name]?.(python, home)
      furnish(home, name)
    }
  }
}
