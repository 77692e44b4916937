/**
 * The directory of a generated server. It has a name that others can guess, in a directory where others can write, so it is taken over
 * only when it is a real directory of our own.
 */
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { UsageError } from '../usage-error.js'

/**
 * Makes the directory, or checks that it is ours: no symbolic link, owned by this user, writable by nobody else.
 * @param mode Permission bits that it has afterwards.
 * @throws UsageError when somebody else has put something there.
 */
export function claimServerRoot(directory: string, mode: number, uid: number): void {
  mkdirSync(path.dirname(directory), { recursive: true })
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const found = lstatSync(directory)
    if (found.isSymbolicLink()) refuse(directory, 'is a symbolic link')
    if (!found.isDirectory()) refuse(directory, 'is not a directory')
    if (found.uid !== uid) refuse(directory, `belongs to the user with id ${found.uid}`)
    if ((found.mode & 0o022) !== 0) refuse(directory, 'is writable by others')
  }
  chmodSync(directory, mode)
}

function refuse(directory: string, what: string): never {
  throw new UsageError(
    `the server root ${directory} ${what}; remove it, or name another with --server-root`,
    'start-server',
  )
}

/** Replaces a file in one step, so that a server that is reading it sees the old text or the new one. */
export function replaceFile(file: string, text: string, mode: number): void {
  const temporary = `${file}.${process.pid}.new`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, text, { mode, flag: 'wx' })
  chmodSync(temporary, mode)
  renameSync(temporary, file)
}
