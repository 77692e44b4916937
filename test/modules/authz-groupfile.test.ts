import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { authzCore } from '../../src/modules/authz-core.js'
import { parseGroups } from '../../src/modules/authz-groupfile.js'
import { makeRequest } from '../support/request.js'

const { checkAuth, checkAccessEx } = authzCore.hooks

test('lines of a group file', () => {
  const groups = parseGroups('# c: x\nadmin : ann "bob b"\nusers:ann eve\nadmin: eve\nnothing\n')
  assert.deepEqual(
    [...groups].map(([user, names]) => [user, ...names]),
    [
      ['ann', 'admin', 'users'],
      ['bob b', 'admin'],
      ['eve', 'users', 'admin'],
    ],
  )
})

test('members of any of the groups may; changes of the file are seen', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wsgi-httpd-groups-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'groups')
  // The case of ASCII letters does not matter.
  writeFileSync(file, 'ADMIN: ann\n')
  const conf = `<Location />\nAuthGroupFile ${file}\nRequire group users admin\n</Location>`
  const as = async (user: string) => checkAuth(makeRequest(conf, { user }))
  assert.equal(await as('ann'), 'ok')
  assert.equal(await as('eve'), 403)
  assert.equal(await checkAccessEx(makeRequest(conf)), undefined)
  writeFileSync(file, 'users: eve\n')
  assert.equal(await as('eve'), 'ok')
  assert.equal(await as('ann'), 403)
})

test('without a file, or with one that is not there, nobody may', async () => {
  const at = (lines: string) => `<Location />\n${lines}\nRequire group x\n</Location>`
  for (const [lines, code] of [
    ['', 'AH01664'],
    ['AuthGroupFile /nowhere/groups', 'AH01665'],
  ] as const) {
    const request = makeRequest(at(lines), { user: 'ann' })
    assert.equal(await checkAuth(request), 403)
    assert.ok(request.records.some((entry) => entry.code === code))
  }
})
