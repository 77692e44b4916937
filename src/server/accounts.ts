/**
 * What the system knows about an account beyond its id: its name and home directory, for daemon processes. Asks the C library, so that accounts
 * from LDAP and the like are found too.
 */
import { foreign, native } from '../system/libc.js'
import type { Identity } from './messages.js'

export interface Passwd {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

const HEAD = { pw_name: 'str', pw_passwd: 'str', pw_uid: 'uint32', pw_gid: 'uint32' }
const TAIL = { pw_gecos: 'str', pw_dir: 'str', pw_shell: 'str' }

// without a name: names are known to the whole process, which may have this package twice
const structure = foreign().struct(
  process.platform === 'darwin'
    ? { ...HEAD, pw_change: 'long', pw_class: 'str', ...TAIL }
    : { ...HEAD, ...TAIL },
)
const getpwuid = native<[uid: number], unknown>('void *getpwuid(uint32)')

const getgrouplist = native<[user: string, group: number, groups: Buffer, count: Int32Array]>(
  'int getgrouplist(const char *, uint32, uint8_t *, int *)',
)
/** As many as Linux allows a process. */
const GROUPS_MAX = 65536

/** All groups that a process of that identity has. */
export function groupsOf({ gid, userName, groups }: Identity): number[] {
  if (groups !== undefined) return [gid, ...groups]
  if (userName === undefined) return [gid]
  const found = Buffer.alloc(4 * GROUPS_MAX)
  const count = Int32Array.of(GROUPS_MAX)
  if (getgrouplist(userName, gid, found, count) < 0) return [gid]
  return Array.from({ length: count[0] as number }, (_, at) => found.readUInt32LE(4 * at))
}

/** The account of a user id; undefined where there is none. */
export function accountOf(uid: number): Passwd | undefined {
  const found = getpwuid(uid)
  if (found === null) return undefined
  const entry = foreign().decode(found, structure) as Record<'pw_name' | 'pw_dir', string> &
    Record<'pw_uid' | 'pw_gid', number>
  return { name: entry.pw_name, uid: entry.pw_uid, gid: entry.pw_gid, home: entry.pw_dir }
}
