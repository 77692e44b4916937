/**
 * CPU time and memory of a process and everything that descends from it, from /proc. Linux only.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks per second: the value of sysconf(_SC_CLK_TCK) on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

export interface Entry {
  readonly pid: number
  readonly parent: number
  readonly session: number
  readonly ticks: number
  /** When it began, in ticks since the machine's start: with its id it names one process for good. */
  readonly began: number
}

/** User and system time in microseconds, that of children already gone included. */
export function cpuMicroseconds(root: number): number {
  return family(root).reduce((sum, entry) => sum + entry.ticks, 0) * (1e6 / TICKS_PER_SECOND)
}

/** Proportional share of memory of all processes, in KiB. */
export function memoryKiB(root: number): number {
  return memoryByProcess(root).reduce((sum, one) => sum + one, 0)
}

/** The same for each process; those that own nothing (any more) are left out. */
export function memoryByProcess(root: number): number[] {
  return family(root).flatMap(({ pid }) => {
    const pss = /^Pss:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/smaps_rollup`))
    return pss === null ? [] : [Number(pss[1])]
  })
}

/** Kills those that still run, and nothing that has got the id of one that is gone. */
export function killRemaining(processes: readonly Entry[]): void {
  for (const { pid, began } of processes)
    try {
      if (readEntry(pid)?.began === began) process.kill(pid, 'SIGKILL')
    } catch {} // gone by itself
}

/** A process and all that descend from it or belong to its session. */
export function family(root: number): Entry[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readEntry(Number(name)) ?? [])
  const found = new Set([root])
  for (let grown = true; grown; ) {
    grown = false
    for (const entry of all) {
      if (found.has(entry.pid) || !(found.has(entry.parent) || entry.session === root)) continue
      found.add(entry.pid)
      grown = true
    }
  }
  return all.filter((entry) => found.has(entry.pid))
}

function readEntry(pid: number): Entry | undefined {
  const text = readText(`/proc/${pid}/stat`)
  // The name may hold blanks and brackets: fields are counted from the last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields.length < 20) return undefined
  const number = (at: number) => Number(fields[at])
  return {
    pid,
    parent: number(1),
    session: number(3),
    ticks: number(11) + number(12) + number(13) + number(14),
    began: number(19),
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
