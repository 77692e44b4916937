/** MoinMoin 1.9, a wiki that runs on Python 2.7 alone: installed from PyPI as it is, a page read, written and read again. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chownSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { cacheDirectory, isRoot } from '../support/cache.js'
import { findPython, type Python, skipWithout, usable } from '../support/pythons.js'
import { type Layout, withServer } from '../support/server.js'
import { Browser } from './browser.js'

const RELEASE = 'moin==1.9.11'
const PIP_TIMEOUT_MS = 240_000
/** The account that servers of tests run as when root starts them. */
const NOBODY = 65534

/** As the manual's page about Apache with mod_wsgi has it; the Python and its packages are the additions. */
const CONF = `
Alias /moin_static1911 "\${MOIN}/MoinMoin/web/static/htdocs"
<Directory "\${MOIN}/MoinMoin/web/static/htdocs">
    Order deny,allow
    Allow from all
</Directory>
WSGIScriptAlias /wiki "\${ROOT}/wiki/moin.wsgi"
WSGIDaemonProcess moin ${isRoot ? 'user=nobody group=#65534 ' : ''}processes=5 threads=10 maximum-requests=1000 umask=0007 \\
    python-home="\${PYTHON27}" python-path="\${MOIN}:\${ROOT}/wiki"
WSGIProcessGroup moin
WSGIApplicationGroup %{GLOBAL}
`

const SETTINGS = `
import os
from MoinMoin.config import multiconfig

class Config(multiconfig.DefaultConfig):
    wikiconfig_dir = os.path.dirname(os.path.abspath(__file__))
    instance_dir = wikiconfig_dir
    data_dir = os.path.join(instance_dir, 'data')
    data_underlay_dir = os.path.join(instance_dir, 'underlay')
    sitename = u'Acceptance'
    page_front_page = u'FrontPage'
    acl_rights_default = u'All:read,write'
    textchas_disabled_group = None
    surge_action_limits = None
`

describe('MoinMoin', { skip: skipWithout('2.7') }, () => {
  test('is served by Python 2.7', async (t) => {
    const python = usable(findPython('2.7') as Python)
    const installed = await install(python)
    if ('skip' in installed) return t.skip(installed.skip)
    const { folder } = installed
    const prepare = (layout: Layout) => {
      const wiki = path.join(layout.root, 'wiki')
      mkdirSync(wiki)
      for (const part of ['data', 'underlay'])
        cpSync(path.join(folder, 'share/moin', part), path.join(wiki, part), { recursive: true })
      cpSync(path.join(folder, 'share/moin/server/moin.wsgi'), path.join(wiki, 'moin.wsgi'))
      layout.write('wiki/wikiconfig.py', SETTINGS)
      if (isRoot) giveTo(NOBODY, wiki)
    }
    const conf = CONF.replaceAll('${PYTHON27}', python.home).replaceAll('${MOIN}', folder)
    await withServer({ conf, prepare, python: 'none' }, async (server) => {
      const browser = new Browser(server.port)
      const missing = await browser.get('/wiki/AcceptancePage')
      assert.equal(missing.status, 404)
      assert.match(missing.text, /<title>AcceptancePage - Acceptance</)
      const editor = await browser.get('/wiki/AcceptancePage?action=edit&editor=text')
      assert.equal(editor.status, 200)
      const fields = Object.fromEntries(
        ['action', 'rev', 'ticket', 'editor'].map((name) => [name, hidden(editor.text, name)]),
      )
      const saved = await browser.post('/wiki/AcceptancePage', {
        ...fields,
        savetext: "= Grüße =\r\nThis is ''the'' page.\r\n",
        button_save: 'Save Changes',
      })
      assert.ok([200, 302].includes(saved.status), `status ${saved.status}`)
      const page = await browser.get('/wiki/AcceptancePage')
      assert.equal(page.status, 200)
      assert.match(page.text, /<h1 id="Gr[^>]*">Grüße<\/h1>[\s\S]*This is <em>the<\/em> page\./)
      const raw = await browser.get('/wiki/AcceptancePage?action=raw')
      assert.match(raw.text, /= Grüße =/)
      const sheet = await browser.get('/moin_static1911/modern/css/common.css')
      assert.equal(sheet.status, 200)
      assert.ok(sheet.headers.etag, 'a file, not MoinMoin')
    })
  })
})

function hidden(page: string, name: string): string {
  const [, value] = new RegExp(`<input[^>]*name="${name}"[^>]*value="([^"]*)"`).exec(page) ?? []
  return value ?? ''
}

function giveTo(account: number, file: string): void {
  chownSync(file, account, account)
  if (lstatSync(file).isDirectory())
    for (const name of readdirSync(file)) giveTo(account, path.join(file, name))
}

/** Python 2.7 has no `venv`: the packages go into a folder of their own. */
async function install(python: Python): Promise<{ readonly folder: string } | { readonly skip: string }> {
  const folder = path.join(cacheDirectory(), `${RELEASE}-${python.version}`)
  if (existsSync(folder)) return { folder }
  const fresh = `${folder}.${process.pid}`
  try {
    const words = [
      '-m',
      'pip',
      'install',
      '-q',
      '--retries',
      '1',
      '--timeout',
      '15',
      '--target',
      fresh,
      RELEASE,
    ]
    await promisify(execFile)((findPython('2.7') as Python).executable, words, { timeout: PIP_TIMEOUT_MS })
    if (!existsSync(folder)) renameSync(fresh, folder)
    return { folder }
  } catch (error) {
    const reason = ((error as { stderr?: string }).stderr ?? String(error)).trim().split('\n').at(-1)
    if (process.env.CI === 'true') throw new Error(`cannot install ${RELEASE}: ${reason}`, { cause: error })
    return { skip: `PyPI out of reach (${RELEASE}): ${reason}` }
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}
