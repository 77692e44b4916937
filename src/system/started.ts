/** Why a process could not be started, which Node tells too late: as an event of what has been returned as if nothing had happened. */
import type { ChildProcess } from 'node:child_process'
import { accessSync, closeSync, constants, openSync } from 'node:fs'

/** More than the pipes, sockets and copies that a start needs for a moment. */
const DESCRIPTORS = 16

/**
 * The number of a process that has just been spawned, whose event of a failed start is taken here.
 * @throws Error that says what was to be started and why it was not
 */
export function pidOf(child: ChildProcess): number {
  child.once('error', () => {})
  if (child.pid !== undefined) return child.pid
  throw new Error(`${child.spawnfile} could not be started: ${reason(child.spawnfile)}`)
}

function reason(program: string): string {
  try {
    accessSync(program, constants.X_OK)
  } catch (error) {
    return (error as Error).message
  }
  if (areDescriptorsUsedUp()) return 'too many open files (ulimit -n; LimitNOFILE= of systemd)'
  return 'no more processes are allowed (ulimit -u; TasksMax= of systemd), or there is no memory for one'
}

function areDescriptorsUsedUp(): boolean {
  const opened: number[] = []
  try {
    while (opened.length < DESCRIPTORS) opened.push(openSync('/dev/null', 'r'))
    return false
  } catch {
    return true
  } finally {
    for (const fd of opened) closeSync(fd)
  }
}
