import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { LoadTable, openLoads } from '../../src/server/load-table.js'
import { COLUMN_BYTES } from '../../src/wsgi/loads.js'

test('what a worker says, the others see, until it is gone', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'loads-'))
  const table = new LoadTable(directory)
  t.after(() => {
    table.close()
    rmSync(directory, { recursive: true })
  })
  const columns = [table.take(), table.take(), table.take()]
  assert.deepEqual(columns, [1, 2, 3])
  const [one, two, three] = columns.map((column) => openLoads(directory, column))
  one?.set(7, 4)
  two?.set(7, 2)
  const now = Date.now()
  two?.setWaiting(0, now - 100)
  assert.equal(three?.total(7, 10), 16)
  assert.equal(one?.total(7, 4), 6)
  assert.equal(one?.total(8, 0), 0)
  assert.equal(one?.isLate(0, now), true)
  assert.equal(one?.isLate(0, now - 99), false, 'they are as late')
  assert.equal(one?.isLate(1, now), false)
  assert.equal(two?.isLate(0, now), false)
  table.release(2)
  assert.equal(three?.total(7, 0), 4)
  assert.equal(one?.isLate(0, now), false)
  assert.equal(table.take(), 2)
})

test('more workers than there are columns: some see and tell nothing', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'loads-'))
  const table = new LoadTable(directory)
  t.after(() => {
    table.close()
    rmSync(directory, { recursive: true })
  })
  const columns = Array.from({ length: 300 }, () => table.take())
  assert.equal(new Set(columns).size, 256)
  assert.equal(columns.at(-1), 0)
  assert.equal(openLoads(directory, 0).shared, false)
  table.release(0)
})

test('a full disk: a worker is given no column, rather than one that kills it when it is touched', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'loads-'))
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${4 * COLUMN_BYTES}`, 'tmpfs', directory])
  t.after(() => {
    // Lazily: this process keeps its mappings of the file.
    if (mounted.status === 0) spawnSync('umount', ['--lazy', directory])
    rmSync(directory, { recursive: true })
  })
  if (mounted.status !== 0) return t.skip('file systems cannot be mounted here')
  const table = new LoadTable(directory)
  const columns = Array.from({ length: 5 }, () => table.take())
  assert.deepEqual(columns, [1, 2, 3, 0, 0])
  for (const column of columns) {
    const loads = openLoads(directory, column)
    loads.set(7, 4)
    loads.setWaiting(0, Date.now())
    loads.total(7, 4)
  }
  table.release(2)
  assert.equal(table.take(), 2)
  table.close()
})
