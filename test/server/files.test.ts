import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { explainPath } from '../../src/server/path-access.js'
import { isAlive, readPidFile, removePidFile, writePidFile } from '../../src/server/pid-file.js'
import { makeAnotherRuntimeDir, makeRuntimeDir, removeRuntimeDir } from '../../src/server/runtime-dir.js'
import { describeExit } from '../../src/system/exit-status.js'
import { until } from '../support/wait.js'

/** Makes a runtime directory with something in it, says so, and stays. */
const SERVER = `
import { writeFileSync } from 'node:fs'
import { makeRuntimeDir } from ${JSON.stringify(new URL('../../src/server/runtime-dir.js', import.meta.url))}
writeFileSync(makeRuntimeDir(process.argv[1]) + '/file', '')
process.stdout.write('made')
setInterval(() => {}, 1000)
`

/** More than any system gives out. */
const NO_PID = 2 ** 31 - 1

function scratch(use: (folder: string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-files-'))
  try {
    use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a pid file says whether the server runs', () =>
  scratch((folder) => {
    const file = path.join(folder, 'httpd.pid')
    assert.deepEqual(readPidFile(file), { kind: 'none' })
    writePidFile(file)
    assert.deepEqual(readPidFile(file), { kind: 'running', pid: process.pid })
    removePidFile(file)
    assert.equal(existsSync(file), false)
    writeFileSync(file, `${NO_PID}\n`)
    assert.deepEqual(readPidFile(file), { kind: 'stale', pid: NO_PID })
    removePidFile(file)
    assert.ok(existsSync(file), 'somebody else’s file is left alone')
    for (const text of ['', '0', '-1', 'x', '1 2']) {
      writeFileSync(file, text)
      assert.deepEqual(readPidFile(file), { kind: 'stale', pid: undefined })
    }
  }))

test('a process that has ended and that nobody has waited for does not run', {
  skip: process.platform !== 'linux' && 'Linux only',
}, async () => {
  // becomes a program that waits for nobody, with a child that waits for a line
  const parent = spawn('sh', ['-c', 'exec 3<&0; (read line <&3) & echo $!; exec sleep 1000'])
  try {
    const [pid] = (await once(parent.stdout, 'data')) as [Buffer]
    await until('another program', () => readFileSync(`/proc/${parent.pid}/comm`, 'latin1') === 'sleep\n')
    assert.equal(isAlive(Number(pid)), true)
    parent.stdin.write('\n')
    await until('the end of a process', () => !isAlive(Number(pid)))
    assert.equal(isAlive(parent.pid as number), true)
    process.kill(Number(pid), 0) // its entry is still there
  } finally {
    parent.kill()
  }
})

test('a pid file takes the place of a link, and does not write through it', () =>
  scratch((folder) => {
    const [file, victim] = [path.join(folder, 'httpd.pid'), path.join(folder, 'victim')]
    writeFileSync(victim, 'precious')
    symlinkSync(victim, file)
    writePidFile(file)
    assert.equal(readFileSync(victim, 'utf8'), 'precious')
    assert.equal(readFileSync(file, 'utf8'), `${process.pid}\n`)
  }))

test('the runtime directory is private, and what dead servers left is removed', () =>
  scratch((folder) => {
    mkdirSync(path.join(folder, `wsgi-httpd.${NO_PID}`))
    const made = makeRuntimeDir(folder)
    assert.equal(made, path.join(folder, `wsgi-httpd.${process.pid}`))
    assert.equal(statSync(made).mode & 0o7777, process.getuid?.() === 0 ? 0o711 : 0o700)
    assert.equal(existsSync(path.join(folder, `wsgi-httpd.${NO_PID}`)), false)
    removeRuntimeDir(made)
    assert.equal(existsSync(made), false)
  }))

test('a runtime directory is removed with its files, and nothing that an application has put there is entered', () =>
  scratch((folder) => {
    const precious = path.join(folder, 'precious')
    mkdirSync(precious)
    writeFileSync(path.join(precious, 'file'), '')
    const made = makeRuntimeDir(folder)
    const workers = path.join(made, 'workers')
    mkdirSync(path.join(workers, 'full'), { recursive: true })
    mkdirSync(path.join(workers, 'empty'))
    for (const name of ['1.progress', 'workers/embedded.1.sock', 'workers/full/file'])
      writeFileSync(path.join(made, name), '')
    symlinkSync(precious, path.join(workers, 'link'))
    removeRuntimeDir(made)
    assert.deepEqual(readdirSync(made), ['workers'])
    assert.deepEqual(readdirSync(workers), ['full'])
    assert.deepEqual(readdirSync(path.join(workers, 'full')), ['file'])
    assert.deepEqual(readdirSync(precious), ['file'])

    const said: string[] = []
    const next = makeRuntimeDir(folder, (text) => void said.push(text))
    assert.match(said.join('\n'), /^\S+ is left over, and not all that is in it can be removed$/)
    rmSync(path.join(workers, 'full'), { recursive: true })
    removeRuntimeDir(makeRuntimeDir(folder, (text) => void said.push(text)))
    assert.equal(said.length, 1)
    removeRuntimeDir(next)
    assert.deepEqual(readdirSync(folder), ['precious'])
  }))

test('what a server has that other pid namespaces do not see is left alone until it is gone', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'wsgi-httpd-files-'))
  const other = spawn(process.execPath, ['--input-type=module', '-e', SERVER, folder])
  const names = () => readdirSync(folder).sort()
  try {
    await once(other.stdout, 'data')
    // a number that here is nobody's, then this process's own
    for (const name of [`wsgi-httpd.${NO_PID}`, `wsgi-httpd.${process.pid}`]) {
      renameSync(path.join(folder, names()[0] as string), path.join(folder, name))
      const own = makeRuntimeDir(folder)
      assert.deepEqual(names(), [name, path.basename(own)].sort())
      removeRuntimeDir(own)
    }
    other.kill('SIGKILL')
    await once(other, 'exit')
    assert.deepEqual(readdirSync(makeRuntimeDir(folder)), [], 'an empty one of the same name')
    assert.deepEqual(names(), [`wsgi-httpd.${process.pid}`])
  } finally {
    other.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

test('the directories of one process do not take each other for left over', () => {
  const made = [makeAnotherRuntimeDir(), makeAnotherRuntimeDir()]
  for (const one of made) assert.ok(existsSync(one))
  for (const one of made) removeRuntimeDir(one)
})

test('a name that is taken in a shared directory is not used', () =>
  scratch((folder) => {
    writeFileSync(path.join(folder, `wsgi-httpd.${process.pid}`), 'not a directory')
    const made = makeRuntimeDir(folder)
    assert.match(path.basename(made), /^wsgi-httpd\.\d+\.[0-9a-f]{8}$/)
  }))

test('ends of processes are described by name', () => {
  assert.equal(describeExit({ code: 1, signal: null }), 'exit status 1')
  assert.equal(describeExit({ code: null, signal: 'SIGKILL' }), 'killed by signal SIGKILL (9)')
  assert.equal(describeExit({ code: null, signal: 'SIGSEGV' }), 'killed by signal SIGSEGV (11)')
})

test('the part of a path that stands in the way is named', () =>
  scratch((folder) => {
    assert.equal(explainPath(folder, 'search', 'x'), undefined)
    assert.equal(
      explainPath(path.join(folder, 'a/b'), 'read', 'x'),
      `${path.join(folder, 'a')} does not exist`,
    )
    writeFileSync(path.join(folder, 'file'), '')
    assert.equal(
      explainPath(path.join(folder, 'file'), 'execute', 'user www-data (uid 33)'),
      `user www-data (uid 33) has no permission to execute ${path.join(folder, 'file')} (mode 0644, owner ${process.getuid?.()}:${process.getgid?.()})`,
    )
  }))
