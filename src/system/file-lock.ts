/**
 * Locks of files and directories (`flock`), which Node does not offer. A lock belongs to what was opened, and ends with it: however its process dies,
 * and whether or not others can see that process.
 */
import { constants } from 'node:os'
import { lastError, native, SystemCallError } from './libc.js'

const flock = native<[fd: number, operation: number]>('int flock(int, int)')
const LOCK_EX = 2
const LOCK_NB = 4

/** Takes the lock where nobody has it. @throws SystemCallError where the file system has no locks */
export function tryLock(fd: number): boolean {
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true
  const errno = lastError()
  if (errno === constants.errno.EWOULDBLOCK) return false
  throw new SystemCallError('flock', errno)
}
