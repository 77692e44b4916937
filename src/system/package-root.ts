/**
 * Where this package lies. Compiled files lie in build/src, at several depths; the bundle lies in build/program.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The directory that holds the package's package.json; the bundle has one of its own, which only says what kind of modules lies there. */
export const PACKAGE_ROOT = find()

/** For instance `0.1.0`. */
export const VERSION = (
  JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string }
).version

/** The same as numbers: major, minor, patch. */
export function versionNumbers(): [number, number, number] {
  const [major = 0, minor = 0, patch = 0] = VERSION.split(/[.-]/).map(Number)
  return [major, minor, patch]
}

function find(): string {
  const here = dirname(fileURLToPath(import.meta.url))
  for (let at = here; at !== dirname(at); at = dirname(at))
    if (existsSync(join(at, 'runtime')) && existsSync(join(at, 'package.json'))) return at
  throw new Error(
    `no directory above ${here} is that of wsgi-httpd: a bundler cannot take it in, since it runs files of its own; mark the package as external. ` +
      'Where there is no bundler, the installation is incomplete',
  )
}
