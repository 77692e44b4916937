/** How much memory a process has in fact: what `ps` calls RSS. Linux only. */
import { readFileSync } from 'node:fs'

/** Bytes; 0 where nobody tells. */
export function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024
  } catch {
    return 0 // gone, or no such file
  }
}
