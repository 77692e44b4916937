import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authnCore } from '../../src/modules/authn-core.js'
import { deflateServer } from '../../src/modules/deflate.js'
import { filterDir } from '../../src/modules/filter/settings.js'
import { modules } from '../../src/modules/index.js'
import { status } from '../../src/modules/status.js'
import { makeRequest } from '../support/request.js'
import { faultsOf, siteOf } from '../support/site.js'

test('filters by type add up, and a filter that does not exist is told', () => {
  const site = siteOf(
    'AddOutputFilterByType DEFLATE text/html Text/Plain\nAddOutputFilterByType deflate;X text/html\nDeflateCompressionLevel 6',
    modules,
  )
  assert.equal(site.warnings.length, 1)
  assert.match(site.warnings[0]?.message ?? '', /AddOutputFilterByType X: there is no such filter here/)
  assert.deepEqual(
    [...site.main.dir.get(filterDir).outputByType],
    [
      ['text/html', ['DEFLATE', 'DEFLATE', 'X']],
      ['text/plain', ['DEFLATE']],
    ],
  )
  assert.equal(site.main.settings.get(deflateServer).compressionLevel, 6)
})

test('numbers of mod_deflate have their limits', () => {
  assert.match(faultsOf('DeflateCompressionLevel 10', modules).join(), /between 1 and 9/)
  assert.match(faultsOf('DeflateWindowSize x', modules).join(), /between 1 and 15/)
  assert.match(faultsOf('DeflateAlterETag Maybe', modules).join(), /only accepts/)
  assert.match(faultsOf('<Location />\nDeflateAlterETag Remove\n</Location>', modules).join(), /not allowed/)
})

test('the status page says that it is missing', async () => {
  const page = makeRequest('', { url: '/server-status' })
  page.handler = 'server-status'
  assert.equal(await status.hooks.handler(page), 503)
  assert.match(page.records[0]?.message ?? '', /nothing to report/)
  assert.equal(await status.hooks.handler(makeRequest('')), undefined)
})

test('languages of negotiation are checked', () => {
  assert.match(faultsOf('ForceLanguagePriority None Prefer', modules).join(), /Cannot combine/)
  assert.match(
    faultsOf('ForceLanguagePriority Often', modules).join(),
    /Invalid ForceLanguagePriority option Often/,
  )
  assert.deepEqual(
    faultsOf(
      'LanguagePriority en de\nForceLanguagePriority Prefer Fallback\nCacheNegotiatedDocs On',
      modules,
    ),
    [],
  )
})

test('an AuthType that nothing implements ends the reading; None is fine', () => {
  const at = (line: string): string => `<Location />\n${line}\n</Location>`
  assert.match(faultsOf(at('AuthType Magic'), modules).join(), /AuthType Magic is not supported.*Require ip/s)
  assert.deepEqual(faultsOf(at('AuthType None\nAuthName "x y"'), modules), [])
  const request = makeRequest(at('AuthType None'))
  assert.equal(authnCore.hooks.checkUser(request), 500)
})

test('Mutex: mutexes of other process models are known by name, and that one may be done without', () => {
  assert.deepEqual(faultsOf('Mutex none mpm-accept\nMutex fcntl:/ rewrite-map ssl-cache', modules), [])
  assert.match(
    faultsOf('Mutex none ssl-cache', modules).join(),
    /None is not allowed for mutex type ssl-cache/,
  )
})
