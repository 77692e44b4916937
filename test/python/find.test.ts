/** Finding Pythons: homes, virtual environments, PATH, and what people are told when there is none. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { findPython, PythonNotFound } from '../../src/python/find.js'
import { findLibrary } from '../../src/python/library.js'
import { NEWEST } from '../wsgi/channel/daemon.js'

const directory = mkdtempSync(join(tmpdir(), 'find-'))
after(() => rmSync(directory, { recursive: true }))

function refused(home: string, text: string): void {
  assert.throws(
    () => findPython(home),
    (error) =>
      error instanceof PythonNotFound && error.message.includes(text) && error.message.includes(home),
  )
}

test('an installation', () => {
  const found = findPython(dirname(dirname(NEWEST)))
  assert.equal(found.isVirtualEnvironment, false)
  assert.equal(dirname(found.executable), dirname(NEWEST))
})

test('a virtual environment keeps its own path', () => {
  const home = join(directory, 'venv')
  mkdirSync(join(home, 'bin'), { recursive: true })
  symlinkSync(NEWEST, join(home, 'bin/python3'))
  writeFileSync(join(home, 'pyvenv.cfg'), '')
  assert.deepEqual(findPython(home), {
    executable: join(home, 'bin/python3'),
    home,
    isVirtualEnvironment: true,
    kind: { major: 3, isFreeThreaded: false },
  })
})

test('a home that does not exist', () => refused(join(directory, 'nothing'), 'does not exist'))
test('a home that is a file', () => {
  writeFileSync(join(directory, 'file'), '')
  refused(join(directory, 'file'), 'is not a directory')
})
test('a home without Python', () => refused(directory, 'has no bin/python'))
test('a Python that cannot be executed', () => {
  const home = join(directory, 'broken')
  mkdirSync(join(home, 'bin'), { recursive: true })
  writeFileSync(join(home, 'bin/python3'), '', { mode: 0o644 })
  refused(home, 'is not executable')
})
test('no Python on PATH', () =>
  assert.throws(() => findPython(undefined, directory), /there is no python3 and no python on PATH/))

test('the shared library of an installation', async () => {
  const library = await findLibrary(NEWEST)
  assert.match(library.path, /libpython3/)
  assert.ok(NEWEST.includes(library.version.join('.')))
  assert.equal(await findLibrary(NEWEST), library, 'asked once')
})
