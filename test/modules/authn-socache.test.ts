import assert from 'node:assert/strict'
import { test } from 'node:test'
import { provide } from '../../src/config/provider.js'
import { authBasic } from '../../src/modules/auth-basic.js'
import { AUTHN, type PasswordVerdict, type RealmHash } from '../../src/modules/authn-provider.js'
import { modules } from '../../src/modules/index.js'
import type { HttpdModule } from '../../src/modules/module.js'
import { makeRequest } from '../support/request.js'
import { faultsOf, siteOf } from '../support/site.js'

/** A provider whose answers the test sets, and that counts how often it is asked. */
function countingProvider() {
  const state: { asked: number; password: PasswordVerdict; hash: RealmHash } = {
    asked: 0,
    password: 'granted',
    hash: { hash: 'abc' },
  }
  const module: HttpdModule = {
    id: 'counting_module',
    source: 'mod_counting.c',
    directives: [],
    providers: [
      provide(AUTHN, {
        name: 'counting',
        checkPassword: () => {
          state.asked++
          return state.password
        },
        getRealmHash: () => {
          state.asked++
          return state.hash
        },
      }),
    ],
  }
  return { state, module }
}

const conf = (lines: string): string => `<Location />
AuthType Basic
AuthName r
AuthBasicProvider socache counting
Require valid-user
${lines}
</Location>`

test('what a provider has granted is remembered, for the same password and the time that is set', async (t) => {
  const { state, module } = countingProvider()
  t.mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  const site = siteOf(conf('AuthnCacheProvideFor counting\nAuthnCacheTimeout 60'), [...modules, module])
  const log = async (user: string, password: string, url = '/a/b') => {
    const headers = ['Authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`]
    const request = makeRequest(site, { url, headers })
    return [await authBasic.hooks.checkUser(request), request.user, state.asked]
  }
  assert.deepEqual(await log('ann', 'secret'), ['ok', 'ann', 1])
  assert.deepEqual(await log('ann', 'secret', '/a/c'), ['ok', 'ann', 1])
  assert.deepEqual(await log('ann', 'other'), ['ok', 'ann', 2])
  // another directory is another context
  assert.deepEqual(await log('ann', 'other', '/z/'), ['ok', 'ann', 3])
  state.password = 'denied'
  assert.deepEqual(await log('ann', 'secret'), [401, 'ann', 4])
  assert.deepEqual(await log('ann', 'other'), ['ok', 'ann', 4])
  t.mock.timers.setTime(1_000_000 + 61_000)
  assert.deepEqual(await log('ann', 'other'), [401, 'ann', 5])
  // a name that a provider has put in the place of another
  state.password = { granted: 'Ann' }
  assert.deepEqual(await log('ann', 'x'), ['ok', 'Ann', 6])
  assert.deepEqual(await log('ann', 'x'), ['ok', 'Ann', 6])
})

test('only the providers that are named are remembered', async () => {
  const { state, module } = countingProvider()
  const site = siteOf(conf('AuthnCacheProvideFor file\nAuthnCacheContext x'), [...modules, module])
  for (const times of [1, 2]) {
    const headers = ['Authorization', `Basic ${Buffer.from('bob:secret').toString('base64')}`]
    assert.equal(await authBasic.hooks.checkUser(makeRequest(site, { headers })), 'ok')
    assert.equal(state.asked, times)
  }
})

test('faults', () => {
  assert.match(
    faultsOf('AuthnCacheSOCache nothing:x', modules)[0] ?? '',
    /Unknown socache provider 'nothing'/,
  )
  assert.deepEqual(faultsOf('AuthnCacheEnable\nAuthnCacheSOCache shmcb:/run/x(512000)', modules), [])
})
