/**
 * Says how a process ended, in words for the log.
 */
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'

/** What `child_process` reports of an end: one of the two is set. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** `exit status 1`, `killed by signal SIGKILL (9)`. */
export function describeExit({ code, signal }: Exit): string {
  if (signal === null) return `exit status ${code ?? 'unknown'}`
  return `killed by signal ${signal} (${constants.signals[signal] ?? '?'})`
}

/** Watches the kernel's count of out-of-memory kills, so that an unexplained SIGKILL can be explained. Linux only. */
export class OutOfMemoryWatch {
  #seen = count()

  /** A hint to append to {@link describeExit}, or an empty text. `expected`: the signal came from this server itself. */
  explain({ signal }: Exit, expected: boolean): string {
    if (signal !== 'SIGKILL' || expected) return ''
    const now = count()
    const killed = now > this.#seen
    this.#seen = now
    return killed
      ? '; the kernel killed a process for lack of memory at about that time, most likely this one'
      : '; not sent by this server'
  }
}

function count(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0)
  } catch {
    return 0 // no such file outside Linux
  }
}
