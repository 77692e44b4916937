/**
 * Finding the Python that a process is started with. Nothing is executed here: the supervisor may be root, and the executable somebody else's.
 */
import { accessSync, constants, existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface FoundPython {
  /** Absolute path, not resolved: a virtual environment is recognised by where its executable lies. */
  readonly executable: string
  /** As it was asked for; undefined for the first one on `PATH`. */
  readonly home: string | undefined
  readonly isVirtualEnvironment: boolean
}

/** A home or a `PATH` without Python; the message says what is missing and where. */
export class PythonNotFound extends Error {
  override readonly name = 'PythonNotFound'
}

const NAMES = ['python3', 'python', 'python2', 'pypy3', 'pypy']

/**
 * The Python of a home: an installation's prefix or a virtual environment. Without a home, the first `python3` or `python` on `PATH`.
 * @throws {PythonNotFound}
 */
export function findPython(home?: string, path = process.env.PATH): FoundPython {
  if (home === undefined) return fromPath(path ?? '/usr/local/bin:/usr/bin:/bin')
  let stats: ReturnType<typeof statSync>
  try {
    stats = statSync(home)
  } catch (error) {
    throw new PythonNotFound(
      (error as NodeJS.ErrnoException).code === 'EACCES'
        ? `the Python home ${home} cannot be looked into: permission denied`
        : `the Python home ${home} does not exist`,
    )
  }
  if (!stats.isDirectory()) {
    throw new PythonNotFound(
      `the Python home ${home} is not a directory: name the directory that holds bin/python`,
    )
  }
  const found = NAMES.map((name) => join(home, 'bin', name)).find((file) => existsSync(file))
  if (found === undefined) {
    throw new PythonNotFound(
      `the Python home ${home} has no bin/python3 or bin/python: name a virtual environment or the prefix of an installation`,
    )
  }
  if (!isExecutable(found)) throw new PythonNotFound(`${found} is not executable`)
  return { executable: found, home, isVirtualEnvironment: existsSync(join(home, 'pyvenv.cfg')) }
}

function fromPath(path: string): FoundPython {
  for (const name of ['python3', 'python']) {
    for (const directory of path.split(delimiter)) {
      const file = join(directory, name)
      if (directory.startsWith('/') && existsSync(file) && isExecutable(file)) {
        const executable = throughShim(file)
        return { executable, home: undefined, isVirtualEnvironment: false }
      }
    }
  }
  throw new PythonNotFound(
    `there is no python3 and no python on PATH (${path}): install Python, or name one with WSGIPythonHome or python-home=`,
  )
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** pyenv puts a shell script before each Python; the script needs an environment that daemon processes do not have. */
function throughShim(file: string): string {
  const shims = /^(.*)\/shims\/python3?$/.exec(file)
  if (!shims) return file
  const versions = join(shims[1] as string, 'versions')
  const newest = existsSync(versions)
    ? readdirSync(versions)
        .filter((name) => /^3\.\d+\.\d+$/.test(name))
        .sort((a, b) => b.localeCompare(a, undefined, { numeric: true }))
        .map((name) => join(versions, name, 'bin/python3'))
        .find(isExecutable)
    : undefined
  return newest ?? realpathSync(file)
}
