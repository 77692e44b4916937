import { readFileSync } from 'node:fs'

/** Descriptors that this process may have (`ulimit -n`; Node has raised it as far as it may); Infinity where that cannot be told. */
export function descriptorLimit(): number {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
