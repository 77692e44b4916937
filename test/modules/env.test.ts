import assert from 'node:assert/strict'
import { test } from 'node:test'
import { env } from '../../src/modules/env.js'
import { modules } from '../../src/modules/index.js'
import { setenvif } from '../../src/modules/setenvif.js'
import { makeRequest, type RequestFacts } from '../support/request.js'
import { faultsOf, siteOf } from '../support/site.js'

function variables(
  conf: string,
  facts: RequestFacts = {},
  hooks: readonly ('post' | 'parser' | 'fixups')[] = ['post', 'parser', 'fixups'],
) {
  const request = makeRequest(conf, facts)
  for (const hook of hooks) {
    if (hook === 'post') setenvif.hooks.postReadRequest(request)
    if (hook === 'parser') setenvif.hooks.headerParser(request)
    if (hook === 'fixups') env.hooks.fixups(request)
  }
  return Object.fromEntries(request.env)
}

test('SetEnv: inner values win, UnsetEnv takes away what is outside or above it', () => {
  const conf = `SetEnv A 1\nSetEnv B "two words"\nSetEnv C\n<Location /in>\nSetEnv A 2\nUnsetEnv B\n</Location>
    <Location /again>\nUnsetEnv B\nSetEnv B back\n</Location>
    <Location /gone>\nSetEnv X 1\nUnsetEnv X\n</Location>`
  assert.deepEqual(variables(conf), { A: '1', B: 'two words', C: '' })
  assert.deepEqual(variables(conf, { url: '/in' }), { A: '2', C: '' })
  assert.deepEqual(variables(conf, { url: '/again' }), { A: '1', B: 'back', C: '' })
  assert.deepEqual(variables(conf, { url: '/gone' }), { A: '1', B: 'two words', C: '' })
})

test('thousands of lines take no longer than they have to', () => {
  const lines = Array.from({ length: 20_000 }, (_, at) => `SetEnv NAME${at} ${at}`)
  const begun = performance.now()
  assert.equal(Object.keys(variables(lines.join('\n'))).length, 20_000)
  // A minute where each line copies those before it.
  assert.ok(performance.now() - begun < 15_000)
})

test('PassEnv takes from the server process, with a warning for what is not there', () => {
  const site = siteOf('PassEnv HOME NOTHERE', modules, { environment: { HOME: '/root' } })
  assert.deepEqual(
    site.warnings.map(({ message }) => message),
    ['PassEnv variable NOTHERE was undefined'],
  )
  const request = makeRequest(site)
  env.hooks.fixups(request)
  assert.deepEqual(Object.fromEntries(request.env), { HOME: '/root' })
})

test('SetEnvIf: headers, properties of the request, earlier variables', () => {
  const headers = ['User-Agent', 'Mozilla/5.0', 'X-One', 'a', 'X-Two', 'b']
  const rows: [line: string, expected: Record<string, string>][] = [
    ['SetEnvIf User-Agent Mozilla moz', { moz: '1' }],
    ['SetEnvIf user-agent "Mozilla/(\\d)" version=$1 full=$0', { version: '5', full: 'Mozilla/5' }],
    ['SetEnvIf User-Agent mozilla moz', {}],
    ['SetEnvIfNoCase User-Agent mozilla moz=yes', { moz: 'yes' }],
    ['BrowserMatch ^Mozilla a b=c', { a: '1', b: 'c' }],
    ['BrowserMatchNoCase ^MOZILLA a', { a: '1' }],
    ['SetEnvIf X-Missing ^$ none', { none: '1' }],
    ['SetEnvIf ^X-.*$ (.) last=$1', { last: 'b' }],
    ['SetEnvIf Request_URI ^/p uri', { uri: '1' }],
    ['SetEnvIf Request_Method GET get', { get: '1' }],
    ['SetEnvIf Request_Protocol HTTP/1\\.1 one', { one: '1' }],
    ['SetEnvIf Remote_Addr ^192\\.0\\.2\\. near', { near: '1' }],
    ['SetEnvIf Server_Addr 192.0.2.9 here', { here: '1' }],
    ['SetEnvIf X-One a first=1\nSetEnvIf first 1 second', { first: '1', second: '1' }],
    ['SetEnvIf X-One a v\nSetEnvIf X-Two b !v', {}],
  ]
  for (const [line, expected] of rows) {
    assert.deepEqual(variables(line, { url: '/p/x?q', headers }, ['post']), expected, line)
    const inPlace = `<Location />\n${line}\n</Location>`
    assert.deepEqual(variables(inPlace, { url: '/p/x?q', headers }, ['post']), {}, line)
    assert.deepEqual(variables(inPlace, { url: '/p/x?q', headers }, ['parser']), expected, line)
  }
})

test("a virtual host runs the main server's rules and then its own", () => {
  const conf = 'SetEnvIf Request_Method . v=main\n<VirtualHost *:80>\nSetEnvIf v main w=$0\n</VirtualHost>'
  assert.deepEqual(variables(conf, {}, ['post']), { v: 'main', w: 'main' })
})

test('names keep the case that they were first written in', () => {
  assert.deepEqual(
    variables('SetEnvIf Request_Method . Name=1\nSetEnvIf Request_Method . NAME=2', {}, ['post']),
    { Name: '2' },
  )
})

test('what rules do is the same for a value that was seen before', () => {
  const site = siteOf('BrowserMatch ^A a=$0\nBrowserMatch B !a b\nSetEnvIf a . c', modules)
  const seen = (agent: string) => {
    const request = makeRequest(site, { headers: ['User-Agent', agent] })
    setenvif.hooks.postReadRequest(request)
    return Object.fromEntries(request.env)
  }
  for (const _ of [1, 2]) {
    assert.deepEqual(seen('A'), { a: 'A', c: '1' })
    assert.deepEqual(seen('AB'), { b: '1' })
    assert.deepEqual(seen('C'), {})
  }
})

test('looking up the name of the client makes the rest wait', async () => {
  const rules = 'SetEnvIf Remote_Host ^localhost$ here\nSetEnvIf here 1 after\nSetEnvIf Remote_Host ^127 ip'
  const connection = { remoteAddress: '127.0.0.1' }
  const request = makeRequest(`HostnameLookups On\n${rules}`, { connection })
  assert.equal(await setenvif.hooks.postReadRequest(request), undefined)
  assert.deepEqual(Object.fromEntries(request.env), { here: '1', after: '1' })
  const without = makeRequest(rules, { connection })
  assert.equal(setenvif.hooks.postReadRequest(without), undefined)
  assert.deepEqual(Object.fromEntries(without.env), { ip: '1' })
})

test('nothing is allocated where nothing is set', () => {
  const request = makeRequest('')
  assert.equal(env.hooks.fixups(request), undefined)
  assert.equal(setenvif.hooks.postReadRequest(request), undefined)
  assert.equal(request.hasEnv, false)
})

test('mistakes are told', () => {
  const rows: [line: string, fault: RegExp][] = [
    ['SetEnvIf', /Missing header-field name for SetEnvIf/],
    ['SetEnvIf A', /Missing regular expression for SetEnvIf/],
    ['SetEnvIf A b', /Missing envariable expression for SetEnvIf/],
    ['BrowserMatch ( x', /BrowserMatch regex could not be compiled/],
    ['SetEnvIfExpr true', /Missing envariable expression/],
    ['SetEnvIfExpr x y', /Could not parse expression "x"/],
    ['SetEnv', /SetEnv takes 1-2 arguments/],
  ]
  for (const [line, fault] of rows) assert.match(faultsOf(line, modules).join(), fault, line)
})
