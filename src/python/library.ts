/**
 * The shared library of a Python, asked from the Python itself: only it knows how it was built and installed.
 * The answer is kept; the executable runs once per process and Python.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface PythonLibrary {
  /** Absolute path of libpythonX.Y.so or .dylib. */
  readonly path: string
  /** `[3, 11, 2]`. */
  readonly version: readonly [number, number, number]
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
print(json.dumps({'version': list(sys.version_info[:3]), 'libraries': found}))
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
    found = ask(executable)
    known.set(executable, found)
    // Installed meanwhile, it is found at the next attempt.
    found.catch(() => known.delete(executable))
  }
  return found
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
  let answer: { version: [number, number, number]; libraries: string[] }
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
