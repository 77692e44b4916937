/**
 * Finding the Python that a process is started with. Nothing is executed here: the supervisor may be root, and the executable somebody else's.
 */
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { isExecutable } from '../system/executable.js'
import type { PythonKind } from './start.js'

export interface FoundPython {
  /** Absolute path, not resolved: a virtual environment is recognised by where its executable lies. */
  readonly executable: string
  /** As it was asked for; undefined for the first one on `PATH`. */
  readonly home: string | undefined
  readonly isVirtualEnvironment: boolean
  readonly kind: PythonKind
}

/** A home or a `PATH` without Python; the message says what is missing and where. */
export class PythonNotFound extends Error {
  override readonly name = 'PythonNotFound'
}

/** Executables, the preferred one first. */
export const NAMES = ['python3', 'python', 'python2', 'pypy3', 'pypy']
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'

/**
 * The Python of a home: an installation's prefix or a virtual environment. Without a home, the first `python3` or `python` on `PATH`.
 * @throws {PythonNotFound}
 */
export function findPython(home?: string, path = process.env.PATH): FoundPython {
  if (home === undefined) return fromPath(path ?? DEFAULT_PATH)
  checkDirectory(home)
  const found = NAMES.map((name) => join(home, 'bin', name)).find((file) => existsSync(file))
  if (found === undefined) throw new PythonNotFound(whyEmpty(home))
  if (!isExecutable(found)) throw new PythonNotFound(`${found} is not executable`)
  return {
    executable: found,
    home,
    isVirtualEnvironment: existsSync(join(home, 'pyvenv.cfg')),
    kind: kindOf(found),
  }
}

function checkDirectory(home: string): void {
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
  if (stats.isDirectory()) return
  const prefix = isInBin(home) ? `, here ${dirname(dirname(home))}` : ''
  throw new PythonNotFound(
    `the Python home ${home} is not a directory: name the directory that holds bin/python${prefix}`,
  )
}

/** Whether the file lies in a `bin` and is named like a Python. */
function isInBin(file: string): boolean {
  return /^(python|pypy)[\d.]*t?$/.test(basename(file)) && basename(dirname(file)) === 'bin'
}

/** What is wrong with a directory that has no Python in its `bin`, and what to do. */
function whyEmpty(home: string): string {
  for (const name of NAMES) {
    const link = join(home, 'bin', name)
    if (isLink(link)) {
      const target = resolve(dirname(link), readlinkSync(link))
      return isClosed(target)
        ? `the Python home ${home} is a virtual environment whose Python cannot be reached: ${link} leads to ${target}, and a ` +
            'directory on the way is closed to this process; open it, or make the environment with another Python'
        : `the Python home ${home} is a virtual environment whose Python is gone: ${link} leads to ` +
            `${target}, which does not exist; make the environment anew`
    }
  }
  if (basename(home) === 'shims') {
    return `the Python home ${home} holds pyenv's shims, which are no Python: name one of ${join(dirname(home), 'versions')}/*`
  }
  const inside = versionsIn(join(home, 'versions'))
  if (inside.length > 0) {
    return `the Python home ${home} is pyenv's own directory: name one of its versions, such as ${inside.at(-1)}`
  }
  if (NAMES.some((name) => existsSync(join(home, name)))) {
    return `the Python home ${home} has no bin/python3 or bin/python: name the directory above it, ${dirname(home)}`
  }
  return `the Python home ${home} has no bin/python3 or bin/python: name a virtual environment or the prefix of an installation`
}

function isClosed(file: string): boolean {
  try {
    statSync(file)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES'
  }
}

function isLink(file: string): boolean {
  try {
    return lstatSync(file).isSymbolicLink()
  } catch {
    return false
  }
}

function fromPath(path: string): FoundPython {
  const found = namedOnPath('python3', path) ?? namedOnPath('python', path)
  if (found !== undefined) return found
  throw new PythonNotFound(
    `there is no python3 and no python on PATH (${path}): install Python, or name one with WSGIPythonHome or python-home=`,
  )
}

/** The Python of that name, such as `python3.12`. @throws {PythonNotFound} */
export function findNamedPython(name: string, path = process.env.PATH ?? DEFAULT_PATH): FoundPython {
  const found = namedOnPath(name, path)
  if (found !== undefined) return found
  throw new PythonNotFound(`there is no file, no directory and nothing on PATH (${path}) called ${name}`)
}

function namedOnPath(name: string, path: string): FoundPython | undefined {
  for (const directory of path.split(delimiter)) {
    const file = join(directory, name)
    if (!directory.startsWith('/') || !existsSync(file) || !isExecutable(file)) continue
    const executable = throughShim(file)
    if (executable === undefined) continue
    return { executable, home: undefined, isVirtualEnvironment: false, kind: kindOf(executable) }
  }
  return undefined
}

/**
 * pyenv puts a shell script before each Python; the script needs an environment that daemon processes do not have. Behind it stands the
 * version of `pyenv global`, else the newest. Undefined: pyenv leaves the choice to the rest of `PATH`.
 */
function throughShim(file: string): string | undefined {
  const root = /^(.*)\/shims\/[^/]+$/.exec(file)?.[1]
  if (root === undefined) return file
  const chosen = readOr(join(root, 'version'), '').split(/\s+/).filter(Boolean)
  if (chosen[0] === 'system') return undefined
  const homes = [
    ...chosen.map((name) => join(root, 'versions', name)),
    ...versionsIn(join(root, 'versions')).reverse(),
  ]
  return homes.map((home) => join(home, 'bin', basename(file))).find(isExecutable)
}

/** Directories named like versions of Python 3, oldest first. */
function versionsIn(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .filter((name) => /^3\.\d+\.\d+t?$/.test(name))
    .sort((a, b) => a.localeCompare(b, undefined, { numeric: true }))
    .map((name) => join(directory, name))
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}

/**
 * Told by the executable's own name (`python2.7`, `python3.13t`), else by the library directories next to it. A free-threaded installation has its executable
 * under both names, and its library under one.
 */
export function kindOf(executable: string): PythonKind {
  let real = executable
  try {
    real = realpathSync(executable)
  } catch {
    // A link that leads nowhere was refused before.
  }
  const prefix = dirname(dirname(real))
  const named = /^python([23])\.\d+(t?)$/.exec(basename(real))
  if (named) {
    const library = join(prefix, 'lib', named[0])
    const isFreeThreaded = named[2] === 't' || (existsSync(`${library}t`) && !existsSync(library))
    return { major: Number(named[1]) as 2 | 3, isFreeThreaded }
  }
  const libraries = existsSync(join(prefix, 'lib'))
    ? readdirSync(join(prefix, 'lib')).flatMap((name) => /^python([23])\.\d+(t?)$/.exec(name) ?? [])
    : []
  const majors = new Set(libraries.filter((part) => part === '2' || part === '3'))
  const [only] = majors
  return {
    major: majors.size === 1 ? (Number(only) as 2 | 3) : /^python3/.test(basename(real)) ? 3 : undefined,
    isFreeThreaded: false,
  }
}
