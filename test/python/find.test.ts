/** Finding Pythons: homes, virtual environments, PATH, and what people are told when there is none. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { findPython, PythonNotFound } from '../../src/python/find.js'
import { findLibrary, libraryBeside } from '../../src/python/library.js'
import { startFor } from '../../src/python/start.js'
import { findPythons } from '../support/pythons.js'
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

test('a library beside its Python is the one that the Python names', () => {
  for (const { executable, sharedLibrary, major, minor } of findPythons()) {
    const beside = libraryBeside(executable)
    if (beside === undefined) continue
    assert.equal(realpathSync(beside.path), realpathSync(sharedLibrary ?? '(none)'))
    assert.deepEqual(beside.version, [major, minor])
  }
})

test('where it is not plain which library belongs to a Python, it is asked', () => {
  const prefix = join(directory, 'prefix')
  const venv = join(directory, 'of-prefix')
  const library = join(prefix, 'lib/libpython3.11.so.1.0')
  mkdirSync(join(prefix, 'bin'), { recursive: true })
  mkdirSync(join(prefix, 'lib'))
  mkdirSync(join(venv, 'bin'), { recursive: true })
  writeFileSync(join(prefix, 'bin/python3.11'), '')
  symlinkSync('python3.11', join(prefix, 'bin/python3'))
  symlinkSync(join(prefix, 'bin/python3'), join(venv, 'bin/python'))
  assert.equal(libraryBeside(join(prefix, 'bin/python3')), undefined, 'there is none')
  writeFileSync(library, '')
  const beside = { path: library, version: [3, 11] }
  assert.deepEqual(libraryBeside(join(prefix, 'bin/python3')), beside)
  assert.deepEqual(libraryBeside(join(venv, 'bin/python')), beside)
  writeFileSync(join(prefix, 'bin/pypy3'), '')
  assert.equal(libraryBeside(join(prefix, 'bin/pypy3')), undefined, 'no CPython')
  assert.equal(libraryBeside(join(prefix, 'bin/python3.12')), undefined, 'not there')
})

test('homes that people name by mistake: what they are, and what to name instead', () => {
  const root = join(directory, 'pyenv')
  const version = join(root, 'versions/3.11.7')
  mkdirSync(join(version, 'bin'), { recursive: true })
  writeFileSync(join(version, 'bin/python3'), '', { mode: 0o755 })
  mkdirSync(join(root, 'shims'))
  writeFileSync(join(root, 'shims/python3'), '', { mode: 0o755 })
  refused(join(root, 'shims'), `holds pyenv's shims, which are no Python: name one of ${root}/versions/*`)
  refused(root, `name one of its versions, such as ${version}`)
  refused(join(version, 'bin'), `name the directory above it, ${version}`)
  refused(
    join(version, 'bin/python3'),
    `is not a directory: name the directory that holds bin/python, here ${version}`,
  )

  const orphan = join(directory, 'orphan')
  mkdirSync(join(orphan, 'bin'), { recursive: true })
  symlinkSync('/nowhere/bin/python3.9', join(orphan, 'bin/python3'))
  refused(orphan, 'leads to /nowhere/bin/python3.9, which does not exist; make the environment anew')
})

test('a shim on PATH stands for the version of `pyenv global`, else the newest', () => {
  const root = join(directory, 'global')
  for (const name of ['3.9.1', '3.10.2']) {
    mkdirSync(join(root, 'versions', name, 'bin'), { recursive: true })
    writeFileSync(join(root, 'versions', name, 'bin/python3'), '', { mode: 0o755 })
  }
  mkdirSync(join(root, 'shims'))
  writeFileSync(join(root, 'shims/python3'), '', { mode: 0o755 })
  const found = () => findPython(undefined, `${join(root, 'shims')}:${dirname(NEWEST)}`).executable
  assert.equal(found(), join(root, 'versions/3.10.2/bin/python3'))
  writeFileSync(join(root, 'version'), '3.9.1\n')
  assert.equal(found(), join(root, 'versions/3.9.1/bin/python3'))
  writeFileSync(join(root, 'version'), 'system\n')
  assert.equal(found(), join(dirname(NEWEST), 'python3'))
})

test('what can be told of a Python without running it', () => {
  const kind = (executable: string) => {
    const home = join(directory, `kind-${executable}`)
    mkdirSync(join(home, 'bin'), { recursive: true })
    writeFileSync(join(home, 'bin', executable), '', { mode: 0o755 })
    symlinkSync(executable, join(home, 'bin/python'))
    return findPython(home).kind
  }
  assert.deepEqual(kind('python2.7'), { major: 2, isFreeThreaded: false })
  assert.deepEqual(kind('python3.13t'), { major: 3, isFreeThreaded: true })
  assert.deepEqual(kind('pypy2.7'), { major: undefined, isFreeThreaded: false })
  // `make install` of such a build: both names, and one library.
  mkdirSync(join(directory, 'kind-python3.14/lib/python3.14t'), { recursive: true })
  assert.deepEqual(kind('python3.14'), { major: 3, isFreeThreaded: true })
  mkdirSync(join(directory, 'kind-python3.15/lib/python3.15t'), { recursive: true })
  mkdirSync(join(directory, 'kind-python3.15/lib/python3.15'))
  assert.deepEqual(kind('python3.15'), { major: 3, isFreeThreaded: false })
})

test('how a Python is started', () => {
  const options = {
    optimize: 3,
    dontWriteBytecode: true,
    warnings: ['error', 'ignore'],
    hashSeed: '7',
    py3kWarning: true,
  }
  assert.deepEqual(startFor(options, { major: 2, isFreeThreaded: false }), {
    flags: ['-OO', '-B', '-3', '-Werror', '-Wignore'],
    environment: { PYTHONHASHSEED: '7' },
  })
  assert.deepEqual(startFor({ py3kWarning: true, freeThreading: true }, { major: 3, isFreeThreaded: true }), {
    flags: ['-X', 'gil=0'],
    environment: {},
  })
  assert.deepEqual(startFor({ freeThreading: true }, { major: 3, isFreeThreaded: false }).flags, [])
  assert.deepEqual(startFor({}, { major: 3, isFreeThreaded: true }).flags, ['-X', 'gil=1'])
})

const skip = process.getuid?.() === 0 ? 'root may look everywhere' : false

test('a virtual environment whose Python is in a closed directory', { skip }, () => {
  const closed = join(directory, 'closed')
  const home = join(directory, 'unreachable')
  mkdirSync(closed)
  mkdirSync(join(home, 'bin'), { recursive: true })
  symlinkSync(NEWEST, join(closed, 'python3'))
  symlinkSync(join(closed, 'python3'), join(home, 'bin/python3'))
  chmodSync(closed, 0)
  try {
    refused(home, `leads to ${join(closed, 'python3')}, and a directory on the way is closed`)
  } finally {
    chmodSync(closed, 0o755)
  }
})
