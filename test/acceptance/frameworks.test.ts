/**
 * Current releases of frameworks from PyPI, unmodified: what an application of each does most. Django's admin site, Flask and Trac are in
 * debian.test.ts.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { isRoot } from '../support/cache.js'
import { findPython, skipWithout } from '../support/pythons.js'
import { PROJECT, type TestServer, withServer } from '../support/server.js'
import { virtualEnvironment } from '../support/venv.js'
import { until } from '../support/wait.js'
import { Browser } from './browser.js'
import { UPLOAD_MB, uploadToDjango } from './upload.js'

const REQUIREMENTS = ['pyramid', 'bottle', 'falcon', 'bobo', 'django', 'mercurial', 'webtest', 'werkzeug']
const FIXTURES = path.join(PROJECT, 'test', 'acceptance', 'fixtures', 'frameworks')
/** The account that servers of tests run as when root starts them. */
const NOBODY = 65534
const MEGABYTE = 1024 * 1024

const CONF = `
WSGIDaemonProcess frameworks python-home="\${VENV}" threads=4
WSGIDaemonProcess large python-home="\${VENV}" threads=2
WSGIDaemonProcess hg python-home="\${VENV}" threads=4
WSGIDaemonProcess bobo python-home="\${VENV}" threads=1
WSGIProcessGroup frameworks
WSGIScriptAlias /pyramid "\${ROOT}/sites/pyramid.wsgi"
WSGIScriptAlias /bottle "\${ROOT}/sites/bottled.wsgi"
WSGIScriptAlias /falcon "\${ROOT}/sites/falcons.wsgi"
WSGIScriptAlias /lint "\${ROOT}/sites/lint.wsgi"
WSGIScriptAlias /django "\${ROOT}/sites/large.wsgi" process-group=large
WSGIScriptAlias /hg "\${ROOT}/sites/hgweb.wsgi" process-group=hg application-group=%{GLOBAL}
# Werkzeug's lint knows WSGI 1.0 alone.
<Location /lint>
    WSGIHttpdInterfaceVersion 1.0
</Location>
Alias /bobo "\${ROOT}/sites/bobo"
<Directory "\${ROOT}/sites/bobo">
    WSGIProcessGroup bobo
    WSGIApplicationGroup %{GLOBAL}
    MultiViewsMatch Handlers
    Options +ExecCGI
    AddHandler bobo-script .bobo
    WSGIHandlerScript bobo-script "\${ROOT}/sites/bobo/handler.wsgi"
</Directory>
`

describe('frameworks', { skip: skipWithout('3') }, () => {
  test('work unmodified', async (t) => {
    const venv = await virtualEnvironment(findPython('3')?.version ?? '3', REQUIREMENTS)
    if ('skip' in venv) return t.skip(venv.skip)
    // By way of Python: the script's first line names the place where the environment was made.
    const python = path.join(venv.home, 'bin', 'python')
    const hg = (words: readonly string[], cwd?: string) =>
      call(python, [path.join(venv.home, 'bin', 'hg'), ...words], { env: HG_ENVIRONMENT, cwd })
    const prepare = async ({ root }: { root: string }) => {
      const sites = path.join(root, 'sites')
      cpSync(FIXTURES, sites, { recursive: true })
      await makeRepository(hg, path.join(sites, 'repository'))
    }
    await withServer({ conf: CONF.replaceAll('${VENV}', venv.home), prepare }, async (server) => {
      await t.test('Pyramid', () => usePyramid(server))
      await t.test('Bottle', () => useBottle(server))
      await t.test('Falcon', () => useFalcon(server))
      await t.test('bobo, by a handler script', () => useBobo(server))
      await t.test('Mercurial: clone and push', () => useMercurial(server, hg))
      await t.test(`Django: an upload of ${UPLOAD_MB} MB, a streaming response`, () => useDjango(server))
      await t.test("WebTest's and Werkzeug's lint have no complaint", () => useLint(server))
    })
  })
})

async function usePyramid(server: TestServer): Promise<void> {
  const browser = new Browser(server.port)
  assert.equal(
    (await browser.get('/pyramid/hello/you')).text,
    `Hello you from http://localhost:${server.port}/pyramid`,
  )
  await streamsAndFiles(browser, '/pyramid', 'pyramid.wsgi')
  assert.equal((await browser.get('/pyramid/nowhere')).status, 404)
}

async function useBottle(server: TestServer): Promise<void> {
  const browser = new Browser(server.port)
  assert.equal((await browser.get('/bottle/hello/you')).text, 'Hello you from /bottle/')
  await streamsAndFiles(browser, '/bottle', 'bottled.wsgi')
  const part = await server.get('/bottle/source', { headers: { Range: 'bytes=3-9' } })
  assert.deepEqual([part.status, part.text], [206, 'Bottle:'])
  assert.equal((await browser.get('/bottle/teapot')).status, 418)
}

/** What both do at the same paths. */
async function streamsAndFiles(browser: Browser, mount: string, file: string): Promise<void> {
  const source = await browser.get(`${mount}/source`)
  assert.equal(source.text, readFileSync(path.join(FIXTURES, file), 'utf8'))
  assert.equal(source.headers['content-length'], String(source.bytes.length))
  const numbers = await browser.get(`${mount}/numbers`)
  assert.equal(numbers.text, Array.from({ length: 1000 }, (_, index) => `${index}\n`).join(''))
  const form = await formWithFile(browser.port, `${mount}/form`, { name: 'é' }, 'the file’s text')
  assert.deepEqual(JSON.parse(form), { name: 'é', file: 'the file’s text' })
}

async function formWithFile(
  port: number,
  place: string,
  fields: Readonly<Record<string, string>>,
  content: string,
): Promise<string> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('file', new Blob([content]), 'file.txt')
  // fetch() sends a form with its length.
  const answer = await fetch(`http://127.0.0.1:${port}${place}`, { method: 'POST', body: form })
  assert.equal(answer.status, 200)
  return answer.text()
}

async function useFalcon(server: TestServer): Promise<void> {
  assert.equal((await server.get('/falcon/hello/you')).text, 'Hello you from /falcon')
  const media = await server.get('/falcon/media', {
    method: 'POST',
    body: '{"a": [1, "é"]}',
    headers: { 'Content-Type': 'application/json' },
  })
  assert.deepEqual(JSON.parse(media.text), { seen: { a: [1, 'é'] } })
  const body = Buffer.alloc(MEGABYTE, 'falcon ')
  const echo = await server.get('/falcon/echo', { method: 'PUT', body })
  assert.ok(echo.bytes.equals(body))
  const refused = await server.get('/falcon/refuses')
  assert.deepEqual([refused.status, JSON.parse(refused.text).title], [403, 'No'])
}

async function useBobo(server: TestServer): Promise<void> {
  const browser = new Browser(server.port)
  const [, before] =
    /^Hello you from (\d+)$/.exec((await browser.get('/bobo/page.bobo/hello?name=you')).text) ?? []
  assert.ok(before)
  assert.equal((await browser.post('/bobo/page.bobo/form', { name: 'me' })).text, 'Posted by me')
  assert.equal((await browser.get('/bobo/page.bobo/nowhere')).status, 404)
  const file = path.join(server.root, 'sites', 'bobo', 'page.bobo')
  utimesSync(file, 1, 1)
  const [, after] = /^Hello world from (\d+)$/.exec((await browser.get('/bobo/page.bobo/hello')).text) ?? []
  assert.ok(after !== undefined && after !== before, 'reload_required() gets a new process')
}

const call = promisify(execFile)
const HG_ENVIRONMENT = { ...process.env, HGRCPATH: '', HGUSER: 'acceptance', HGPLAIN: '1' }
type Hg = (words: readonly string[], cwd?: string) => Promise<unknown>

async function makeRepository(hg: Hg, folder: string): Promise<void> {
  mkdirSync(folder)
  await hg(['init', folder])
  writeFileSync(path.join(folder, 'first.txt'), 'first\n')
  await hg(['-R', folder, 'commit', '-A', '-m', 'first'], folder)
  writeFileSync(path.join(folder, '.hg', 'hgrc'), '[web]\npush_ssl = false\nallow_push = *\n')
  if (isRoot) giveTo(NOBODY, folder)
}

function giveTo(account: number, file: string): void {
  chownSync(file, account, account)
  if (lstatSync(file).isDirectory())
    for (const name of readdirSync(file)) giveTo(account, path.join(file, name))
}

async function useMercurial(server: TestServer, hg: Hg): Promise<void> {
  const url = server.url('/hg')
  assert.match((await server.get('/hg')).text, /first/)
  const clone = path.join(server.root, 'clone')
  await hg(['clone', url, clone])
  assert.equal(readFileSync(path.join(clone, 'first.txt'), 'utf8'), 'first\n')
  // More than fits into one piece of anything.
  const noise = Array.from(
    { length: 300_000 },
    (_, index) => createHash('md5').update(String(index)).digest('hex')[0],
  )
  writeFileSync(path.join(clone, 'second.txt'), noise.join(''))
  await hg(['commit', '-A', '-m', 'second'], clone)
  await hg(['push', url], clone)
  const again = path.join(server.root, 'again')
  await hg(['clone', url, again])
  assert.ok(existsSync(path.join(again, 'second.txt')))
  assert.match((await server.get('/hg/log?style=raw')).text, /second[\s\S]*first/)
}

async function useDjango(server: TestServer): Promise<void> {
  const stream = await server.get('/django/stream')
  assert.equal(stream.text.trimEnd().split('\n').length, 100_000)
  assert.ok(stream.text.endsWith(`99999,${99_999 * 99_999}\n`))

  await uploadToDjango(server.port, '/django/upload')
}

async function useLint(server: TestServer): Promise<void> {
  const get = async (place: string, options = {}) => {
    const answer = await server.get(`/lint${place}`, options)
    return [answer.status, answer.text]
  }
  assert.deepEqual(await get('/'), [200, 'GET 0'])
  assert.deepEqual(await get('/', { method: 'HEAD' }), [200, ''])
  assert.deepEqual(await get('/', { method: 'POST', body: 'x'.repeat(100_000) }), [200, 'POST 100000'])
  assert.deepEqual(await get('/', { method: 'PUT', body: '' }), [200, 'PUT 0'])
  assert.deepEqual(await get('/empty'), [204, ''])
  assert.deepEqual(await get('/stream'), [
    200,
    Array.from({ length: 100 }, (_, index) => `${index}\n`).join(''),
  ])
  assert.deepEqual(await get('/etag', { headers: { 'If-None-Match': '"x"' } }), [304, ''])
  await until(
    'nothing in the log',
    () => !/LintMiddleware|WSGIWarning|AssertionError|Traceback/.test(server.errorLog()),
  )
}
