import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { core } from '../../../src/modules/core.js'
import type { Request } from '../../../src/request/request.js'
import { DirectoryWalk } from '../../../src/request/walk/directories.js'
import { forget } from '../../../src/request/walk/stat.js'
import { siteOf } from '../../support/site.js'

const nobody = {} as Request

/** What a walk leads to: the file and what follows it, `missing` and where the way ended, or a status. */
function lead(walk: DirectoryWalk, filename: string, afresh = false): string {
  const found = walk.walk(filename, Date.now(), nobody, afresh)
  if ('status' in found) return String(found.status)
  return `${found.finfo === undefined ? 'missing ' : ''}${found.filename}|${found.pathInfo}`
}

test('walks of one turn that lead to the same file, and beside it', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-walk-'))
  try {
    for (const name of ['app', 'app2', 'other']) writeFileSync(path.join(root, name), '')
    const walk = new DirectoryWalk(siteOf('<Directory />\nAllowOverride None\n</Directory>', [core]).main)
    const app = path.join(root, 'app')
    for (let round = 0; round < 3; round++) {
      assert.equal(lead(walk, app), `${app}|`)
      assert.equal(lead(walk, `${app}/`), `${app}|/`)
      assert.equal(lead(walk, `${app}/x/y`), `${app}|/x/y`)
      assert.equal(lead(walk, `${app}2/x`), `${app}2|/x`)
      assert.equal(lead(walk, `${app}/z`), `${app}|/z`)
      assert.equal(lead(walk, `${app}3`), `missing ${app}3|`)
      assert.equal(lead(walk, path.join(root, 'other')), `${root}/other|`)
    }
    assert.equal(lead(walk, `${app}/x`), `${app}|/x`)
    rmSync(app)
    assert.equal(lead(walk, `${app}/x`, true), `${app}|/x`, 'what has been seen counts for the turn')
    forget()
    assert.equal(lead(walk, `${app}/x`), `missing ${app}|/x`)
    mkdirSync(app)
    forget()
    assert.equal(lead(walk, `${app}/x`), `missing ${app}/x|`)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

test('where links may not be followed, no walk counts for the next', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-walk-'))
  try {
    writeFileSync(path.join(root, 'file'), '')
    const name = path.join(root, 'name')
    writeFileSync(name, '')
    const conf = `<Directory />\nAllowOverride None\nOptions None\n</Directory>`
    const walk = new DirectoryWalk(siteOf(conf, [core]).main)
    assert.equal(lead(walk, `${name}/x`), `${name}|/x`)
    rmSync(name)
    symlinkSync('file', name)
    assert.equal(lead(walk, `${name}/x`), '403')
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
