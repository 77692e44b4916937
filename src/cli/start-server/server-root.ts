/**
 * The directory of a generated server. Where nobody names one, it has a name that others can guess, in a directory where others can write, so
 * it is taken over only when it is a real directory of our own. One that somebody names may hold files of theirs, which stay as they are.
 */
import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fail } from './surroundings.js'

export interface ServerRootUse {
  readonly uid: number
  /** Permission bits of a directory that is made. */
  readonly mode: number
  /** Somebody has named the directory: if it is there, its permissions are theirs to set. */
  readonly isNamed: boolean
  /** Another account has to find files in it. */
  readonly isEntered: boolean
}

/**
 * Makes the directory, or checks that it is ours: no symbolic link, owned by this user, writable by nobody else.
 * @throws UsageError when somebody else has put something there, or where it cannot be used as it is.
 */
export function claimServerRoot(directory: string, { uid, mode, isNamed, isEntered }: ServerRootUse): void {
  mkdirSync(path.dirname(directory), { recursive: true })
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    const found = lstatSync(directory)
    // what somebody names is there for some reason
    const remedy = isNamed ? undefined : 'remove it'
    if (found.isSymbolicLink()) refuse(directory, 'is a symbolic link', remedy)
    if (!found.isDirectory()) refuse(directory, 'is not a directory', remedy)
    if (found.uid !== uid) refuse(directory, `belongs to the user with id ${found.uid}`)
    if ((found.mode & 0o022) !== 0) refuse(directory, 'is writable by others', 'close it with chmod go-w')
    if (isNamed) {
      if (isEntered && (found.mode & 0o011) === 0)
        refuse(directory, 'is closed to the account of the application', 'open it with chmod 711')
      return
    }
  }
  // whatever the umask has made of it
  chmodSync(directory, mode)
}

/** @param remedy What can be done about it, besides taking another directory. */
function refuse(directory: string, what: string, remedy?: string): never {
  const advice = `${remedy === undefined ? '' : `${remedy}, or `}name another with --server-root`
  fail(`the server root ${directory} ${what}; ${advice}`)
}

/** A file of the server root. */
export interface GeneratedFile {
  readonly path: string
  /** Undefined: not wanted this time; one of an earlier time goes. */
  readonly text: string | undefined
  readonly mode: number
}

/**
 * Writes the files, all of which say in their first lines who wrote them.
 * @throws UsageError before anything is changed where one of them is there and was written by somebody else
 */
export function writeGenerated(files: readonly GeneratedFile[]): void {
  const foreign = files.find((file) => !isFree(file.path))
  if (foreign !== undefined)
    fail(
      `${foreign.path} was not written by wsgi-httpd, and stays as it is; move it away, or name another directory with --server-root`,
    )
  for (const { path: file, text, mode } of files)
    if (text === undefined) rmSync(file, { force: true })
    else replaceFile(file, text, mode)
}

/** Whether there is no such file, or one that this program wrote. */
function isFree(file: string): boolean {
  const found = lstatSync(file, { throwIfNoEntry: false })
  if (found === undefined) return true
  // a script's first line is for the shell
  return found.isFile() && /^(#!.*\n)?# Written by:? wsgi-httpd\b/.test(readFileSync(file, 'latin1'))
}

/** Replaces a file in one step, so that a server that is reading it sees the old text or the new one. */
export function replaceFile(file: string, text: string, mode: number): void {
  const temporary = `${file}.${process.pid}.new`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, text, { mode, flag: 'wx' })
  chmodSync(temporary, mode)
  renameSync(temporary, file)
}
