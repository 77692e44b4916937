import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { iconOf, iconRule } from '../../src/modules/autoindex/icons.js'
import {
  type Entry,
  formatSize,
  type Look,
  orderOf,
  renderListing,
  sortEntries,
} from '../../src/modules/autoindex/listing.js'
import { hasFlag, mergeOptions, NO_OPTIONS, readOptions } from '../../src/modules/autoindex/options.js'
import { autoindex } from '../../src/modules/autoindex.js'
import { modules } from '../../src/modules/index.js'
import type { Request } from '../../src/request/request.js'
import { hooksOf, withFront } from '../request/front.js'
import { ask } from '../support/http.js'
import { type MadeRequest, makeRequest, type RequestFacts, stats } from '../support/request.js'
import { faultsOf } from '../support/site.js'

const LOOK: Look = {
  fancy: true,
  sortable: true,
  columns: ['N', 'M', 'S', 'D'],
  foldersFirst: false,
  ignoreCase: false,
  versionSort: false,
  nameWidth: Number.POSITIVE_INFINITY,
  descriptionWidth: 23,
  preamble: true,
  headInsert: '',
  styleSheet: undefined,
}
const entry = (name: string, rest: Partial<Entry> = {}): Entry => ({
  name,
  isDirectory: false,
  size: 0,
  modified: 0,
  description: '',
  ...rest,
})
const PRESET = { column: 'N', descending: false } as const

test('rows are in the order that the query asks for', () => {
  const entries = [
    entry('b', { size: 1, modified: 3, description: 'x' }),
    entry('a10', { size: 2, modified: 2 }),
    entry('a2', { size: 2, modified: 1 }),
    entry('C', { isDirectory: true, size: 4096, modified: 9 }),
  ]
  const rows: [query: string | undefined, look: Partial<Look>, names: string][] = [
    [undefined, {}, 'C a10 a2 b'],
    ['C=N;O=D', {}, 'b a2 a10 C'],
    ['C=S;O=A', {}, 'C b a10 a2'],
    ['C=M;O=D', {}, 'C b a10 a2'],
    ['C=D', {}, 'C a10 a2 b'],
    ['C=X;O=Y&<script>', {}, 'C a10 a2 b'],
    [undefined, { ignoreCase: true }, 'a10 a2 b C'],
    [undefined, { versionSort: true }, 'C a2 a10 b'],
    ['C=N;O=D', { foldersFirst: true }, 'C b a2 a10'],
  ]
  for (const [query, look, names] of rows) {
    const sorted = sortEntries(entries, orderOf(query, PRESET), { ...LOOK, ...look })
    assert.equal(sorted.map(({ name }) => name).join(' '), names, `${query} ${JSON.stringify(look)}`)
  }
})

test('names are escaped, for HTML and for URLs', () => {
  const page = renderListing({
    path: '/<i>/',
    entries: [entry('"><script>.txt'), entry('a:b?c#d%'), entry('d&d', { isDirectory: true })],
    order: PRESET,
    look: LOOK,
    header: '',
    footer: '<p>end</p>',
  })
  assert.doesNotMatch(page, /<script>|<i>/)
  assert.match(page, /<a href="%22%3e%3cscript%3e.txt">/)
  assert.match(page, /<a href="\.\/a:b%3fc%23d%25">/)
  assert.match(page, /<a href="d&#38;d\/">d&#38;d\/<\/a>/)
  assert.match(page, /<a href="\.\.\/">Parent Directory<\/a>/)
  assert.match(page, /<a href="\?C=N;O=D">Name<\/a>/)
  assert.match(page, /<p>end<\/p><\/body>/)
})

test('sizes are short', () => {
  const rows: [bytes: number, text: string][] = [
    [0, '0'],
    [972, '972'],
    [1024, '1.0K'],
    [34_816, '34K'],
    [1_048_576, '1.0M'],
    [5_000_000_000, '4.7G'],
  ]
  for (const [bytes, text] of rows) assert.equal(formatSize(bytes), text)
})

test('IndexOptions: absolute lists replace, signs change', () => {
  const read = (...words: string[]) => {
    const options = readOptions(NO_OPTIONS, words)
    if (typeof options === 'string') throw new Error(options)
    return options
  }
  const outer = read('FancyIndexing', 'FoldersFirst', 'NameWidth=*', 'Charset=UTF-8')
  assert.equal(hasFlag(mergeOptions(outer, read('IgnoreCase')), 'FancyIndexing'), false)
  const changed = mergeOptions(outer, read('+IgnoreCase', '-FoldersFirst', 'NameWidth=40'))
  assert.deepEqual(
    (['FancyIndexing', 'FoldersFirst', 'IgnoreCase'] as const).map((flag) => hasFlag(changed, flag)),
    [true, false, true],
  )
  assert.deepEqual(changed.values, { nameWidth: 40, charset: 'UTF-8' })
  assert.equal(readOptions(NO_OPTIONS, ['Sparkling']), 'Invalid directory indexing option')
})

function directory(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'wsgi-httpd-index-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const name of ['a.txt', '.hidden', 'secret', 'HEADER.html'])
    writeFileSync(join(root, name), `<b>${name}</b>`)
  mkdirSync(join(root, 'sub'))
  symlinkSync('/nowhere', join(root, 'dangling'))
  utimesSync(join(root, 'a.txt'), 1, 1)
  return root
}

/** Look-ups refuse `secret` and take everything else for HTML. */
function lookUp(root: string) {
  return (url: string, from: Request): Request => {
    const name = url.replace(/^\.\//, '')
    const found = makeRequest('', { url: from.path + name, filename: join(root, name), is: 'file' })
    found.finfo = stats('file')
    found.contentType = 'text/html'
    found.status = name === 'secret' ? 403 : 200
    return found
  }
}

function listing(root: string, conf: string, facts: RequestFacts = {}): MadeRequest {
  const request = makeRequest(`Options Indexes\n${conf}`, {
    url: '/d/',
    filename: `${root}/`,
    is: 'directory',
    lookUp: lookUp(root),
    ...facts,
  })
  request.handler = 'httpd/unix-directory'
  return request
}

test('a listing has what the client may have, and no more', async (t) => {
  const root = directory(t)
  const conf =
    'IndexOptions FancyIndexing Charset=UTF-8\nIndexIgnore .??* HEADER*\nHeaderName HEADER.html\nAddDescription "plain text" .txt'
  const request = listing(root, conf)
  assert.equal(await autoindex.hooks.handler(request), 'done')
  const page = String(request.sent[0])
  const links = [...page.matchAll(/<td><a href="([^"]*)"/g)].map(([, link]) => link)
  assert.deepEqual(links, ['../', 'a.txt', 'sub/'])
  assert.match(page, /<b>HEADER\.html<\/b>/)
  assert.match(page, /plain text/)
  assert.match(page, /1970-01-01|1969-12-31/)
  assert.equal(request.contentType, 'text/html;charset=UTF-8')
})

test('a link that takes the place of a header or readme is not followed where links are restricted', {
  skip: existsSync('/proc/self/fd') ? false : 'no /proc here',
}, async () => {
  const conf =
    '<Directory "${ROOT}/d">\nOptions Indexes\nIndexOptions SuppressHTMLPreamble\nHeaderName HEADER.html\nIndexIgnore HEADER*\nAddType text/html .html\n</Directory>'
  let root = ''
  let swaps = false
  let swapped = false
  const swapper = hooksOf({
    fixups: ({ main, filename }) => {
      if (main === undefined || !swaps || !filename.endsWith('/HEADER.html')) return undefined
      rmSync(filename)
      swapped = true
      symlinkSync(join(root, 'secret.html'), filename)
      return undefined
    },
  })
  const files = { 'd/HEADER.html': 'header', 'secret.html': 'secret' }
  const others = modules.filter(({ id }) => !['core_module', 'http_module', 'reqtimeout_module'].includes(id))
  await withFront(conf, { files, modules: [...others, swapper] }, async (front) => {
    root = front.root
    assert.match((await ask(front.port, '/d/')).text, /^header/)
    swaps = true
    const { status, text } = await ask(front.port, '/d/')
    assert.equal(status, 200)
    assert.ok(swapped)
    assert.doesNotMatch(text, /secret/)
  })
})

test('ShowForbidden shows what would be refused; without FancyIndexing there is a plain list', async (t) => {
  const root = directory(t)
  const request = listing(root, 'IndexOptions ShowForbidden\nIndexIgnoreReset On\nIndexIgnore .*')
  assert.equal(await autoindex.hooks.handler(request), 'done')
  const page = String(request.sent[0])
  assert.match(page, /<li><a href="secret">secret<\/a><\/li>/)
  assert.doesNotMatch(page, /<table>/)
})

test('without Options Indexes: 403, and the log names what was tried', () => {
  const request = makeRequest('Options None', { url: '/d/', filename: '/srv/d/', is: 'directory' })
  request.handler = 'httpd/unix-directory'
  request.notes.set('dir-index-names', 'index.html')
  assert.equal(autoindex.hooks.handler(request), 403)
  assert.deepEqual(
    request.records.map(({ code }) => code),
    ['AH01276'],
  )
  assert.match(request.records[0]?.message ?? '', /No matching DirectoryIndex \(index\.html\) found/)
})

test('a directory that cannot be read: 403', async () => {
  const request = listing('/nowhere', '')
  assert.equal(await autoindex.hooks.handler(request), 403)
  assert.equal(request.records[0]?.code, 'AH01275')
})

test('other methods and other handlers are left alone', () => {
  const post = makeRequest('Options Indexes', { method: 'POST', filename: '/srv/', is: 'directory' })
  post.handler = 'httpd/unix-directory'
  assert.equal(autoindex.hooks.handler(post), undefined)
  assert.equal(
    autoindex.hooks.handler(makeRequest('Options Indexes', { filename: '/x', is: 'file' })),
    undefined,
  )
})

test('mistakes are told', () => {
  assert.match(faultsOf('IndexOptions NameWidth=1', modules).join(), /NameWidth/)
  assert.match(faultsOf('IndexOrderDefault Up Name', modules).join(), /First keyword/)
  assert.match(faultsOf('IndexOrderDefault Ascending Colour', modules).join(), /Second keyword/)
})

test('icons by name, type and encoding, with their texts', () => {
  const icons = [
    iconRule('encoding', '/gz.gif', 'x-gzip'),
    iconRule('name', '/txt.gif', '.txt'),
    iconRule('name', '/dir.gif', '^^DIRECTORY^^'),
    iconRule('name', '/back.gif', '..'),
    iconRule('type', '/image.gif', 'image/*'),
  ]
  const settings = { icons, alts: [iconRule('name', 'TXT', '.txt')], defaultIcon: '/unknown.gif' }
  const of = (name: string, type = '', encoding = '', isDirectory = false): string =>
    iconOf(settings, { name, isDirectory, type, encoding }, { height: 16, width: undefined })
  assert.equal(of('a.txt'), '<img src="/txt.gif" alt="[TXT]" height="16">')
  assert.equal(of('a.txt.gz', 'text/plain', 'x-gzip'), '<img src="/gz.gif" alt="[   ]" height="16">')
  assert.equal(of('a.png', 'image/png'), '<img src="/image.gif" alt="[   ]" height="16">')
  assert.equal(of('sub', '', '', true), '<img src="/dir.gif" alt="[DIR]" height="16">')
  assert.equal(of('..', '', '', true), '<img src="/back.gif" alt="[DIR]" height="16">')
  assert.equal(of('other'), '<img src="/unknown.gif" alt="[   ]" height="16">')
  const facts = { name: 'a.txt', isDirectory: false, type: '', encoding: '' }
  assert.equal(iconOf({ icons: [], alts: [], defaultIcon: undefined }, facts, { height: 1, width: 1 }), '')
})

test('icons stand before names, as links where that is asked for', () => {
  const page = (look: Partial<Look>): string =>
    renderListing({
      path: '/d/',
      entries: [entry('a', { icon: '<img>' })],
      order: PRESET,
      look: { ...LOOK, ...look },
      header: '',
      footer: '',
      parentIcon: '<img id="up">',
    })
  assert.match(page({}), /<td><img> <a href="a">a<\/a><\/td>/)
  assert.match(page({}), /<td><img id="up"> <a href="\.\.\/">Parent Directory/)
  assert.match(page({ iconsAreLinks: true }), /<td><a href="a"><img><\/a> <a href="a">a<\/a><\/td>/)
})
