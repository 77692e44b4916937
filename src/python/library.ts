/**
 * The shared library of a Python. Where it lies beside the executable in the usual way, its name says all. Otherwise the Python itself is asked: only it
 * knows how it was built and installed. The answer is kept; the executable runs once per process and Python, if at all.
 */
import { execFile } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface PythonLibrary {
  /** Absolute path of libpythonX.Y.so or .dylib. */
  readonly path: string
  /** `[3, 11]`. */
  readonly version: readonly [major: number, minor: number]
}

/** A Python that cannot be embedded; the message says why and what to install. */
export class LibraryNotFound extends Error {
  override readonly name = 'LibraryNotFound'
}

/** Runs on Python 2.7 too. The library of an executable that is linked to one is listed in its memory map. */
const QUESTION = `
import json, os, sys, sysconfig
get = sysconfig.get_config_var
found = []
try:
    with open('/proc/self/maps') as maps:
        found += [line.split(None, 5)[5].strip() for line in maps if '/libpython' in line]
except (IOError, IndexError):
    pass
names = [name for name in (get('INSTSONAME'), get('LDLIBRARY'), get('PY3LIBRARY')) if name and not name.endswith('.a')]
folders = [get('LIBDIR'), get('LIBPL'), os.path.join(getattr(sys, 'base_prefix', sys.prefix), 'lib')]
if get('LIBDIR') and get('MULTIARCH'):
    folders.append(os.path.join(get('LIBDIR'), get('MULTIARCH')))
if get('PYTHONFRAMEWORKPREFIX'):
    folders.append(get('PYTHONFRAMEWORKPREFIX'))
found += [os.path.join(folder, name) for folder in folders if folder for name in names]
print(json.dumps({'version': list(sys.version_info[:2]), 'libraries': found}))
`

/** Longer means that something else than a Python was started. */
const PROBE_TIMEOUT_MS = 10_000

const known = new Map<string, Promise<PythonLibrary>>()

/**
 * Finds the shared library of the Python with this executable.
 * @throws {LibraryNotFound}
 */
export function findLibrary(executable: string): Promise<PythonLibrary> {
  let found = known.get(executable)
  if (found === undefined) {
    const usual = libraryBeside(executable)
    found = usual === undefined ? ask(executable) : Promise.resolve(usual)
    known.set(executable, found)
    // Installed meanwhile, it is found at the next attempt.
    found.catch(() => known.delete(executable))
  }
  return found
}

/** Where Debian and its kin put libraries of that architecture. */
const MULTIARCH: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/**
 * `PREFIX/bin/python3.11` with `PREFIX/lib/libpython3.11.so.1.0`, as both come from one `make install` or one package: to run an executable for that answer
 * would take as long as the rest of Python's start. Undefined where it is not so plain.
 */
export function libraryBeside(executable: string): PythonLibrary | undefined {
  let real: string
  try {
    real = realpathSync(executable)
  } catch {
    return undefined
  }
  const [, major, minor] = /^python(\d+)\.(\d+)$/.exec(basename(real)) ?? []
  if (major === undefined || minor === undefined || basename(dirname(real)) !== 'bin') return undefined
  const lib = join(dirname(dirname(real)), 'lib')
  const found = [join(lib, MULTIARCH[process.arch] ?? ''), lib]
    .map((folder) => join(folder, `libpython${major}.${minor}.so.1.0`))
    .filter((file) => existsSync(file))
  const [path] = found
  if (path === undefined || found.length > 1) return undefined
  return { path, version: [Number(major), Number(minor)] }
}

async function ask(executable: string): Promise<PythonLibrary> {
  const output = await new Promise<string>((resolve, reject) => {
    // -E -s: neither PYTHON* variables nor the user's own packages; -I has the same meaning but is not in Python 2.7.
    execFile(executable, ['-E', '-s', '-c', QUESTION], { timeout: PROBE_TIMEOUT_MS }, (error, stdout) => {
      if (error)
        reject(new LibraryNotFound(`${executable} does not work: ${error.message}`, { cause: error }))
      else resolve(stdout)
    })
  })
  let answer: { version: [number, number]; libraries: string[] }
  try {
    answer = JSON.parse(output)
  } catch (error) {
    throw new LibraryNotFound(`${executable} is no Python: it answers ${output.slice(0, 80)}`, {
      cause: error,
    })
  }
  const path = answer.libraries.find((file) => existsSync(file))
  if (path !== undefined) return { path, version: answer.version }
  const [major, minor] = answer.version
  const places = [...new Set(answer.libraries.map((file) => dirname(file)))].join(', ') || join('?', 'lib')
  throw new LibraryNotFound(
    `${executable} (Python ${answer.version.join('.')}) has no shared library in ${places}, which embedded mode needs: ` +
      `install the package libpython${major}.${minor}, or build Python with --enable-shared; daemon processes work without`,
  )
}
