/** CPython inside Node, each in a child process: Python cannot be started twice in one. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findPython as findByHome } from '../../src/python/find.js'
import { findLibrary, LibraryNotFound } from '../../src/python/library.js'
import { eachMinorVersion, type Python } from '../support/pythons.js'
import { NEWEST } from '../wsgi/channel/daemon.js'

const CHILD = fileURLToPath(new URL('embed-child.js', import.meta.url))
const TWICE = fileURLToPath(new URL('embed-twice-child.js', import.meta.url))

/** A home names one Python: of several in `/usr`, the one that is called `python3`. */
const isNamedByItsHome = ({ home, executable }: Python) => {
  const named = findByHome(home).executable
  return realpathSync(named) === executable
}

const EMBEDDABLE = eachMinorVersion().filter(
  (one) => one.sharedLibrary !== undefined && isNamedByItsHome(one),
)

for (const { version, home, executable: python, minor, major } of EMBEDDABLE) {
  test(`embeds Python ${version} of ${home}`, { timeout: 120_000 }, async () => {
    const child = spawn(process.execPath, [CHILD, home], {
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
    assert.equal(seen.version, version)
    // Where OpenSSL looks for certificates was compiled into it: Node's own has another place.
    const ask = 'import ssl; print(ssl.get_default_verify_paths().openssl_cafile)'
    const certificates = execFileSync(python, ['-c', ask], { encoding: 'utf8' }).trim()
    const rest = `${certificates} ${seen.pid} True ${home}`
    assert.deepEqual(seen.answers, [`first ${rest}`, `second ${rest}`])
    assert.equal(seen.interrupted, true)
    assert.equal(seen.group, major === 2 || minor < 8 ? 'refused' : 'answered')
    const exits = seen.log.filter((line: string) => line === 'error: atexit').length
    // Reloading registers the function again.
    assert.equal(exits, seen.group === 'answered' ? 3 : 2)
  })
}

test('a virtual environment is found by where its executable lies', { timeout: 120_000 }, async () => {
  const home = mkdtempSync(join(tmpdir(), 'venv-'))
  try {
    execFileSync(NEWEST, ['-m', 'venv', '--without-pip', home])
    const child = spawn(process.execPath, [CHILD, home], {
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

/** What a child process prints that tries to embed the Python of a home twice, and how many descriptors that has cost it. */
async function triesTwice(home: string, settings: object): Promise<{ messages: string[]; leaked: number }> {
  const child = spawn(process.execPath, [TWICE, home, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await once(child, 'close')
  return JSON.parse(output)
}

test('a library that cannot be loaded is named each time, and nothing is left open', {
  timeout: 120_000,
}, async () => {
  const home = mkdtempSync(join(tmpdir(), 'home-'))
  try {
    for (const folder of ['bin', 'lib']) mkdirSync(join(home, folder))
    writeFileSync(join(home, 'bin/python3.11'), '', { mode: 0o755 })
    symlinkSync('python3.11', join(home, 'bin/python3'))
    writeFileSync(join(home, 'lib/libpython3.11.so.1.0'), 'no library')
    const { messages, leaked } = await triesTwice(home, {})
    for (const message of messages) assert.match(message, /libpython3\.11\.so\.1\.0 cannot be loaded: /)
    assert.equal(messages.length, 2)
    assert.equal(leaked, 0)
  } finally {
    rmSync(home, { recursive: true })
  }
})

const newest = EMBEDDABLE.at(-1)
const skip = newest === undefined && 'no Python can be embedded'

test('a Python that has ended before it was ready: why, each time', { skip, timeout: 120_000 }, async () => {
  const { messages } = await triesTwice(newest?.home ?? '', { threads: 'none' })
  assert.match(messages[0] ?? '', / ended with status 1; see the error log$/)
  assert.equal(messages[1], messages[0])
})

test('a Python without shared library is named, with what to do', async () => {
  await assert.rejects(
    findLibrary('/bin/echo'),
    (error) => error instanceof LibraryNotFound && /is no Python/.test(error.message),
  )
})
