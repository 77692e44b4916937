/** Whether a byte of a file is in memory, asked of the kernel. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { isInMemory } from '../../src/system/page-cache.js'

const SIZE = 8 * 1024 * 1024
const onLinux = { skip: process.platform !== 'linux' && 'Linux alone' }

function withFile(t: TestContext, use: (fd: number, file: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-cache-'))
  const file = path.join(folder, 'file')
  writeFileSync(file, Buffer.alloc(SIZE, 'a'))
  const fd = openSync(file, 'r')
  t.after(() => {
    closeSync(fd)
    rmSync(folder, { recursive: true })
  })
  use(fd, file)
}

test('what has just been read is in memory, and what lies behind the end is not', onLinux, (t) => {
  withFile(t, (fd, file) => {
    readFileSync(file)
    if (!isInMemory(fd, 0)) return t.skip('the file system cannot tell')
    assert.ok(isInMemory(fd, SIZE - 1))
    assert.equal(isInMemory(fd, SIZE), false)
    assert.equal(isInMemory(fd, SIZE + 1_000_000), false)
  })
})

test('what the kernel has let go is not in memory', onLinux, (t) => {
  withFile(t, (fd, file) => {
    execFileSync('sync', [file])
    // dd(1) tells the kernel that the file's pages are not needed
    execFileSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], {
      stdio: 'ignore',
    })
    if (isInMemory(fd, 0)) return t.skip('the file system has all of it in memory')
    assert.equal(isInMemory(fd, SIZE - 1), false)
  })
})
