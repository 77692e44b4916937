/** `Include` over real files: byte order, directories, dangling links, bytes that are no UTF-8. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { realFiles } from '../../src/config/files.js'
import { includedFiles } from '../../src/config/include.js'

let directory = ''
before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-include-'))
  mkdirSync(path.join(directory, 'enabled/deep'), { recursive: true })
  for (const name of ['b.conf', 'B.conf', 'a.conf', 'a.conf~', '.hidden.conf', 'deep/x.conf'])
    writeFileSync(path.join(directory, 'enabled', name), '')
  writeFileSync(
    Buffer.concat([Buffer.from(`${directory}/enabled/`), Buffer.from([0xe9]), Buffer.from('.conf')]),
    'One a\n',
  )
  symlinkSync('/nowhere/at/all', path.join(directory, 'enabled/gone.conf'))
})
after(() => rmSync(directory, { recursive: true }))

function found(pattern: string, optional: boolean): string[] {
  const files = includedFiles(path.join(directory, pattern), optional, realFiles)
  return files.map((file) => file.slice(directory.length + 1))
}

test('a wildcard: byte order, no hidden files', () => {
  assert.deepEqual(found('enabled/*.conf', false), [
    'enabled/B.conf',
    'enabled/a.conf',
    'enabled/b.conf',
    'enabled/gone.conf',
    'enabled/\xe9.conf',
  ])
})

test('IncludeOptional passes a dangling link over', () => {
  assert.ok(!found('enabled/*.conf', true).includes('enabled/gone.conf'))
})

test('a directory: all files below it', () => {
  assert.deepEqual(found('enabled', true), [
    'enabled/.hidden.conf',
    'enabled/B.conf',
    'enabled/a.conf',
    'enabled/a.conf~',
    'enabled/b.conf',
    'enabled/deep/x.conf',
    'enabled/\xe9.conf',
  ])
})

test('wildcards in directories', () => {
  assert.deepEqual(found('en*/d?ep/[w-y].conf', false), ['enabled/deep/x.conf'])
})

test('a name that is no UTF-8 is opened by its bytes', () => {
  assert.equal(realFiles.read(`${directory}/enabled/\xe9.conf`), 'One a\n')
})

test('what is no regular file is not read', () => {
  assert.throws(() => realFiles.read('/dev/zero'), /Not a regular file/)
  assert.throws(() => realFiles.read(directory), /Not a regular file/)
  assert.equal(realFiles.read('/dev/null'), '')
})
