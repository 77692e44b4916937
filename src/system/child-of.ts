/**
 * Signals to processes that are children of a child of this one. Their numbers are told by that child, which runs other people's code: a number is
 * believed where the kernel says the same. Linux only.
 */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { close, lastError, native } from './libc.js'

/** Whose child a process has to be, and under which user. */
export interface Origin {
  readonly parent: number
  readonly uid: number
}

const syscall = native<[number: number, ...(string | number)[]]>('long syscall(long, ...)')
/** The same on all architectures. */
const PIDFD_SEND_SIGNAL = 424
const PIDFD_OPEN = 434

/** `gone`: there is no such process, any more perhaps. */
export function kinship(pid: number, { parent, uid }: Origin): 'child' | 'other' | 'gone' {
  let status: string
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1')
  } catch {
    return 'gone'
  }
  const isChild =
    status.includes(`\nPPid:\t${parent}\n`) && status.includes(`\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`)
  return isChild ? 'child' : 'other'
}

/** Does nothing where the process is not of that origin, or not any more. */
export function killChildOf(origin: Origin, pid: number, signal: NodeJS.Signals): void {
  // first, so that it is the process looked at that gets the signal, and no other that is given its number meanwhile
  const handle = syscall(PIDFD_OPEN, 'long', pid, 'long', 0)
  if (handle === -1 && lastError() === constants.errno.ESRCH) return
  try {
    if (kinship(pid, origin) !== 'child') return
    if (handle === -1)
      process.kill(pid, signal) // a kernel before 5.3
    else syscall(PIDFD_SEND_SIGNAL, 'long', handle, 'long', constants.signals[signal], 'long', 0, 'long', 0)
  } catch {
    // it has ended
  } finally {
    if (handle !== -1) close(handle)
  }
}
