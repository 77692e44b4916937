/** CPython inside Node, each in a child process: Python cannot be started twice in one. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findLibrary, LibraryNotFound } from '../../src/python/library.js'
import { NEWEST, PYTHONS } from '../wsgi/channel/daemon.js'

const CHILD = fileURLToPath(new URL('embed-child.js', import.meta.url))

for (const python of PYTHONS.filter((path) => path.startsWith(homedir()))) {
  test(`embeds ${python}`, { timeout: 120_000 }, async () => {
    const child = spawn(process.execPath, [CHILD, python], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, UV_THREADPOOL_SIZE: '5' },
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 7, output)
    const seen = JSON.parse(output)
    assert.ok(python.includes(seen.version))
    // Where OpenSSL looks for certificates was compiled into it: Node's own has another place.
    const ask = 'import ssl; print(ssl.get_default_verify_paths().openssl_cafile)'
    const certificates = execFileSync(python, ['-c', ask], { encoding: 'utf8' }).trim()
    const rest = `${certificates} ${seen.pid} True ${python.replace('/bin/python', '')}`
    assert.deepEqual(seen.answers, [`first ${rest}`, `second ${rest}`])
    assert.equal(seen.interrupted, true)
    assert.equal(seen.group, /\/(2\.7|3\.6|3\.7)\./.test(python) ? 'refused' : 'answered')
    const exits = seen.log.filter((line: string) => line === 'error: atexit').length
    // Reloading registers the function again.
    assert.equal(exits, seen.group === 'answered' ? 3 : 2)
  })
}

test('a virtual environment is found by where its executable lies', { timeout: 120_000 }, async () => {
  const home = mkdtempSync(join(tmpdir(), 'venv-'))
  try {
    execFileSync(NEWEST, ['-m', 'venv', '--without-pip', home])
    const child = spawn(process.execPath, [CHILD, join(home, 'bin/python')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    await once(child, 'close')
    assert.ok(JSON.parse(output).answers[0].endsWith(` True ${home}`), output)
  } finally {
    rmSync(home, { recursive: true })
  }
})

test('a Python without shared library is named, with what to do', async () => {
  await assert.rejects(
    findLibrary('/bin/echo'),
    (error) => error instanceof LibraryNotFound && /is no Python/.test(error.message),
  )
})
