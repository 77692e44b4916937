/**
 * The three applications that people are most likely to bring: a Django project with its admin site, a Trac project, a Flask application.
 * Copied from `fixtures/` and prepared as their manuals say; and what a user would do with each to see that it works.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, chownSync, cpSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { ask } from '../support/http.js'
import { findPythons, type Python } from '../support/pythons.js'
import { PROJECT } from '../support/server.js'
import { Browser } from './browser.js'

const run = promisify(execFile)

/** What the applications need from PyPI. Trac imports `pkg_resources`, which newer releases of setuptools do not have. */
export const REQUIREMENTS = ['django', 'flask', 'trac', 'setuptools<81']

/** Whether all three run on it: Trac 1.6 asks `sqlite3` for what Python 3.14 has no longer. */
export function runsSites({ major, minor }: Python): boolean {
  return major === 3 && minor >= 10 && minor <= 13
}

/** The newest Python that they run on, for `findPython`; `3` where there is none, which may then say why not. */
export function pythonForSites(): string {
  return findPythons().findLast(runsSites)?.version ?? '3'
}

const FIXTURES = path.join(PROJECT, 'test', 'acceptance', 'fixtures')

/** An account by number, which owns what applications write. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

/**
 * Puts the three applications into `folder`, ready to be served.
 * @param venv A virtual environment with {@link REQUIREMENTS}.
 * @param owner Who will run them; undefined: whoever runs this.
 */
export async function deploySites(folder: string, venv: string, owner?: Owner): Promise<void> {
  const project = path.join(folder, 'trac', 'project')
  for (const name of ['trac', 'flask'])
    cpSync(path.join(FIXTURES, name), path.join(folder, name), { recursive: true })
  await Promise.all([
    deployDjango(path.join(folder, 'django'), venv, owner),
    run(path.join(venv, 'bin', 'python'), [
      ...['-m', 'trac.admin.console', project, 'initenv', 'Acceptance', 'sqlite:db/trac.db'],
    ]),
  ])
  mkdirSync(path.join(project, 'eggs'))
  if (owner !== undefined) giveTo(owner, project)
}

/** The Django project alone. */
export async function deployDjango(folder: string, venv: string, owner?: Owner): Promise<void> {
  cpSync(path.join(FIXTURES, 'django'), folder, { recursive: true })
  await run(path.join(venv, 'bin', 'python'), [path.join(folder, 'prepare.py')])
  if (owner !== undefined) giveTo(owner, path.join(folder, 'data'))
}

/** Changes the owner of a file, or of a folder (which only he may enter then) with all in it. */
export function giveTo(owner: Owner, file: string): void {
  chownSync(file, owner.uid, owner.gid)
  if (!lstatSync(file).isDirectory()) return
  chmodSync(file, 0o700)
  for (const name of readdirSync(file)) giveTo(owner, path.join(file, name))
}

/** Reads the guest book, logs in to the admin site, adds an entry there, and finds it in the guest book. */
export async function useDjango(port: number, host: string): Promise<void> {
  const browser = new Browser(port, host)
  const front = await browser.get('/')
  assert.equal(front.status, 200)
  assert.match(front.text, /<h1>Guest book<\/h1>/)

  const closed = await browser.get('/admin/')
  assert.equal(closed.status, 302)
  assert.equal(closed.headers.location, '/admin/login/?next=/admin/')
  const login = await browser.get('/admin/login/?next=/admin/')
  assert.equal(login.status, 200)
  const wrong = await browser.post('/admin/login/?next=/admin/', {
    csrfmiddlewaretoken: csrfToken(login.text),
    username: 'admin',
    password: 'wrong',
  })
  assert.match(wrong.text, /Please enter the correct username and password/)
  const entered = await browser.post('/admin/login/?next=/admin/', {
    csrfmiddlewaretoken: csrfToken(login.text),
    username: 'admin',
    password: 'correct horse',
  })
  assert.equal(entered.status, 302)
  assert.equal(entered.headers.location, '/admin/')
  assert.ok(browser.cookie('sessionid'))
  assert.match((await browser.get('/admin/')).text, /Site administration/)

  const text = `from ${host} é ${randomBytes(4).toString('hex')}`
  const form = await browser.get('/admin/entries/entry/add/')
  const added = await browser.post('/admin/entries/entry/add/', {
    csrfmiddlewaretoken: csrfToken(form.text),
    text,
    _save: 'Save',
  })
  assert.equal(added.status, 302)
  assert.ok((await browser.get('/')).text.includes(`<li>${text}</li>`))

  const forged = await new Browser(port, host).post('/sign/', { text: 'forged' })
  assert.equal(forged.status, 403)
  assert.equal((await browser.get('/fail/')).status, 500)
  assert.equal((await browser.get('/no-such-page/')).status, 404)
}

/** The admin site's style sheet, which the server reads from disk without Python. */
export async function useDjangoStatic(port: number, host: string): Promise<void> {
  const browser = new Browser(port, host)
  const sheet = await browser.get('/static/admin/css/base.css')
  assert.equal(sheet.status, 200)
  assert.match(sheet.headers['content-type'] ?? '', /^text\/css/)
  assert.match(sheet.text, /--primary/)
  assert.ok(sheet.headers.etag)
  assert.ok(sheet.headers['last-modified'])
  assert.equal((await browser.get('/static/no-such-file.css')).status, 404)
}

/** Reads the wiki and the time line, searches, and looks at what Trac knows of the server. */
export async function useTrac(port: number, host: string): Promise<void> {
  const browser = new Browser(port, host)
  const wiki = await browser.get('/trac')
  assert.equal(wiki.status, 200)
  assert.match(wiki.text, /<title>[^<]*Acceptance[^<]*<\/title>/s)
  // Every link is made from SCRIPT_NAME.
  assert.match(wiki.text, /href="\/trac\/wiki\/TracGuide"/)
  assert.equal((await browser.get('/trac/wiki/TracGuide')).status, 200)
  assert.match((await browser.get('/trac/search?q=repository')).text, /Search Results/)
  assert.equal((await browser.get('/trac/timeline')).status, 200)
  const sheet = await browser.get('/trac/chrome/common/css/trac.css')
  assert.equal(sheet.status, 200)
  assert.match(sheet.headers['content-type'] ?? '', /^text\/css/)
  assert.equal((await browser.get('/trac/wiki/NoSuchPage')).status, 404)
  const redirected = await browser.get('/trac/login')
  assert.ok(redirected.status >= 400, 'Trac wants REMOTE_USER for a login')
}

/** Enters by the server's log-in (anna, secret) that stands before Trac's. */
export async function useTracLogIn(port: number, host: string): Promise<void> {
  const headers = { Host: host }
  assert.equal((await ask(port, '/trac/login', { headers })).status, 401)
  const entered = await ask(port, '/trac/login', { headers: { ...headers, ...basic('anna', 'secret') } })
  assert.equal(entered.status, 302)
  const cookie = (entered.headers['set-cookie'] ?? []).map((line) => line.split(';')[0]).join('; ')
  assert.match(cookie, /trac_auth=/)
  const page = await ask(port, '/trac/wiki', { headers: { ...headers, Cookie: cookie } })
  assert.match(page.text, /logged in as <span[^>]*>anna/)
}

export function basic(user: string, password: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

/** What the Flask application says about its process. */
export interface Where {
  readonly uid: number
  readonly pid: number
  readonly prefix: string
  readonly version: string
  readonly environ: Readonly<Record<string, string>>
}

/** Notes kept in a cookie, an upload, a streamed answer, a failing view; answers with what the application says of its process. */
export async function useFlask(port: number, host: string, mount = ''): Promise<Where> {
  const browser = new Browser(port, host)
  const added = await browser.post(`${mount}/add`, { note: 'buy <milk>' })
  assert.equal(added.status, 302)
  assert.equal(added.headers.location, `${mount}/`)
  assert.match((await browser.get(`${mount}/`)).text, /<p>buy &lt;milk&gt;<\/p>/)

  const content = randomBytes(300_000)
  const uploaded = await browser.upload(`${mount}/upload`, 'file', content)
  assert.deepEqual(JSON.parse(uploaded.text), {
    length: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
  })
  const streamed = await browser.get(`${mount}/stream`)
  assert.equal(streamed.text, Array.from({ length: 1000 }, (_, number) => `line ${number}\n`).join(''))
  const failed = await browser.get(`${mount}/fail`)
  assert.equal(failed.status, 500)
  assert.doesNotMatch(failed.text, /LookupError|Traceback/)
  return JSON.parse((await browser.get(`${mount}/where`)).text)
}

function csrfToken(page: string): string {
  const token = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(page)?.[1]
  assert.ok(token, 'the form has a CSRF token')
  return token
}
