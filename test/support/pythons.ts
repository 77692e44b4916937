/**
 * The Python interpreters that tests can use: those of PATH, of pyenv, of /usr/bin, and of `$WSGI_HTTPD_TEST_PYTHONS` (a list with colons).
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { cacheDirectory, isRoot } from './cache.js'

export interface Python {
  /** `3.11.7`. */
  readonly version: string
  readonly major: number
  readonly minor: number
  /** Absolute, links resolved. */
  readonly executable: string
  /** What `python-home=` takes: `sys.prefix`. */
  readonly home: string
  /** The shared library, for embedded mode; undefined where this Python was built without. */
  readonly sharedLibrary: string | undefined
  /** Built without a GIL, which it can have all the same. */
  readonly isFreeThreaded: boolean
}

const PROBE = `
import json, os, sys
import sysconfig
d = sysconfig.get_config_var('LIBDIR') or ''
names = [sysconfig.get_config_var(k) or '' for k in ('INSTSONAME', 'LDLIBRARY')]
multiarch = sysconfig.get_config_var('MULTIARCH') or ''
files = [os.path.join(b, n) for n in names if '.so' in n or '.dylib' in n for b in (os.path.join(sys.prefix, 'lib'), d, os.path.join(d, multiarch))]
library = ([f for f in files if os.path.exists(f)] + [None])[0]
print(json.dumps({'version': '%d.%d.%d' % sys.version_info[:3], 'home': sys.prefix, 'library': library, 'free': bool(sysconfig.get_config_var('Py_GIL_DISABLED')), 'implementation': sys.version.split(' ')[0]}))
`

let found: readonly Python[] | undefined

/** All Pythons, oldest first, one per version and installation; without free-threaded ones. */
export function findPythons(): readonly Python[] {
  return findAll().filter(({ isFreeThreaded }) => !isFreeThreaded)
}

/** The newest free-threaded Python, or undefined. */
export function findFreeThreaded(): Python | undefined {
  return findAll().findLast(({ isFreeThreaded }) => isFreeThreaded)
}

function findAll(): readonly Python[] {
  if (found !== undefined) return found
  const known = new Map<string, Python>()
  for (const candidate of candidates()) {
    const executable = realOrUndefined(candidate)
    if (executable === undefined || known.has(executable)) continue
    const python = probe(executable)
    if (python !== undefined) known.set(executable, python)
  }
  found = [...known.values()].sort((a, b) => a.major - b.major || a.minor - b.minor)
  return found
}

/** The newest Python of that version (`3`, `3.8`, `2.7`), or undefined: then skip with {@link skipWithout}. */
export function findPython(version = '3'): Python | undefined {
  return findPythons().findLast((python) => `${python.version}.`.startsWith(`${version}.`))
}

/** For the `skip` option of a test: a reason where that Python is missing, else false. */
export function skipWithout(version: string): string | false {
  return findPython(version) === undefined ? `no Python ${version} on this machine` : false
}

/** Which of these versions are here, and the newest Python 3 besides, which may be later than any of them; oldest first. */
export function withNewest(...versions: string[]): string[] {
  const newest = findPython('3')
  const present = versions.filter((version) => findPython(version) !== undefined)
  return [...new Set(newest === undefined ? present : [...present, `${newest.major}.${newest.minor}`])]
}

/** One Python per minor version, oldest first, for tests that run with each. */
export function eachMinorVersion(): readonly Python[] {
  return [...new Map(findPythons().map((python) => [`${python.major}.${python.minor}`, python])).values()]
}

export function describePythons(): string {
  const lines = findAll().map(
    ({ version, executable, sharedLibrary, isFreeThreaded }) =>
      `  ${version.padEnd(8)} ${executable}${sharedLibrary === undefined ? '  (no shared library: no embedded mode)' : ''}${isFreeThreaded ? '  (free-threaded: for tests of WSGIFreeThreading)' : ''}`,
  )
  return lines.length > 0
    ? `Pythons:\n${lines.join('\n')}`
    : 'Pythons: none found; tests that need one are skipped'
}

/**
 * A form of that Python which the account of the server under test can use: itself, or, where the tests run as root and others cannot reach
 * it, a copy made once. Packages of its own are left out.
 */
export function usable(python: Python): Python {
  if (!isRoot || isReachableByOthers(python.home)) return python
  const copy = path.join(cacheDirectory(), `python-${python.version}${python.isFreeThreaded ? 't' : ''}`)
  if (!existsSync(copy)) copyInstallation(python, copy)
  const moved = (file: string) =>
    path.join(copy, path.relative(realpathSync(python.home), realpathSync(file)))
  return {
    ...python,
    home: copy,
    executable: moved(python.executable),
    sharedLibrary: python.sharedLibrary === undefined ? undefined : moved(python.sharedLibrary),
  }
}

function candidates(): string[] {
  const asked = (process.env.WSGI_HTTPD_TEST_PYTHONS ?? '').split(':').filter(Boolean)
  const versions = path.join(process.env.PYENV_ROOT ?? path.join(homedir(), '.pyenv'), 'versions')
  const pyenv = list(versions).map((name) => path.join(versions, name, 'bin', 'python'))
  const system = list('/usr/bin')
    .filter((name) => /^python(2\.7|3(\.\d+)?)$/.test(name))
    .map((name) => path.join('/usr/bin', name))
  const onPath = (process.env.PATH ?? '')
    .split(':')
    .filter((folder) => folder !== '' && !folder.includes('/shims'))
    .map((folder) => path.join(folder, 'python3'))
  return [...asked, ...system, ...pyenv, ...onPath]
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : []
}

function realOrUndefined(file: string): string | undefined {
  try {
    return realpathSync(file)
  } catch {
    return undefined
  }
}

/** Asks the interpreter about itself; the answer is kept in the cache until the executable or the question changes. */
function probe(executable: string): Python | undefined {
  const { mtimeMs, size } = statSync(executable)
  const asked = createHash('sha256').update(`${PROBE} ${executable} ${mtimeMs} ${size}`).digest('base64url')
  const memo = path.join(cacheDirectory(), `probe-${asked}.json`)
  try {
    if (!existsSync(memo)) {
      const answer = execFileSync(executable, ['-c', PROBE], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      writeFileSync(`${memo}.${process.pid}`, answer)
      renameSync(`${memo}.${process.pid}`, memo)
    }
    const { version, home, library, free } = JSON.parse(readFileSync(memo, 'utf8'))
    const [major = 0, minor = 0] = version.split('.').map(Number)
    return {
      version,
      major,
      minor,
      executable,
      home,
      sharedLibrary: library ?? undefined,
      isFreeThreaded: free,
    }
  } catch {
    return undefined
  }
}

/** Whether an account without rights of its own may go down to that directory and read it. */
function isReachableByOthers(directory: string): boolean {
  for (let at = realpathSync(directory); ; at = path.dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (at === path.dirname(at)) return true
  }
}

/** What a server needs not, and what makes the copy large. */
const LEFT_OUT =
  /\/(test|tests|idlelib|lib2to3|site-packages|config-\d.*|config|tkinter|turtledemo|share|include|[^/]+\.a)$/

function copyInstallation(python: Python, target: string): void {
  const fresh = `${target}.${process.pid}`
  cpSync(python.home, fresh, {
    recursive: true,
    verbatimSymlinks: true,
    // Else no compiled module would fit its source any more, and every start would compile the library anew.
    preserveTimestamps: true,
    filter: (source) => !LEFT_OUT.test(source),
  })
  for (const name of readdirSync(path.join(fresh, 'bin'))) {
    const file = path.join(fresh, 'bin', name)
    if (/^python[\d.]*$/.test(name) && statSync(file).isFile())
      makeRelocatable(file, path.join(python.home, 'lib'))
  }
  try {
    renameSync(fresh, target)
  } catch {
    // Another test file has made it in the meantime.
    rmSync(fresh, { recursive: true, force: true })
  }
}

/** The executable looks for its shared library in a fixed directory: makes that one relative to itself. */
function makeRelocatable(file: string, library: string): void {
  const bytes = readFileSync(file)
  const replacement = Buffer.alloc(library.length)
  replacement.write('$ORIGIN/../lib')
  let at = bytes.indexOf(`${library}\0`)
  if (at < 0) return
  for (; at >= 0; at = bytes.indexOf(`${library}\0`, at + 1)) replacement.copy(bytes, at)
  const { mode } = statSync(file)
  writeFileSync(`${file}.new`, bytes)
  chmodSync(`${file}.new`, mode)
  renameSync(`${file}.new`, file)
}
