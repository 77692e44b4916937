/**
 * Where tests keep what is costly to make: copies of Pythons, virtual environments. Kept from run to run; may be removed at any time.
 */
import { lstatSync, mkdirSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import path from 'node:path'

export const isRoot = process.getuid?.() === 0

let made: string | undefined

/**
 * `~/.cache/wsgi-httpd-tests`; as root a directory under `$TMPDIR` that others may read, since servers under test give up their privileges
 * and root's home is closed to them.
 */
export function cacheDirectory(): string {
  if (made !== undefined) return made
  const directory = isRoot
    ? path.join(tmpdir(), 'wsgi-httpd-tests')
    : path.join(homedir(), '.cache', 'wsgi-httpd-tests')
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  const found = lstatSync(directory)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) throw new Error(`${directory} is not ours`)
  made = directory
  return directory
}
