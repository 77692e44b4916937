/** Where the Python side of this package lies. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../system/package-root.js'

/** Path of `runtime/main.py`. @throws if the package is incomplete */
export function runtimeMain(): string {
  const path = join(PACKAGE_ROOT, 'runtime', 'main.py')
  if (existsSync(path)) return path
  throw new Error('runtime/main.py is missing from this installation of wsgi-httpd')
}
