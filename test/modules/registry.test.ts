/** All directives of httpd 2.4 are known: carried, named as belonging to a module that is not, or told to be gone. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ELSEWHERE } from '../../src/modules/elsewhere.js'
import { vocabulary } from '../../src/modules/registry.js'

test('every directive that `httpd -L` lists has an answer', () => {
  const list = readFileSync(
    new URL('../../../test/config/cases/httpd/directives.txt', import.meta.url),
    'latin1',
  )
  const unknown = list
    .trim()
    .split('\n')
    .filter((name) => !(vocabulary.find(name) ?? vocabulary.elsewhere(name) ?? vocabulary.removed(name)))
  assert.deepEqual(unknown, [])
})

test('no name is in the table of other modules twice', () => {
  const seen = new Map<string, string>()
  for (const { module, directives } of ELSEWHERE)
    for (const name of directives.trim().toLowerCase().split(/\s+/)) {
      assert.ok(!seen.has(name), `${name} is listed for ${seen.get(name)} and ${module}`)
      seen.set(name, module)
    }
})

test('modules by identifier and by source name, case counts', () => {
  assert.equal(vocabulary.hasModule('alias_module'), true)
  assert.equal(vocabulary.hasModule('mod_alias.c'), true)
  assert.equal(vocabulary.hasModule('Alias_Module'), false)
  assert.equal(vocabulary.hasModule('mpm_event_module'), true)
  assert.equal(vocabulary.hasModule('mpm_prefork_module'), false)
})

test('what LoadModule is told', () => {
  assert.deepEqual(vocabulary.module('alias_module'), { kind: 'carried' })
  assert.deepEqual(vocabulary.module('mpm_worker_module'), { kind: 'unneeded' })
  assert.deepEqual(vocabulary.module('dav_svn_module'), { kind: 'missing', name: 'mod_dav_svn' })
  assert.deepEqual(vocabulary.module('authnz_ldap_module'), { kind: 'missing', name: 'mod_authnz_ldap' })
  assert.deepEqual(vocabulary.module('acme_module'), { kind: 'unknown' })
})

test("directives of other makers' modules are known by how their names begin", () => {
  for (const [name, module] of [
    ['ShibRequestSetting', 'mod_shib'],
    ['OIDCProviderTokenEndpoint', 'mod_auth_openidc'],
    ['MellonEnable', 'mod_auth_mellon'],
    ['gssapidelegccacheperms', 'mod_auth_gssapi'],
    ['GridSiteACLPath', 'mod_gridsite'],
    ['LookupUserAttr', 'mod_lookup_identity'],
    ['InterceptFormPAMService', 'mod_intercept_form_submit'],
    ['RPAFproxy_ips', 'mod_rpaf'],
    ['KrbAuthRealm', 'mod_auth_kerb'],
    ['PassengerAppRoot', 'mod_passenger'],
  ] as const)
    assert.equal(vocabulary.elsewhere(name)?.module, module, name)
  assert.equal(vocabulary.elsewhere('ShiftedNothing'), undefined)
})

test('directives that protect something are marked', () => {
  for (const name of [
    'AuthLDAPURL',
    'SSLVerifyClient',
    'AuthDBDUserPWQuery',
    'AllowMethods',
    '<AuthzProviderAlias',
  ])
    assert.equal(vocabulary.find(name) !== undefined || vocabulary.elsewhere(name)?.security, true, name)
  for (const name of ['XBitHack', 'UserDir', 'CheckSpelling'])
    assert.equal(vocabulary.elsewhere(name)?.security, false, name)
})
