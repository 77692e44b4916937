import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authzCore } from '../../src/modules/authz-core.js'
import { modules } from '../../src/modules/index.js'
import { makeRequest } from '../support/request.js'
import { faultsOf, siteOf } from '../support/site.js'

const { checkAccessEx } = authzCore.hooks
const at = (line: string): string => `<Location />\n${line}\n</Location>`
const access = async (line: string, remoteAddress: string): Promise<unknown> =>
  checkAccessEx(makeRequest(at(line), { connection: { remoteAddress } }))

test('local is this machine, by loopback or by one of its addresses', async () => {
  assert.equal(await access('Require local', '127.9.9.9'), 'ok')
  assert.equal(await access('Require local', '::1'), 'ok')
  assert.equal(await access('Require local', '192.0.2.9'), 'ok')
  assert.equal(await access('Require local', '192.0.2.1'), 403)
})

test('host localhost is the loopback address, by the hosts file', async () => {
  assert.equal(await access('Require host localhost', '127.0.0.1'), 'ok')
  assert.equal(await access('Require host example.org', '127.0.0.1'), 403)
  assert.equal(await access('Require forward-dns localhost', '127.0.0.1'), 'ok')
})

test('a comment after a host is no host', async () => {
  const { warnings } = siteOf(at('Require host example.org # localhost'), modules)
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['AH10121'],
  )
  assert.equal(await access('Require host example.org # localhost', '127.0.0.1'), 403)
})

test('expressions that cannot be read are refused, not taken as text', () => {
  assert.match(faultsOf(at('Require host %{nothing}'), modules).join(), /Variable 'nothing' does not exist/)
})
