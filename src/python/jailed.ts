/**
 * Finding the Python inside a jail (`chroot=`) from outside of it, and packing up the runtime so that it need not lie there. Nothing is executed.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type FoundPython, kindOf, NAMES, PythonNotFound } from './find.js'
import { runtimeMain } from './runtime-path.js'

const LINKS_MAX = 40
/** Where executables are looked for inside, besides `PATH`. */
const USUAL_PATH = '/usr/local/bin:/usr/bin:/bin'

/** Where a path of the jail lies outside, symbolic links followed as from inside; undefined where there is nothing. */
export function resolveInJail(jail: string, path: string): string | undefined {
  const left = path.split('/').filter(Boolean)
  const done: string[] = []
  for (let links = 0; left.length > 0; ) {
    const name = left.shift() as string
    if (name === '.') continue
    if (name === '..') {
      done.pop()
      continue
    }
    const here = join(jail, ...done, name)
    try {
      if (!lstatSync(here).isSymbolicLink()) {
        done.push(name)
        continue
      }
      if (++links > LINKS_MAX) return undefined
      const target = readlinkSync(here)
      if (target.startsWith('/')) done.length = 0
      left.unshift(...target.split('/').filter(Boolean))
    } catch {
      return undefined
    }
  }
  return join(jail, ...done)
}

/**
 * The executable of a Python home inside the jail, or the first on `PATH` there, by the name that it has inside.
 * @throws {PythonNotFound}
 */
export function findPythonInJail(
  jail: string,
  home?: string,
  path = process.env.PATH,
): Pick<FoundPython, 'executable' | 'kind'> {
  const folders = home === undefined ? `${path ?? ''}:${USUAL_PATH}`.split(':') : [join(home, 'bin')]
  for (const name of NAMES)
    for (const folder of folders.filter((one) => one.startsWith('/'))) {
      const file = join(folder, name)
      const outside = resolveInJail(jail, file)
      if (outside !== undefined && isProgram(outside)) return { executable: file, kind: kindOf(outside) }
    }
  throw new PythonNotFound(
    home === undefined
      ? `there is no python3 and no python in ${folders.filter(Boolean).join(':')} of the chroot directory ${jail}: install one there, with its libraries`
      : `the Python home ${home} has no bin/python in the chroot directory ${jail}: python-home names a directory inside of it`,
  )
}

function isProgram(file: string): boolean {
  const stats = statSync(file)
  return stats.isFile() && (stats.mode & 0o111) !== 0
}

/** The runtime as one text, for a Python that cannot reach its files. `runtime/bundle.py` makes modules of it. */
export function bundleRuntime(): string {
  const main = runtimeMain()
  const folder = join(dirname(main), '_wsgi_httpd')
  const read = (file: string) => readFileSync(file, 'utf8')
  const modules = readdirSync(folder)
    .filter((name) => name.endsWith('.py'))
    .map((name) => [
      name === '__init__.py' ? '_wsgi_httpd' : `_wsgi_httpd.${name.slice(0, -3)}`,
      read(join(folder, name)),
    ])
  return JSON.stringify({
    bundle: read(join(dirname(main), 'bundle.py')),
    main: read(main),
    modules: Object.fromEntries(modules),
  })
}

/** The program for `python -c`: its first argument is the descriptor of a file that holds the bundle. */
export const BUNDLE_PROGRAM = `import json, os, sys
fd, data = int(sys.argv.pop(1)), b''
os.lseek(fd, 0, 0)
while True:
    part = os.read(fd, 65536)
    if not part: break
    data += part
os.close(fd)
text = data.decode('utf-8')
parts = json.loads(text)
exec(compile(parts['bundle'], 'wsgi-httpd/bundle.py', 'exec'))
install(text)
exec(compile(parts['main'], 'wsgi-httpd/main.py', 'exec'))`
