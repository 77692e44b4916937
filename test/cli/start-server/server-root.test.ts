import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { claimServerRoot, replaceFile } from '../../../src/cli/start-server/server-root.js'

const uid = process.getuid?.() ?? 0
const base = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-test-'))
after(() => rmSync(base, { recursive: true }))

test('makes the directory, and takes over its own', () => {
  const directory = path.join(base, 'own')
  for (const mode of [0o700, 0o711]) {
    claimServerRoot(directory, mode, uid)
    assert.equal(statSync(directory).mode & 0o777, mode)
  }
})

test('refuses what somebody else may have put there', () => {
  const target = path.join(base, 'target')
  mkdirSync(target)
  const link = path.join(base, 'link')
  symlinkSync(target, link)
  assert.throws(
    () => claimServerRoot(link, 0o700, uid),
    /is a symbolic link; remove it, or name another with --server-root/,
  )
  assert.throws(() => claimServerRoot(target, 0o700, uid + 1), /belongs to the user with id/)
  const open = path.join(base, 'open')
  mkdirSync(open)
  chmodSync(open, 0o777)
  assert.throws(() => claimServerRoot(open, 0o700, uid), /is writable by others/)
  writeFileSync(path.join(base, 'file'), '')
  assert.throws(() => claimServerRoot(path.join(base, 'file'), 0o700, uid), /is not a directory/)
})

test('files are replaced as a whole, links are not followed', () => {
  const folder = path.join(base, 'files')
  mkdirSync(folder)
  const victim = path.join(base, 'victim')
  writeFileSync(victim, 'untouched')
  symlinkSync(victim, path.join(folder, 'a.conf'))
  replaceFile(path.join(folder, 'a.conf'), 'new', 0o600)
  assert.equal(readFileSync(victim, 'utf8'), 'untouched')
  assert.equal(readFileSync(path.join(folder, 'a.conf'), 'utf8'), 'new')
  assert.deepEqual(readdirSync(folder), ['a.conf'])
})
