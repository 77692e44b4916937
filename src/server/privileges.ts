/**
 * Giving up root for good. Used by server workers and by the launcher of daemon processes.
 */
import type { Identity } from './messages.js'

/** Node has it; its type declarations do not. */
const initgroups = (process as { initgroups?: (user: string | number, extraGroup: string | number) => void })
  .initgroups

/** `user www-data (uid 33)`, for messages. */
export function describeIdentity(identity: Identity | null): string {
  if (identity === null) return `the server's user (uid ${process.getuid?.()})`
  return identity.userName === undefined
    ? `uid ${identity.uid}`
    : `user ${identity.userName} (uid ${identity.uid})`
}

/** First half, while still root: primary and supplementary groups. */
export function takeGroups({ gid, userName, groups }: Identity): void {
  process.setgid?.(gid)
  if (groups !== undefined) process.setgroups?.([...new Set([gid, ...groups])])
  else if (userName === undefined) process.setgroups?.([gid])
  else initgroups?.(userName, gid)
}

/**
 * Second half: the user.
 * @throws when the ids are not as wanted afterwards, or root could be had back
 */
export function takeUser({ uid, gid }: Identity): void {
  process.setuid?.(uid)
  const ids = [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()]
  if (ids.join() !== [uid, uid, gid, gid].join()) throw new Error(`the ids are ${ids.join()} afterwards`)
  if (uid === 0) return
  try {
    process.setuid?.(0)
  } catch {
    return
  }
  throw new Error('root privileges could be taken back')
}

/** Both halves. */
export function dropPrivileges(identity: Identity): void {
  takeGroups(identity)
  takeUser(identity)
}
