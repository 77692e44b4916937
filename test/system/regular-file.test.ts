/** Small files of untrusted names: regular ones up to a size are read, anything else is refused at once. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CachedFile } from '../../src/modules/cached-file.js'
import { readRegularFile, readRegularFileSync } from '../../src/system/regular-file.js'

test('what is read, and what is refused', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wsgi-httpd-files-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const at = (name: string) => join(folder, name)
  writeFileSync(at('text'), Buffer.from('a\xe9\n', 'latin1'))
  writeFileSync(at('empty'), '')
  writeFileSync(at('long'), 'x'.repeat(101))
  execFileSync('mkfifo', [at('fifo')])
  for (const [name, expected] of [
    [at('text'), 'a\xe9\n'],
    [at('empty'), ''],
    [at('long'), /^Error: More than 100 bytes$/],
    [at('fifo'), /^Error: Not a regular file$/],
    ['/dev/zero', /^Error: Not a regular file$/],
    [folder, /^Error: Not a regular file$/],
    [at('none'), /ENOENT/],
  ] as const) {
    const path = Buffer.from(name, 'latin1')
    if (typeof expected === 'string') {
      assert.equal(readRegularFileSync(path, 100), expected)
      assert.equal(await readRegularFile(path, 100), expected)
    } else {
      assert.throws(() => readRegularFileSync(path, 100), expected)
      await assert.rejects(readRegularFile(path, 100), expected)
    }
  }
  // as password and group files are read
  await assert.rejects(new CachedFile(at('fifo'), String).read(), /Not a regular file/)
  assert.equal(await new CachedFile(at('text'), String).read(), 'a\xe9\n')
})
