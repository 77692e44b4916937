/**
 * Compiles ahead of time what each start would compile anew: the Python runtime, by every Python that is found, each into the files that it looks for
 * (`__pycache__`). Daemon processes cannot do that themselves: they have no right to write here. What is made bears a hash of its source, so a source
 * that changes later is compiled as if there were nothing.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Given the files as arguments. Python before 3.7 knows time stamps only, which a copy of the files may lose. */
const COMPILE = `
import sys
if sys.version_info >= (3, 7):
    import os, py_compile
    from importlib.util import cache_from_source
    for name in sys.argv[1:]:
        made = cache_from_source(name)
        if not os.path.exists(made) or os.path.getmtime(made) < os.path.getmtime(name):
            py_compile.compile(name, made, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
`

/** Never fails: without the files a server starts all the same, only later. */
export function precompile() {
  const folder = path.join(root, 'runtime', '_wsgi_httpd')
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith('.py'))
    .map((name) => path.join(folder, name))
  for (const python of pythons())
    spawnSync(python, ['-I', '-S', '-c', COMPILE, ...sources], { stdio: 'ignore' })
}

function pythons() {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/bin', '/usr/local/bin'].filter(
    (folder) => path.isAbsolute(folder) && existsSync(folder),
  )
  const found = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^python3(\.\d+)?$/.test(name))
      .map((name) => path.join(folder, name)),
  )
  return new Set(found.filter((file) => existsSync(file)).map((file) => realpathSync(file)))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) precompile()
