import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listHas } from '../../src/modules/headers/rule.js'
import { compileValue } from '../../src/modules/headers/value.js'
import { earlyHeaders, headers } from '../../src/modules/headers.js'
import { modules } from '../../src/modules/index.js'
import { type MadeRequest, makeRequest, type RequestFacts } from '../support/request.js'
import { faultsOf } from '../support/site.js'

function respond(conf: string, before: readonly string[] = [], facts: RequestFacts = {}): MadeRequest {
  const request = makeRequest(conf, facts)
  request.headersOut.fields.push(...before)
  headers.hooks.responseHeaders(request)
  return request
}

test('actions on the headers of a response', () => {
  const rows: [line: string, before: string[], after: string[]][] = [
    ['Header set X 1', [], ['X', '1']],
    ['Header set X 1', ['x', '0', 'X', '2'], ['X', '1']],
    ['Header add X 1', ['X', '0'], ['X', '0', 'X', '1']],
    ['Header append X 1', ['X', '0'], ['X', '0, 1']],
    ['Header append X 1', [], ['X', '1']],
    ['Header merge X a', ['X', 'b, a'], ['X', 'b, a']],
    ['Header merge X a', ['X', 'b,"a"'], ['X', 'b,"a", a']],
    ['Header setifempty X 1', ['X', '0'], ['X', '0']],
    ['Header setifempty X 1', [], ['X', '1']],
    ['Header unset X', ['x', '0', 'Y', '1', 'X', '2'], ['Y', '1']],
    ['Header unset X:', ['X', '0'], []],
    ['Header edit X a b', ['X', 'aa'], ['X', 'ba']],
    ['Header edit* X a b', ['X', 'aca'], ['X', 'bcb']],
    ['Header edit X (.)(.) $2$1', ['X', 'ab', 'X', 'cd'], ['X', 'ba', 'X', 'dc']],
    ['Header edit* X x* -', ['X', 'ab'], ['X', '-a-b-']],
    ['Header edit Set-Cookie ^(.*)$ "$1; Secure"', ['Set-Cookie', 'a=1'], ['Set-Cookie', 'a=1; Secure']],
    ['Header echo ^X-', [], ['X-In', 'v']],
    ['Header onsuccess set X 1', [], ['X', '1']],
  ]
  for (const [line, before, after] of rows) {
    assert.deepEqual(
      respond(line, before, { headers: ['X-In', 'v', 'Y', 'w'] }).headersOut.fields,
      after,
      line,
    )
  }
})

test('the two tables are independent; a built-in page gets the one for all responses', () => {
  const conf = 'Header set X success\nHeader always set X all\nHeader always unset Y'
  const request = respond(conf, ['Y', '1'])
  assert.deepEqual(request.headersOut.fields, ['Y', '1', 'X', 'success'])
  assert.deepEqual(request.errHeadersOut.fields, ['X', 'all'])
  const page = makeRequest(conf)
  page.isBuiltInPage = true
  headers.hooks.responseHeaders(page)
  assert.deepEqual([page.headersOut.fields, page.errHeadersOut.fields], [[], ['X', 'all']])
})

test('outer lines run first, and all of them', () => {
  const conf = 'Header append X outer\n<Location />\nHeader append X inner\n</Location>'
  assert.deepEqual(respond(conf).headersOut.fields, ['X', 'outer, inner'])
})

test('conditions on variables', () => {
  const conf = 'Header set A 1 env=yes\nHeader set B 1 env=!yes\nHeader unset C env=yes'
  assert.deepEqual(respond(conf, ['C', '1'], { env: { yes: '' } }).headersOut.fields, ['A', '1'])
  assert.deepEqual(respond(conf, ['C', '1']).headersOut.fields, ['C', '1', 'B', '1'])
})

test('setting the type changes the type', () => {
  const request = makeRequest('Header set Content-Type text/x-new')
  request.contentType = 'text/html'
  request.charset = 'utf-8'
  headers.hooks.responseHeaders(request)
  assert.deepEqual([request.contentType, request.charset], ['text/x-new', undefined])
})

test('notes take the value of a header', () => {
  assert.equal(respond('Header note X seen', ['X', 'v']).notes.get('seen'), 'v')
})

test('request headers change in fixups, and early ones right away', () => {
  const conf =
    'RequestHeader set A 1 early\nRequestHeader append B 1\nRequestHeader unset Proxy early\nRequestHeader edit C a b'
  const request = makeRequest(conf, { headers: ['Proxy', 'x', 'B', '0', 'C', 'a'] })
  earlyHeaders.hooks.postReadRequest(request)
  assert.deepEqual(request.headersIn.fields, ['B', '0', 'C', 'a', 'A', '1'])
  headers.hooks.fixups(request)
  assert.deepEqual(request.headersIn.fields, ['B', '0, 1', 'A', '1', 'C', 'b'])
  assert.equal(request.contentType, undefined)
})

test('formats of values', () => {
  const request = makeRequest('', { env: { VAR: 'a\r\nX-Evil: 1' }, startedAt: 1_700_000_000_123 })
  const value = (text: string): string => {
    const compiled = compileValue(text)
    return typeof compiled === 'string' ? compiled : compiled(request)
  }
  assert.equal(value('100%% a\\tb\\x %'), '100% a\tb\\x %')
  assert.equal(value('%t'), 't=1700000000123000')
  assert.match(value('%D'), /^D=\d+$/)
  assert.equal(value('%{VAR}e|%{NONE}e'), 'a  X-Evil: 1|(null)')
  assert.equal(value('%{SSL_PROTOCOL}s'), '(null)')
  assert.match(value('%l'), /^l=\d+\.\d\d\/\d+\.\d\d\/\d+\.\d\d$/)
  assert.equal(value('a\\nb'), 'a b')
  assert.throws(() => compileValue('%q'), /Unrecognized header format %q/)
  assert.throws(() => compileValue('%{X}'), /Unrecognized header format %/)
})

test('elements of lists', () => {
  assert.equal(listHas('a, b', 'b'), true)
  assert.equal(listHas('ab', 'b'), false)
  assert.equal(listHas('"x, b"', 'b'), false)
  assert.equal(listHas(undefined, 'b'), false)
})

test('mistakes are told', () => {
  const rows: [line: string, fault: RegExp][] = [
    ['Header put X 1', /first argument must be 'add'/],
    ['Header set X', /requires three arguments/],
    ['Header edit X a', /requires a match and a substitution/],
    ['Header edit X ( b', /could not be compiled/],
    ['Header set X 1 2', /Unknown parameter: 2/],
    ['Header set X 1 env=', /missing environment variable name/],
    ['Header set X 1 env=a more', /Too many arguments/],
    ['Header set X %q', /Unrecognized header format %q/],
    ['Header set X expr=%{now}', /Can't parse value expression : Variable 'now' does not exist/],
    ['Header set X 1 expr=yes', /Can't parse envclause\/expression: syntax error/],
    ['RequestHeader echo X', /only valid on Header/],
  ]
  for (const [line, fault] of rows) assert.match(faultsOf(line, modules).join(), fault, line)
})
