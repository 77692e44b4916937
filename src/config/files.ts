/**
 * The few things that reading a configuration asks of the file system, so that tests can have files of their own. Paths are latin-1 text: each
 * character is one byte of the real path.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'

export interface ConfigFiles {
  /** The bytes of a regular file (or `/dev/null`) as latin-1 text. Throws an Error whose message is the reason, as strerror words it. */
  read(path: string): string
  /** Names in a directory, without `.` and `..`, in any order. Throws likewise. */
  list(path: string): string[]
  isDirectory(path: string): boolean
  /** Whether something is there; false for a dangling symbolic link. */
  exists(path: string): boolean
}

/** A path of the configuration as `node:fs` must be given it: the same bytes. */
export function pathBytes(path: string): string | Buffer {
  return /^[\0-\x7f]*$/.test(path) ? path : Buffer.from(path, 'latin1')
}

const REASONS: Record<string, string> = {
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EISDIR: 'Is a directory',
  ENOTDIR: 'Not a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
}

/** What strerror says for an error of `node:fs`. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return REASONS[code ?? ''] ?? message
}

export const realFiles: ConfigFiles = {
  read(path) {
    let file: number | undefined
    try {
      if (!statSync(pathBytes(path)).isFile() && path !== '/dev/null') throw new Error('Not a regular file')
      file = openSync(pathBytes(path), 'r')
      // asked again: what was a file may be a FIFO by now
      if (!fstatSync(file).isFile() && path !== '/dev/null') throw new Error('Not a regular file')
      return readFileSync(file, 'latin1')
    } catch (error) {
      throw new Error(reasonOf(error))
    } finally {
      if (file !== undefined) closeSync(file)
    }
  },
  list(path) {
    try {
      return readdirSync(pathBytes(path), { encoding: 'buffer' }).map((name) => name.toString('latin1'))
    } catch (error) {
      throw new Error(reasonOf(error))
    }
  },
  isDirectory(path) {
    return statSync(pathBytes(path), { throwIfNoEntry: false })?.isDirectory() ?? false
  },
  exists(path) {
    return existsSync(pathBytes(path))
  },
}
