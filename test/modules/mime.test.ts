import assert from 'node:assert/strict'
import { test } from 'node:test'
import { modules } from '../../src/modules/index.js'
import { extensionsOf, mime } from '../../src/modules/mime.js'
import { parseTypes } from '../../src/modules/mime-types-config.js'
import { makeRequest } from '../support/request.js'
import { faultsOf, siteOf } from '../support/site.js'

function typeOf(conf: string, filename: string, facts: { pathInfo?: string } = {}) {
  const request = makeRequest(conf, { filename, is: 'file', ...facts })
  mime.hooks.typeChecker(request)
  const { contentType, charset, handler, contentLanguages, contentEncoding } = request
  return { type: contentType, charset, handler, languages: contentLanguages, encodings: contentEncoding }
}

test('the first part of a name is no extension, and leading dots belong to it', () => {
  assert.deepEqual(extensionsOf('a.HTML.Gz'), ['html', 'gz'])
  assert.deepEqual(extensionsOf('html'), [])
  assert.deepEqual(extensionsOf('.png'), [])
  assert.deepEqual(extensionsOf('..a.b'), ['b'])
  assert.deepEqual(extensionsOf('a..b.'), ['b'])
})

test('every extension counts: the last type and handler, all languages and encodings', () => {
  const conf = `AddLanguage pt-BR .pt-br\nAddLanguage en .en\nAddEncoding x-gzip .zz\nAddCharset UTF-8 .utf8
    AddHandler wsgi-script .wsgi`
  assert.deepEqual(typeOf(conf, '/d/a.en.html.pt-br.zz.utf8'), {
    type: 'text/html',
    charset: 'utf-8',
    handler: undefined,
    languages: ['en', 'pt-br'],
    encodings: ['x-gzip'],
  })
  for (const name of ['a.wsgi', 'a.html.wsgi', 'a.wsgi.html', 'a.wsgi.bak']) {
    assert.equal(typeOf(conf, `/d/${name}`).handler, 'wsgi-script', name)
  }
  assert.equal(typeOf(conf, '/d.wsgi/wsgi').handler, undefined)
})

test('inner mappings win extension by extension, and Remove takes away outer ones', () => {
  const conf = `AddHandler outer .py\nAddType text/x-outer .t\nAddLanguage de .de
    <Directory /srv>\nAddHandler inner .py\n</Directory>
    <Directory /srv/upload>\nRemoveHandler .py\nRemoveType .html t\nRemoveLanguage .de\n</Directory>
    <Directory /srv/upload/again>\nAddHandler again py\n</Directory>`
  assert.equal(typeOf(conf, '/x/a.py').handler, 'outer')
  assert.equal(typeOf(conf, '/srv/a.py').handler, 'inner')
  assert.equal(typeOf(conf, '/srv/upload/a.py').handler, undefined)
  assert.equal(typeOf(conf, '/srv/upload/again/a.py').handler, 'again')
  assert.equal(typeOf(conf, '/srv/a.t').type, 'text/x-outer')
  assert.equal(typeOf(conf, '/srv/upload/a.t').type, undefined)
  assert.equal(typeOf(conf, '/srv/upload/a.html').type, undefined)
  assert.deepEqual(typeOf(conf, '/srv/upload/a.html.de').languages, [])
})

test('a handler stays where the name says nothing about it', () => {
  const request = makeRequest('', { filename: '/srv/app.txt', is: 'file' })
  request.handler = 'wsgi-script'
  mime.hooks.typeChecker(request)
  assert.equal(request.handler, 'wsgi-script')
})

test('DefaultLanguage holds for names without a language; path info counts where asked', () => {
  const conf = 'DefaultLanguage fr\nAddLanguage en .en\n<Location /p>\nModMimeUsePathInfo On\n</Location>'
  assert.deepEqual(typeOf(conf, '/a.html').languages, ['fr'])
  assert.deepEqual(typeOf(conf, '/a.en').languages, ['en'])
  const request = makeRequest(conf, { url: '/p/x', filename: '/s', pathInfo: '/x.css', is: 'file' })
  mime.hooks.typeChecker(request)
  assert.equal(request.contentType, 'text/css')
})

test('directories have a type of their own', () => {
  const request = makeRequest('', { filename: '/srv/a.html', is: 'directory' })
  assert.equal(mime.hooks.typeChecker(request), 'ok')
  assert.equal(request.contentType, 'httpd/unix-directory')
})

test('types files: one type and its extensions a line', () => {
  const table = parseTypes('# comment\ntext/x-a  a A2\n\nimage/b\nimage/c\tc')
  assert.deepEqual(
    [...table],
    [
      ['a', 'text/x-a'],
      ['a2', 'text/x-a'],
      ['c', 'image/c'],
    ],
  )
})

test('a missing types file is replaced by the built-in table, with a warning', () => {
  const site = siteOf('TypesConfig /nowhere/mime.types', modules)
  assert.deepEqual(
    site.warnings.map(({ code }) => code),
    ['AH01597'],
  )
  const request = makeRequest(site, { filename: '/a.png', is: 'file' })
  mime.hooks.typeChecker(request)
  assert.equal(request.contentType, 'image/png')
})

test('words of MultiviewsMatch', () => {
  assert.match(faultsOf('MultiviewsMatch Any Handlers', modules).join(), /Any is incompatible/)
  assert.match(faultsOf('MultiviewsMatch x', modules).join(), /Unrecognized option 'x'/)
  assert.deepEqual(faultsOf('MultiviewsMatch Handlers Filters', modules), [])
})
