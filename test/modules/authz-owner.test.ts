import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { authzCore } from '../../src/modules/authz-core.js'
import { modules } from '../../src/modules/index.js'
import { findGroup, findUser } from '../../src/modules/unixd.js'
import { makeRequest } from '../support/request.js'
import { faultsOf } from '../support/site.js'

const { checkAccessEx, checkAuth } = authzCore.hooks

function folderFor(t: { after: (done: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'wsgi-httpd-owner-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('file-owner and file-group: by the names of the file’s ids', async (t) => {
  const folder = folderFor(t)
  const [file, groups] = [join(folder, 'file'), join(folder, 'groups')]
  writeFileSync(file, '')
  const finfo = statSync(file)
  const owner = findUser(`#${finfo.uid}`)?.name ?? ''
  const group = findGroup(`#${finfo.gid}`)?.name ?? ''
  if (owner.startsWith('#') || group.startsWith('#')) return t.skip('this account has no name')
  writeFileSync(groups, `${group}: ann\nothers: bob\n`)
  const asked = (line: string, user?: string, there = true) => {
    const conf = `<Location />\nAuthGroupFile ${groups}\nRequire ${line}\n</Location>`
    const request = makeRequest(conf, { filename: file, ...(user === undefined ? {} : { user }) })
    if (there) request.finfo = finfo
    return request
  }
  assert.equal(await checkAccessEx(asked('file-owner')), undefined)
  assert.equal(await checkAccessEx(asked('file-group')), undefined)
  assert.equal(await checkAuth(asked('file-owner', owner)), 'ok')
  assert.equal(await checkAuth(asked('file-owner', 'nobody-of-this-name')), 403)
  assert.equal(await checkAuth(asked('file-group', 'ann')), 'ok')
  assert.equal(await checkAuth(asked('file-group', 'bob')), 403)
  assert.equal(await checkAuth(asked('file-group', 'eve')), 403)
  const nothing = asked('file-owner', owner, false)
  assert.equal(await checkAuth(nothing), 403)
  assert.ok(nothing.records.some(({ code }) => code === 'AH01634'))
})

test('aliases of Require lines', async (t) => {
  const groups = join(folderFor(t), 'groups')
  writeFileSync(groups, 'staff: ann\n')
  const conf = `
<AuthzProviderAlias group writers "staff editors">
    AuthGroupFile ${groups}
</AuthzProviderAlias>
<AuthzProviderAlias ip blocked "10.0.0.0/8 192.0.2.0/24">
</AuthzProviderAlias>
<AuthzProviderAlias all nobody denied>
</AuthzProviderAlias>
<Location /w>
    Require writers
</Location>
<Location /b>
    <RequireAll>
        Require all granted
        Require not blocked
    </RequireAll>
</Location>
<Location /n>
    Require nobody
</Location>`
  assert.equal(await checkAccessEx(makeRequest(conf, { url: '/w' })), undefined)
  assert.equal(await checkAuth(makeRequest(conf, { url: '/w', user: 'ann' })), 'ok')
  assert.equal(await checkAuth(makeRequest(conf, { url: '/w', user: 'bob' })), 403)
  assert.equal(await checkAccessEx(makeRequest(conf, { url: '/b' })), 403)
  const elsewhere = { connection: { remoteAddress: '203.0.113.1' } }
  assert.equal(await checkAccessEx(makeRequest(conf, { url: '/b', ...elsewhere })), 'ok')
  assert.equal(await checkAccessEx(makeRequest(conf, { url: '/n' })), 403)
})

test('faults of aliases', () => {
  for (const [words, message] of [
    ['ip', /directive requires additional arguments/],
    ['ip IP 10', /must be different from the base provider name/],
    ['nothing mine', /Unknown Authz provider: nothing/],
    ['ip group 10', /has already been used previously/],
    ['ip mine x', /ip address 'x' appears to be invalid/],
  ] as const) {
    assert.match(
      faultsOf(`<AuthzProviderAlias ${words}>\n</AuthzProviderAlias>`, modules)[0] ?? '',
      message,
      words,
    )
  }
})

test('users by an expression', async () => {
  const conf = '<Location />\nRequire user root %{reqenv:WHO}\n</Location>'
  for (const [user, who, outcome] of [
    ['root', '', 'ok'],
    ['ann', 'eve ann', 'ok'],
    ['ann', 'eve', 403],
  ] as const)
    assert.equal(await checkAuth(makeRequest(conf, { user, env: { WHO: who } })), outcome)
})
