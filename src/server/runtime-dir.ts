/**
 * The server's private directory for sockets and progress files. Only its owner may write there; where the server runs as root, others may
 * pass through it, because server workers have given up their privileges when they connect.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive } from './pid-file.js'

const NAME = /^wsgi-httpd\.(\d+)(\.[0-9a-f]+)?$/

/**
 * Makes `wsgi-httpd.<pid>` under `parent` (`DefaultRuntimeDir`, else the system's directory for temporary files) and removes what servers left
 * behind that were killed.
 * `parent` is made if it is missing: distributions have its directory made by their own start scripts.
 *
 * @returns the path of the new directory
 * @throws Error when `parent` may not be written to
 */
export function makeRuntimeDir(parent = tmpdir()): string {
  try {
    mkdirSync(parent, { recursive: true, mode: 0o755 })
    return makePrivate(parent)
  } catch (error) {
    throw new Error(
      `The runtime directory cannot be made in ${parent} (see DefaultRuntimeDir): ${(error as Error).message}`,
      { cause: error },
    )
  }
}

/**
 * The same for a process that may have several, and has other things to do as well: a directory with a name of its own.
 *
 * @throws Error
 */
export function makeAnotherRuntimeDir(): string {
  const parent = tmpdir()
  const path = join(parent, `wsgi-httpd.${process.pid}.${randomBytes(4).toString('hex')}`)
  try {
    removeLeftOvers(parent, false)
    mkdirSync(path, { mode: 0o700 })
    if (process.getuid?.() === 0) chmodSync(path, 0o711)
    return path
  } catch (error) {
    const message = `A directory for sockets cannot be made in ${parent} (TMPDIR names another place): ${(error as Error).message}`
    throw new Error(message, { cause: error })
  }
}

function makePrivate(parent: string): string {
  removeLeftOvers(parent)
  const plain = join(parent, `wsgi-httpd.${process.pid}`)
  const path = create(plain) ? plain : `${plain}.${randomBytes(4).toString('hex')}`
  if (path !== plain) mkdirSync(path, { mode: 0o700 })
  chmodSync(path, process.getuid?.() === 0 ? 0o711 : 0o700)
  return path
}

/** False when something of that name is there, which in a directory that all may write to may be anyone's. */
function create(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** @param ownToo what has this process's number was another's, who had it before */
function removeLeftOvers(parent: string, ownToo = true): void {
  for (const name of readdirSync(parent)) {
    const pid = Number(NAME.exec(name)?.[1])
    if (Number.isNaN(pid) || (pid === process.pid ? !ownToo : isAlive(pid))) continue
    const path = join(parent, name)
    try {
      const stats = lstatSync(path)
      if (stats.isDirectory() && stats.uid === process.getuid?.())
        rmSync(path, { recursive: true, force: true })
    } catch {
      // another server is at the same work
    }
  }
}

/** Where server workers make sockets of their own: a worker's user may not write to the directory itself. */
export function workersDirectory(runtimeDir: string): string {
  return join(runtimeDir, 'workers')
}

/** Makes that directory, or gives it to the user that workers are to be; called by a worker while it may. */
export function prepareWorkersDirectory(
  runtimeDir: string,
  owner: { uid: number; gid: number } | null,
): void {
  const path = workersDirectory(runtimeDir)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  if (owner !== null) chownSync(path, owner.uid, owner.gid)
}

export function removeRuntimeDir(path: string): void {
  rmSync(path, { recursive: true, force: true })
}
