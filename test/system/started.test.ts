/** Processes that could not be started, and the reasons that are told. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pidOf } from '../../src/system/started.js'

const spawned = (program: string) => spawn(program, [], { stdio: 'ignore' })

test('a process that runs has its number', () => {
  const child = spawned('true')
  assert.equal(pidOf(child), child.pid)
})

test('a program that is not there, or may not be executed, is named', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-started-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'program')
  assert.throws(() => pidOf(spawned(file)), {
    message: `${file} could not be started: ENOENT: no such file or directory, access '${file}'`,
  })
  writeFileSync(file, '#!/bin/true\n', { mode: 0o600 })
  assert.throws(() => pidOf(spawned(file)), {
    message: `${file} could not be started: EACCES: permission denied, access '${file}'`,
  })
})

test('a process without descriptors to spare says that they are used up', async () => {
  const module = fileURLToPath(new URL('../../src/system/started.js', import.meta.url))
  const code = `
import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
const { pidOf } = await import(${JSON.stringify(module)})
for (;;) try { openSync('/dev/null') } catch { break }
try { pidOf(spawn('/bin/true', [], { stdio: 'pipe' })) } catch (error) { process._rawDebug(error.message) }
process.exit(0)`
  const words = ['-c', 'ulimit -n 64; exec "$0" --input-type=module -e "$1"', process.execPath, code]
  const { stderr } = await promisify(execFile)('/bin/sh', words)
  assert.equal(
    stderr,
    '/bin/true could not be started: too many open files (ulimit -n; LimitNOFILE= of systemd)\n',
  )
})
