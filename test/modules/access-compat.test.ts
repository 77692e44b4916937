import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessCompat, satisfiesAny } from '../../src/modules/access-compat.js'
import { modules } from '../../src/modules/index.js'
import { makeRequest, type RequestFacts } from '../support/request.js'
import { faultsOf, siteOf } from '../support/site.js'

const { checkAccess } = accessCompat.hooks
const at = (lines: string, place = '/'): string => `<Location ${place}>\n${lines}\n</Location>\n`
const from = (remoteAddress: string): RequestFacts => ({ connection: { remoteAddress } })

test('the three orders', async () => {
  const deny = 'Deny from 10'
  const allow = 'Allow from 10.1'
  const rows: [lines: string, address: string, outcome: unknown][] = [
    ['Order deny,allow', '1.1.1.1', 'ok'],
    ['Order allow,deny', '1.1.1.1', 403],
    ['Order mutual-failure', '1.1.1.1', 403],
    [`${deny}\n${allow}`, '10.1.1.1', 'ok'],
    [`${deny}\n${allow}`, '10.2.1.1', 403],
    [`${deny}\n${allow}`, '1.1.1.1', 'ok'],
    [`Order allow,deny\n${deny}\n${allow}`, '10.1.1.1', 403],
    ['Order allow,deny\nAllow from all\nDeny from 10', '1.1.1.1', 'ok'],
    ['Order allow,deny\nAllow from all', '::ffff:10.0.0.1', 'ok'],
    ['Deny from 2001:db8::/32', '2001:db8:1::1', 403],
    ['Deny from 10.0.0.0/255.0.0.0 11.0.0.0/8', '11.9.9.9', 403],
  ]
  for (const [lines, address, outcome] of rows) {
    assert.equal(await checkAccess(makeRequest(at(lines), from(address))), outcome, `${lines} ${address}`)
  }
})

test('variables and methods', async () => {
  const lines = 'Order allow,deny\nAllow from env=ok\nAllow from env=!unknown\nDeny from env=bad'
  assert.equal(await checkAccess(makeRequest(at(lines), { env: { ok: '1', unknown: '1' } })), 'ok')
  assert.equal(await checkAccess(makeRequest(at(lines), { env: { unknown: '1' } })), 403)
  assert.equal(await checkAccess(makeRequest(at(lines), { env: { bad: '1' } })), 403)
  const limited = '<Limit POST>\nDeny from all\n</Limit>'
  assert.equal(await checkAccess(makeRequest(at(limited), { method: 'POST' })), 403)
  assert.equal(await checkAccess(makeRequest(at(limited), { method: 'GET' })), 'ok')
})

test('without any of these directives the module has nothing to say', () => {
  assert.equal(checkAccess(makeRequest('')), undefined)
})

test('an inner section replaces all of an outer one; a denial is logged', () => {
  const request = makeRequest(at('Deny from all'), { filename: '/srv/x' })
  assert.equal(checkAccess(request), 403)
  assert.equal(request.records[0]?.code, 'AH01797')
  const inner = makeRequest(at('Deny from all') + at('Order deny,allow', '/in'), { url: '/in' })
  assert.equal(checkAccess(inner), 'ok')
})

test('Satisfy, by method where it is limited', () => {
  assert.equal(satisfiesAny(makeRequest('')), false)
  assert.equal(satisfiesAny(makeRequest(at('Satisfy Any'))), true)
  assert.equal(satisfiesAny(makeRequest(at('Satisfy Any\nSatisfy All'))), false)
  const limited = at('<LimitExcept GET>\nSatisfy any\n</LimitExcept>')
  assert.equal(satisfiesAny(makeRequest(limited, { method: 'HEAD' })), false)
  assert.equal(satisfiesAny(makeRequest(limited, { method: 'PUT' })), true)
})

test('mistakes are told', () => {
  const rows: [line: string, fault: string][] = [
    ['Order allow, deny', "Order takes one argument, 'allow,deny', 'deny,allow', or 'mutual-failure'"],
    ['Order deny', 'unknown order'],
    ['Allow all here', "allow and deny must be followed by 'from'"],
    ['Allow from 1.2.3.4/33', 'The specified network mask is invalid.'],
    ['Allow from example.org/8', 'An IP address was expected'],
    ['Allow from all#', 'No comments are allowed here'],
    ['Satisfy some', "Satisfy either 'any' or 'all'."],
  ]
  for (const [line, fault] of rows) assert.deepEqual(faultsOf(at(line), modules), [fault], line)
})

test('rules of httpd 2.2 under a Require all denied are warned of', () => {
  const warnings = (conf: string): string[] => siteOf(conf, modules).warnings.map(({ message }) => message)
  const outer = '<Directory />\nRequire all denied\n</Directory>\n'
  const inner = (more: string): string =>
    `<Directory /srv>\nOrder allow,deny\nAllow from all\n${more}</Directory>\n`
  assert.match(
    warnings(outer + inner('')).join(),
    /Require all denied of <Directory \/>.*Add Require all granted/,
  )
  assert.deepEqual(warnings(outer + inner('Require all granted\n')), [])
  assert.deepEqual(warnings(inner('')), [])
  const between = '<Directory /srv>\nRequire all granted\n</Directory>\n'
  assert.deepEqual(warnings(outer + between + inner('')), [])
})
