/**
 * `script-user` and `script-group`: whose script files a daemon process group runs. Checked before a request is handed over; nothing here costs
 * a group without these options anything.
 * Manual: https://modwsgi.readthedocs.io/en/master/configuration-directives/WSGIDaemonProcess.html
 */
import { type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { pathBytes } from '../config/files.js'
import type { DaemonGroup } from './groups.js'

const GROUP_WRITE = 0o020
const OTHER_WRITE = 0o002

type Required = Pick<DaemonGroup, 'scriptUser' | 'scriptGroup'>
type Owned = Pick<Stats, 'uid' | 'gid' | 'mode'>

/** Why a script is not run (403), or undefined. `path`: the file that the request was mapped to. */
export function ownershipFault(required: Required, path: string): string | undefined {
  if (required.scriptUser === undefined && required.scriptGroup === undefined) return undefined
  try {
    return (
      faultOf(required, statSync(pathBytes(path)), 'WSGI script file') ??
      faultOf(required, statSync(pathBytes(dirname(path))), 'Parent directory of WSGI script file')
    )
  } catch (error) {
    return `WSGI script file cannot be examined: ${(error as Error).message}`
  }
}

/** The rule for one file or directory. Pure. */
export function faultOf(required: Required, found: Owned, what: string): string | undefined {
  const { scriptUser: user, scriptGroup: group } = required
  if (found.mode & OTHER_WRITE) return `${what} is writable to world`
  if (user !== undefined) {
    if (found.uid !== user.id)
      return `Owner of ${what} does not match required user for daemon process, user=${user.name}, uid=${found.uid}`
    if (found.mode & GROUP_WRITE) return `${what} is writable to group`
    return undefined
  }
  if (group !== undefined && found.gid === group.id) return undefined
  return `Group of ${what} does not match required group for daemon process, group=${group?.name}, gid=${found.gid}`
}
