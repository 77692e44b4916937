/** How much memory a server's processes use (Linux). */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestServer } from '../../support/server.js'

const SAMPLE_MS = 100

/** Kilobytes that each process has to itself, by process id: its anonymous resident memory. */
export function memoryOf(server: TestServer): Map<number, number> {
  const pids = [server.pid, ...server.processes().map(({ pid }) => pid)]
  return new Map(
    pids.flatMap((pid): [number, number][] => {
      try {
        const found = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
        return found === null ? [] : [[pid, Number(found[1])]]
      } catch {
        return []
      }
    }),
  )
}

/** Runs `work`; answers with the largest growth in megabytes of any process in that time, and of all together. */
export async function growthDuring(
  server: TestServer,
  work: () => Promise<void>,
): Promise<{ single: number; together: number }> {
  const before = memoryOf(server)
  const sum = (sizes: Map<number, number>) => [...sizes.values()].reduce((total, size) => total + size, 0)
  let single = 0
  let together = 0
  let over = false
  const sampling = (async () => {
    for (;;) {
      const now = memoryOf(server)
      for (const [pid, size] of now) single = Math.max(single, size - (before.get(pid) ?? 0))
      together = Math.max(together, sum(now) - sum(before))
      if (over) return
      await sleep(SAMPLE_MS)
    }
  })()
  try {
    await work()
  } finally {
    over = true
    await sampling
  }
  return { single: Math.round(single / 1024), together: Math.round(together / 1024) }
}
