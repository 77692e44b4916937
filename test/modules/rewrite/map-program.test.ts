/** Programs of rewriting maps that do not keep to a line for a line. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { MapProgram } from '../../../src/modules/rewrite/map-program.js'
import { makeRequest } from '../../support/request.js'

async function withProgram(script: string, use: (program: MapProgram) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-map-'))
  const file = path.join(directory, 'map')
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
  // the program itself keeps no process waiting
  const held = setInterval(() => {}, 60_000)
  try {
    await use(new MapProgram('m', [file]))
  } finally {
    clearInterval(held)
    rmSync(directory, { recursive: true })
  }
}

test('a line too many is not the answer to the next question', async () => {
  // both lines in one write
  await withProgram('while read key; do printf "is %s\\nand more\\n" "$key"; done', async (program) => {
    const request = makeRequest('')
    const ask = (key: string) => program.ask(key, request)
    assert.deepEqual(await Promise.all([ask('a'), ask('b')]), ['is a', 'is b'])
    assert.equal(await ask('c'), 'is c')
  })
})
