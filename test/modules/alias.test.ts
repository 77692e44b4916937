import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alias } from '../../src/modules/alias.js'
import { modules } from '../../src/modules/index.js'
import { makeRequest, type RequestFacts } from '../support/request.js'
import { faultsOf, siteOf } from '../support/site.js'

const { translateName, fixups, handler } = alias.hooks

function translate(conf: string, facts: RequestFacts) {
  const request = makeRequest(`ServerName www.example.org\n${conf}`, facts)
  const outcome = translateName(request)
  return { outcome, file: request.filename, location: request.headersOut.get('Location'), request }
}

test('prefixes match whole path components, and the rest is appended as it is', () => {
  const rows: [conf: string, url: string, file: string | undefined][] = [
    ['Alias /static /srv/s', '/static', '/srv/s'],
    ['Alias /static /srv/s', '/static/a b/c.css', '/srv/s/a b/c.css'],
    ['Alias /static /srv/s', '/staticfiles', undefined],
    ['Alias /static/ /srv/s/', '/static', undefined],
    ['Alias /static/ /srv/s/', '/static/x', '/srv/s/x'],
    ['Alias /static/ /srv/s/', '/static//x', '/srv/s/x'],
    ['Alias /a/b /srv/ab', '/a//b/c', '/srv/ab/c'],
    ['Alias /rel conf/rel', '/rel/x', '/etc/httpd/conf/rel/x'],
    ['Alias / /srv/base/', '/x', '/srv/base/x'],
    ['AliasMatch ^/u/(\\w+)/(.*) /home/$1/www/$2', '/u/ann/a/b', '/home/ann/www/a/b'],
    ['AliasMatch /x$ /srv/$0', '/a/x', '/srv//x'],
    ['AliasMatch ^(/srv/.*)$ $1', '/srv/x', '/srv/x'],
    ['Alias /a /first\nAlias /a /second', '/a', '/first'],
  ]
  for (const [conf, url, file] of rows) {
    const { outcome, file: mapped } = translate(conf, { url })
    assert.deepEqual(
      [outcome, mapped],
      file === undefined ? [undefined, ''] : ['ok', file],
      `${conf} for ${url}`,
    )
  }
})

test('an alias tells its prefix and directory as they were written; a pattern does not', () => {
  const { request } = translate('Alias /icons/ /usr/share/icons/', { url: '/icons/a.png' })
  assert.deepEqual([request.contextPrefix, request.contextDocumentRoot], ['/icons/', '/usr/share/icons/'])
  assert.equal(translate('AliasMatch ^/i /x', { url: '/i' }).request.contextPrefix, undefined)
})

test('aliases of a virtual host come before those of the main server', () => {
  const conf = 'Alias /a /main\n<VirtualHost *:80>\nAlias /a /host\n</VirtualHost>'
  assert.equal(translate(conf, { url: '/a' }).file, '/host')
})

test('redirects come before aliases, and become absolute with the host that the client asked for', () => {
  const rows: [conf: string, url: string, status: number, location: string | undefined][] = [
    ['Alias /o /srv\nRedirect /o /n', '/o/x', 302, 'http://h.example:8080/n/x'],
    ['Redirect /o http://other.example/n', '/o/a%b', 302, 'http://other.example/n/a%25b'],
    ['Redirect permanent /o /n', '/o?q=1', 301, 'http://h.example:8080/n?q=1'],
    ['Redirect seeother /o /n?a=1', '/o?q=1', 303, 'http://h.example:8080/n?a=1'],
    ['Redirect 307 /o /n', '/o', 307, 'http://h.example:8080/n'],
    ['Redirect gone /o', '/o', 410, undefined],
    ['Redirect 404 /o', '/o', 404, undefined],
    ['RedirectPermanent /o /n', '/o', 301, 'http://h.example:8080/n'],
    ['RedirectTemp /o /n', '/o', 302, 'http://h.example:8080/n'],
    ['RedirectMatch ^/(.*)\\.gif$ /$1.png', '/a b.gif', 302, 'http://h.example:8080/a%20b.png'],
    ['RedirectMatch 301 x /n?u=$0#f', '/x', 301, 'http://h.example:8080/n?u=x#f'],
    ['RedirectMatch (.*) /n?u=$1', '/a\r\nb: \xe4', 302, 'http://h.example:8080/n?u=/a%0d%0ab:%20%e4'],
    ['RedirectRelative On\nRedirect /o /n', '/o', 302, '/n'],
    ['RedirectMatch x y', '/x', 500, undefined],
  ]
  for (const [conf, url, status, location] of rows) {
    const result = translate(conf, { url, host: 'h.example:8080' })
    assert.deepEqual([result.outcome, result.location], [status, location], conf)
  }
})

test('redirects of places run in fixups, inner ones first', () => {
  const conf = `<Directory /srv>\nRedirect /d /outer\n</Directory>
    <Directory /srv/d>\nRedirect /d /inner\n</Directory>
    <Location /gone>\nRedirect gone\n</Location>
    <Location /away>\nRedirect 303 http://other.example/here\n</Location>`
  const facts = (url: string, filename: string) => ({ url, filename, host: 'h' })
  const inner = makeRequest(conf, facts('/d/x', '/srv/d/x'))
  assert.equal(fixups(inner), 302)
  assert.equal(inner.headersOut.get('Location'), 'http://h/inner/x')
  assert.equal(translateName(makeRequest(conf, facts('/gone', ''))), 410)
  const away = makeRequest(conf, facts('/away/x?q', ''))
  assert.equal(translateName(away), 303)
  assert.equal(away.headersOut.get('Location'), 'http://other.example/here?q')
  assert.equal(fixups(makeRequest(conf, facts('/', '/other'))), undefined)
})

test('an alias inside a Location takes its URL from there', () => {
  const at = '<Location /img>\nAlias /srv/pictures\n</Location>'
  assert.equal(translate(at, { url: '/img/a.png' }).file, '/srv/pictures')
  assert.equal(translate(`AliasPreservePath On\n${at}`, { url: '/img/a.png' }).file, '/srv/pictures/a.png')
})

test('CGI scripts are refused when they are asked for, and warned of before', () => {
  const { request } = translate('ScriptAlias /cgi-bin/ /usr/lib/cgi-bin/', { url: '/cgi-bin/x' })
  assert.equal(request.handler, 'cgi-script')
  assert.equal(handler(request), 403)
  assert.match(request.records[0]?.message ?? '', /cgi-bin\/x is a CGI script/)
  const { warnings } = siteOf('ScriptAlias /cgi-bin/ /x/', modules)
  assert.match(warnings.map(({ message }) => message).join(), /403/)
})

test('an alias that can never match is warned of', () => {
  const codes = (conf: string) => siteOf(conf, modules).warnings.map(({ code }) => code)
  assert.deepEqual(codes('Alias /a /x\nAlias /a/b /y'), ['AH00671'])
  assert.deepEqual(codes('AliasMatch ^/a /x\nAlias /a/b /y'), ['AH00671'])
  assert.deepEqual(codes('Alias /a/b /x\nAlias /a /y'), [])
})

test('mistakes are told', () => {
  const rows: [conf: string, fault: RegExp][] = [
    ['Alias /x', /must have two arguments/],
    ['Redirect /x', /URL to redirect to is missing/],
    ['Redirect /x y', /Redirect to non-URL/],
    ['Redirect gone /x /y', /not valid for this status/],
    ['Redirect a /x /y', /invalid first argument/],
    ['RedirectMatch ( /x', /could not be compiled/],
    ['<Location /x>\nAlias /srv/%{nothing}\n</Location>', /Variable 'nothing' does not exist/],
    ['<Directory /x>\nAlias /srv\n</Directory>', /not allowed in <Directory> context/],
  ]
  for (const [conf, fault] of rows) assert.match(faultsOf(conf, modules).join('\n'), fault, conf)
})
