/**
 * Children that nobody waits for. What an application leaves behind when its process ends becomes a child of process 1, or of the nearest
 * "child subreaper": in a container that is the supervisor, and each of them would stay in the process table as a zombie. Linux only.
 *
 * Node waits for the processes that it has started, and must find them: those are left alone, whatever their state.
 */
import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { native } from '../system/libc.js'
import { isChildSubreaper } from './libc.js'

const waitpid = native<[pid: number, status: null, options: number]>('int waitpid(int, void *, int)')
const WNOHANG = 1
/** Node's own channel: each process that it is about to start. */
const STARTS = 'child_process'
/** Of the main thread, which is the one that orphans are given to. */
const CHILDREN = `/proc/self/task/${process.pid}/children`

/** Whether orphans come to this process. */
export function adoptsOrphans(): boolean {
  return process.platform === 'linux' && (process.pid === 1 || isChildSubreaper())
}

/**
 * Waits for adopted children from now on.
 * @param started processes that Node has started before
 * @returns ends that
 */
export function reapOrphans(started: Iterable<ChildProcess>): () => void {
  const own = new Set(started)
  const note = (message: unknown) => void own.add((message as { process: ChildProcess }).process)
  const look = () => {
    const pids = new Set<number | undefined>()
    for (const child of own) {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) own.delete(child)
      else pids.add(child.pid)
    }
    for (const pid of children()) if (!pids.has(pid)) waitpid(pid, null, WNOHANG)
  }
  subscribe(STARTS, note)
  // The kernel sends it for those that were dead when they came, too; of several at a time each look finds all.
  process.on('SIGCHLD', look)
  look()
  return () => {
    unsubscribe(STARTS, note)
    process.off('SIGCHLD', look)
  }
}

function children(): number[] {
  try {
    return readFileSync(CHILDREN, 'latin1').split(' ').filter(Boolean).map(Number)
  } catch {
    return [] // a kernel without the list
  }
}
