import assert from 'node:assert/strict'
import { test } from 'node:test'
import { versionOf } from '../../src/system/file-version.js'

const CHANGED = 1_000_000
const LATER = CHANGED + 10_000
const file = { mtimeMs: CHANGED, ctimeMs: CHANGED, size: 10, ino: 1, dev: 1 }

test('a version stays as long as nothing about the file changes', () => {
  assert.equal(versionOf(file, LATER), versionOf({ ...file }, LATER + 1))
  for (const name of ['mtimeMs', 'ctimeMs', 'size', 'ino', 'dev'] as const)
    assert.notEqual(versionOf({ ...file, [name]: file[name] + 1 }, LATER), versionOf(file, LATER), name)
})

test('a file that was changed a moment ago has none: what is read now must not be kept as if it were final', () => {
  assert.equal(versionOf(file, CHANGED), undefined)
  assert.equal(versionOf(file, CHANGED + 2000), undefined)
  assert.notEqual(versionOf(file, CHANGED + 2001), undefined)
  // put there with an old date
  assert.equal(versionOf({ ...file, mtimeMs: 0 }, CHANGED), undefined)
})
