/** Accounts of this machine and of processes. */
import { readFileSync, statSync } from 'node:fs'
import type { Owner } from './sites.js'

/** Debian's account for web servers. @throws Error where there is none. */
export function wwwData(): Owner {
  const line = /^www-data:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  if (line === null) throw new Error('this machine has no account www-data')
  return { uid: Number(line[1]), gid: Number(line[2]) }
}

/** Whose a process is; undefined when it is gone, or where there is no /proc. */
export function uidOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid
}
