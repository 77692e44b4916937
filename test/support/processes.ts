/** Looks at processes through /proc (Linux); elsewhere it sees none, and the checks that use it pass. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { until } from './wait.js'

/** A process by id and start time, since ids are used again. */
export interface Seen {
  readonly pid: number
  readonly started: string
  readonly command: string
}

/** The process itself excluded: all its children, their children and so on. */
export function descendants(pid: number): Seen[] {
  const all = processes()
  const found: Seen[] = []
  const parents = new Set([pid])
  for (let grown = true; grown; ) {
    grown = false
    for (const one of all)
      if (parents.has(one.parent) && !parents.has(one.pid)) {
        parents.add(one.pid)
        // Without its state, which changes all the time.
        found.push({ pid: one.pid, started: one.started, command: one.command })
        grown = true
      }
  }
  return found
}

export function stillThere(seen: readonly Seen[]): Seen[] {
  const now = processes()
  return seen.filter((one) =>
    now.some((other) => other.pid === one.pid && other.started === one.started && other.state !== 'Z'),
  )
}

/** Stops a process, and returns when it has: until then the thread that the signal does not wake may still serve a request. */
export async function stopProcess(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  if (process.platform !== 'linux') return
  await until(`process ${pid} to be stopped`, () =>
    processes().some((one) => one.pid === pid && one.state === 'T'),
  )
}

interface Listed extends Seen {
  readonly parent: number
  readonly state: string
}

function processes(): Listed[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
        // The command's name stands in parentheses and may contain anything.
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()
        return [
          {
            pid: Number(name),
            state: fields[0] as string,
            parent: Number(fields[1]),
            started: fields[19] as string,
            command,
          },
        ]
      } catch {
        return []
      }
    })
}

/** Descriptors of a process that are connections over TCP. */
export function connectionsOf(pid: number): number {
  const inodes = new Set(
    readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[9]),
  )
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return inodes.has(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? '')
    } catch {
      return false
    }
  }).length
}
