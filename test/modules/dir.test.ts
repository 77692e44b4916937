import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dir } from '../../src/modules/dir.js'
import { modules } from '../../src/modules/index.js'
import type { Request } from '../../src/request/request.js'
import { makeRequest, type RequestFacts, stats } from '../support/request.js'
import { faultsOf } from '../support/site.js'

const { fixups } = dir.hooks

/** Look-ups that find the files named, with these statuses for others. */
function finding(
  files: readonly string[],
  statuses: Readonly<Record<string, number>> = {},
  asked: string[] = [],
) {
  return (url: string, from: Request): Request => {
    asked.push(url)
    const name = url.split('?')[0] as string
    const found = makeRequest('', { url: from.path + name, filename: `/srv/${name}` })
    found.query = url.split('?')[1]
    found.status = statuses[name] ?? 200
    if (files.includes(name)) found.finfo = stats('file')
    return found
  }
}

const directory = (facts: RequestFacts = {}): RequestFacts => ({
  url: '/d/',
  filename: '/srv/d/',
  is: 'directory',
  host: 'h',
  ...facts,
})

test('a directory without its slash is redirected, with the query', () => {
  const rows: [conf: string, facts: RequestFacts, outcome: unknown, location: string | undefined][] = [
    ['', { url: '/d?x=1' }, 301, 'http://h/d/?x=1'],
    ['', { url: '/a b' }, 301, 'http://h/a%20b/'],
    ['', { url: '/d', method: 'POST' }, 301, 'http://h/d/'],
    ['', { url: '/d', method: 'PROPFIND', env: { 'redirect-carefully': '1' } }, undefined, undefined],
    ['DirectorySlash Off', { url: '/d' }, undefined, undefined],
    ['UseCanonicalName On\nServerName v2:8443', { url: '/d' }, 301, 'http://v2:8443/d/'],
    ['ServerName https://v2', { url: '/d' }, 301, 'https://h/d/'],
  ]
  for (const [conf, facts, outcome, location] of rows) {
    const request = makeRequest(conf, directory(facts))
    assert.equal(fixups(request), outcome, conf)
    assert.equal(request.headersOut.get('Location'), location)
  }
})

test('index names are tried in order, with the query, and the first file takes over', () => {
  const asked: string[] = []
  const request = makeRequest('DirectoryIndex a.html b.html c.html', {
    ...directory({ url: '/d/?q=1' }),
    lookUp: finding(['b.html', 'c.html'], {}, asked),
  })
  assert.equal(fixups(request), 'ok')
  assert.deepEqual(asked, ['a.html?q=1', 'b.html?q=1'])
  assert.deepEqual([request.filename, request.path, request.target], ['/srv/b.html', '/d/b.html', '/d/?q=1'])
})

test('names of one section add up, an inner section replaces them, disabled empties them', () => {
  const conf = `DirectoryIndex a\nDirectoryIndex b\n<Directory /srv/d>\nDirectoryIndex c\n</Directory>
    <Directory /srv/none>\nDirectoryIndex disabled\n</Directory>`
  const tried = (filename: string): string | undefined => {
    const request = makeRequest(conf, {
      ...directory({ filename }),
      lookUp: finding([], { a: 404, b: 404, c: 404 }),
    })
    assert.equal(fixups(request), undefined)
    return request.notes.get('dir-index-names')
  }
  assert.deepEqual([tried('/srv/x/'), tried('/srv/d/'), tried('/srv/none/')], ['a,b', 'c', ''])
})

test('what a candidate answers', () => {
  const rows: [statuses: Record<string, number>, files: string[], outcome: unknown][] = [
    [{ a: 404, b: 404 }, [], undefined],
    [{ a: 403, b: 404 }, [], 403],
    [{ a: 403, b: 200 }, ['b'], 'ok'],
    [{ a: 401, b: 200 }, ['b'], 'ok'],
    [{ a: 404, b: 401 }, [], 401],
    [{ a: 301, b: 200 }, ['b'], 301],
    [{ a: 200, b: 404 }, [], undefined],
  ]
  for (const [statuses, files, outcome] of rows) {
    const request = makeRequest('DirectoryIndex a b', { ...directory(), lookUp: finding(files, statuses) })
    assert.equal(fixups(request), outcome, JSON.stringify(statuses))
  }
})

test('look-ups that take time end the same way', async () => {
  const lookUp = finding(['b'], { a: 404 })
  const request = makeRequest('DirectoryIndex a b', {
    ...directory(),
    lookUp: async (url, from) => lookUp(url, from),
  })
  assert.equal(await fixups(request), 'ok')
  assert.equal(request.filename, '/srv/b')
})

test('DirectoryIndexRedirect sends the client to the index file', () => {
  const request = makeRequest('DirectoryIndexRedirect seeother', {
    ...directory(),
    lookUp: finding(['index.html']),
  })
  assert.equal(fixups(request), 303)
  assert.equal(request.headersOut.get('Location'), 'http://h/d/index.html')
})

test('DirectoryCheckHandler leaves a directory to the handler it has', () => {
  const request = makeRequest('DirectoryCheckHandler On', directory())
  request.handler = 'server-status'
  assert.equal(fixups(request), undefined)
})

test('FallbackResource serves what maps to nothing, but never looks itself up again', () => {
  const conf = 'FallbackResource /app'
  const lost = { url: '/d/x?q', filename: '/srv/d/x', lookUp: finding(['/app']) }
  const request = makeRequest(conf, lost)
  assert.equal(fixups(request), 'ok')
  assert.equal(request.filename, '/srv//app')
  const withHandler = makeRequest(conf, lost)
  withHandler.handler = 'wsgi-script'
  assert.equal(fixups(withHandler), undefined)
  assert.equal(fixups(makeRequest(conf, { url: '/app', filename: '/srv/app' })), undefined)
  assert.equal(fixups(makeRequest('FallbackResource disabled', { url: '/x', filename: '/srv/x' })), undefined)
})

test('mistakes are told', () => {
  assert.match(faultsOf('DirectoryIndexRedirect 200', modules).join(), /between 300 and 399/)
  assert.match(faultsOf('DirectoryIndexRedirect perhaps', modules).join(), /ON\|OFF/)
})
