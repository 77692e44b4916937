/** Where the Python side of this package lies. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Path of `runtime/main.py`. @throws if the package is incomplete */
export function runtimeMain(): string {
  // Compiled files lie in build/src/python, sources in src/python: the package root is some levels up.
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at)) {
    const path = join(at, 'runtime', 'main.py')
    if (existsSync(path)) return path
  }
  throw new Error('runtime/main.py is missing from this installation of wsgi-httpd')
}
