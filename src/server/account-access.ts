/**
 * What an account may reach that this process, as root, can become and has not: whoever checks a configuration has to know before anything is started.
 */
import { realpathSync, statSync } from 'node:fs'
import { native } from '../system/libc.js'
import { groupsOf } from './accounts.js'
import type { Identity } from './messages.js'
import { type Access, components, ownership, WORDS } from './path-access.js'
import { describeIdentity } from './privileges.js'

const getxattr = native<[path: string, name: string, value: null, size: number]>(
  'long getxattr(const char *, const char *, void *, size_t)',
)

/**
 * As `explainPath`, with the rights of that account. A part whose mode says no may be open by an access control list all the same: nothing is
 * said of one that has such a list, nor of what is not there.
 */
export function explainPathFor(path: string, access: Access, identity: Identity): string | undefined {
  for (const name of new Set([path, realPath(path)]))
    for (const part of components(name)) {
      const wanted = part === name ? access : 'search'
      const stats = statSync(part, { throwIfNoEntry: false })
      if (stats === undefined) return undefined
      if (!isAllowed(stats, WORDS[wanted], identity) && !hasAccessList(part))
        return `${describeIdentity(identity)} has no permission to ${wanted} ${part}${ownership(part)}`
    }
  return undefined
}

/** The rule of POSIX: one of the three sets of bits counts, whatever the others say. */
function isAllowed(file: { mode: number; uid: number; gid: number }, wanted: number, who: Identity): boolean {
  if (who.uid === 0) return true
  if (file.uid === who.uid) return ((file.mode >> 6) & wanted) === wanted
  if ((file.mode & wanted) === wanted && ((file.mode >> 3) & wanted) === wanted) return true
  return ((groupsOf(who).includes(file.gid) ? file.mode >> 3 : file.mode) & wanted) === wanted
}

/** Linux. Other systems have lists of other kinds; what those say is not known here. */
function hasAccessList(path: string): boolean {
  return process.platform !== 'linux' || getxattr(path, 'system.posix_acl_access', null, 0) >= 0
}

/** Where links lead; the path itself where they lead nowhere. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
