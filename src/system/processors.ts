/**
 * How many processors this process can keep busy: those that it may run on, but no more than the processor time that its control groups are given
 * (`docker run --cpus`, `limits.cpu` of Kubernetes, `CPUQuota=` of systemd). Node's own count knows nothing of these before libuv 1.49.
 * Rules: cgroups(7); `cpu.max` of cgroup v2, `cpu.cfs_quota_us` of v1.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { posix } from 'node:path'

/** Gives a file's text, undefined where it cannot be read. */
export type Read = (path: string) => string | undefined

/** At least 1. */
export function processors(): number {
  return Math.min(availableParallelism(), Math.max(1, Math.ceil(processorQuota(readText))))
}

/** Processors' worth of time that the control groups allow, such as 0.5; `Infinity` where they set no limit. */
export function processorQuota(read: Read): number {
  const groups = read('/proc/self/cgroup') ?? ''
  const mounts = (read('/proc/self/mountinfo') ?? '').split('\n').flatMap(readMount)
  let least = Number.POSITIVE_INFINITY
  for (const line of groups.split('\n')) {
    const [, controllers = '', group = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    const isSecond = controllers === ''
    if (!isSecond && !controllers.split(',').includes('cpu')) continue
    const mount = mounts.find(({ type, options }) =>
      isSecond ? type === 'cgroup2' : type === 'cgroup' && options.includes('cpu'),
    )
    if (mount === undefined) continue
    const quota = isSecond ? secondQuota : firstQuota
    for (const folder of foldersOf(mount, group)) least = Math.min(least, quota(folder, read))
  }
  return least
}

interface Mount {
  /** What of the file system is seen there: not `/` in containers without a namespace of their own for control groups. */
  readonly root: string
  readonly point: string
  readonly type: string
  readonly options: readonly string[]
}

/** A line of `/proc/self/mountinfo`; see proc(5). */
function readMount(line: string): Mount[] {
  const [own = '', filesystem = ''] = line.split(' - ')
  const [, , , root = '', point = ''] = own.split(' ')
  const [type = '', , options = ''] = filesystem.split(' ')
  return type.startsWith('cgroup') ? [{ root, point, type, options: options.split(',') }] : []
}

/** The folders of a group and of those that it is in: each may have a limit. */
function foldersOf({ root, point }: Mount, group: string): string[] {
  const inside = posix.relative(root, group)
  const folders: string[] = []
  // A group outside of what is mounted is that of the container itself.
  for (let at = inside.startsWith('..') ? '' : inside; ; at = posix.dirname(at)) {
    folders.push(posix.join(point, at))
    if (at === '' || at === '.') return folders
  }
}

function secondQuota(folder: string, read: Read): number {
  const [quota, period] = (read(`${folder}/cpu.max`) ?? '').split(' ')
  return ratio(quota, period)
}

function firstQuota(folder: string, read: Read): number {
  return ratio(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`))
}

/** `max`, -1 and what is no number: no limit. */
function ratio(quota: string | undefined, period: string | undefined): number {
  const processorsWorth = Number(quota) / Number(period)
  return processorsWorth > 0 ? processorsWorth : Number.POSITIVE_INFINITY
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
