/**
 * The server's private directory for sockets and progress files. Only its owner may write there; where the server runs as root, others may
 * pass through it, because server workers have given up their privileges when they connect.
 *
 * Who owns one holds a lock on it for as long as it lives. The number in the name does not say whether that is so: containers that share a directory
 * see nothing of each other's processes, and often have the same numbers.
 */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tryLock } from '../system/file-lock.js'
import { SystemCallError } from '../system/libc.js'

const NAME = /^wsgi-httpd\.\d+(\.[0-9a-f]+)?$/

/** Descriptors that hold the locks of this process's own directories. */
const held = new Map<string, number>()

/**
 * Makes `wsgi-httpd.<pid>` under `parent` (`DefaultRuntimeDir`, else the system's directory for temporary files) and removes what servers left
 * behind that were killed.
 * `parent` is made if it is missing: distributions have its directory made by their own start scripts.
 *
 * @param warn told of what cannot be removed
 * @returns the path of the new directory
 * @throws Error when `parent` may not be written to
 */
export function makeRuntimeDir(parent = tmpdir(), warn: (text: string) => void = () => {}): string {
  try {
    mkdirSync(parent, { recursive: true, mode: 0o755 })
    removeLeftOvers(parent, warn)
    const path = join(parent, `wsgi-httpd.${process.pid}`)
    return make(path) ? path : makeUnique(parent)
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
  try {
    removeLeftOvers(parent, () => {})
    return makeUnique(parent)
  } catch (error) {
    const message = `A directory for sockets cannot be made in ${parent} (TMPDIR names another place): ${(error as Error).message}`
    throw new Error(message, { cause: error })
  }
}

function makeUnique(parent: string): string {
  for (;;) {
    const path = join(parent, `wsgi-httpd.${process.pid}.${randomBytes(4).toString('hex')}`)
    if (make(path)) return path
  }
}

/** False when something of that name is there, which in a directory that all may write to may be anyone's. */
function make(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  try {
    const lock = lockDirectory(path)
    // another server was quicker, and takes it for left over
    if (lock === undefined) return false
    held.set(path, lock)
  } catch (error) {
    // A file system without locks: there, nothing is ever found to be left over.
    if (!(error instanceof SystemCallError)) throw error
  }
  chmodSync(path, process.getuid?.() === 0 ? 0o711 : 0o700)
  return true
}

/**
 * A descriptor that holds the directory's lock; who has it, and nobody else, may remove the directory. Undefined where another process has it, or
 * had it and has removed the directory.
 * @throws SystemCallError where the file system has no locks; what `openSync` throws
 */
function lockDirectory(path: string): number | undefined {
  const fd = openDirectory(path)
  if (fd === undefined) return undefined
  let isOurs = false
  try {
    isOurs = tryLock(fd) && fstatSync(fd).ino === lstatSync(path, { throwIfNoEntry: false })?.ino
    return isOurs ? fd : undefined
  } finally {
    if (!isOurs) closeSync(fd)
  }
}

function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function removeLeftOvers(parent: string, warn: (text: string) => void): void {
  for (const name of readdirSync(parent)) {
    if (!NAME.test(name)) continue
    const path = join(parent, name)
    try {
      const lock = lstatSync(path).uid === process.getuid?.() ? lockDirectory(path) : undefined
      if (lock === undefined) continue
      if (!remove(path)) warn(`${path} is left over, and not all that is in it can be removed`)
      closeSync(lock)
    } catch {
      // it is no directory, or cannot be locked
    }
  }
}

/**
 * Removes a runtime directory with the files in it and in the workers' directory; false where something stays.
 *
 * No further: the server makes no other directories. Those that are there are an application's, which may put a link in the place of one while its
 * content is being removed, and would so have files removed that are not its own. The two that are entered stand in directories where only
 * this process's user may write.
 */
function remove(path: string): boolean {
  removeFilesIn(workersDirectory(path))
  removeFilesIn(path)
  return succeeds(() => rmdirSync(path))
}

function removeFilesIn(directory: string): void {
  let names: string[] = []
  succeeds(() => {
    names = readdirSync(directory)
  })
  // neither call follows a link
  for (const name of names) {
    const path = join(directory, name)
    if (!succeeds(() => unlinkSync(path))) succeeds(() => rmdirSync(path))
  }
}

function succeeds(action: () => void): boolean {
  try {
    action()
    return true
  } catch {
    return false
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

/** What an application has put there may stay; so does the directory then, until a next start tries again. */
export function removeRuntimeDir(path: string): void {
  remove(path)
  const lock = held.get(path)
  if (lock === undefined) return
  held.delete(path)
  closeSync(lock)
}
