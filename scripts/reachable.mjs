/**
 * A server that is started as root gives up its rights, and then has to read its own program. Where the checkout lies in a directory that is
 * closed to others (root's home, for instance), the demo and the tests run a copy.
 */
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
/** What an installed package consists of, beside its dependencies. */
const PARTS = ['package.json', 'bin', 'build/src', 'build/program', 'runtime', 'share', 'examples']

/** Whether accounts without rights of their own may go down to that file or directory. */
export function isReachableByOthers(file) {
  for (let at = file; ; at = path.dirname(at)) {
    const { mode } = statSync(at)
    if ((mode & (at === file ? 0o004 : 0o001)) === 0) return false
    if (at === path.dirname(at)) return true
  }
}

/** The checkout; or, as root and where it is closed to others, a copy that is made when something has changed. */
export function reachableInstallation() {
  if (process.getuid?.() !== 0 || isReachableByOthers(root.replace(/\/$/, ''))) return root
  const copy = path.join(tmpdir(), `wsgi-httpd-copy-${fingerprint()}`)
  if (existsSync(copy) && lstatSync(copy).isDirectory() && lstatSync(copy).uid === 0) return copy
  const fresh = `${copy}.${process.pid}`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { mode: 0o755 })
  for (const part of [...PARTS, ...dependencies()])
    if (existsSync(path.join(root, part)))
      cpSync(path.join(root, part), path.join(fresh, part), { recursive: true, preserveTimestamps: true })
  try {
    renameSync(fresh, copy)
  } catch {
    // Made by somebody else in the meantime.
    rmSync(fresh, { recursive: true, force: true })
  }
  return copy
}

/** Packages of the lock file that are no development tools. */
function dependencies() {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'))
  return Object.keys(packages).filter((name) => name !== '' && !packages[name].dev)
}

function fingerprint() {
  const hash = createHash('sha256').update(root)
  for (const part of PARTS)
    for (const file of files(path.join(root, part))) {
      const { mtimeMs, size } = statSync(file)
      hash.update(`${file} ${mtimeMs} ${size}\n`)
    }
  return hash.digest('hex').slice(0, 16)
}

function files(file) {
  if (!existsSync(file)) return []
  if (!statSync(file).isDirectory()) return [file]
  return readdirSync(file)
    .filter((name) => name !== 'logs' && name !== '__pycache__')
    .flatMap((name) => files(path.join(file, name)))
}
