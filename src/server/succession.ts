/**
 * Whether daemon process groups can take the places of others: with a graceful restart, nobody leaves before his successor can do his work, and one
 * that never will calls the restart off.
 */
import { startLimitOf } from '../wsgi/groups.js'
import type { DaemonGroupProcesses } from './daemon-group.js'

type Group = Pick<DaemonGroupProcesses, 'plan' | 'settled' | 'failures' | 'unloaded'>

/**
 * Fulfilled when all are ready to take over from those of the same names.
 * @param signal aborted when nobody wants to know any more
 * @throws when one cannot, or the signal's reason
 */
export async function succeed(
  groups: readonly Group[],
  before: ReadonlyMap<string, Group>,
  signal: AbortSignal,
): Promise<void> {
  const ready = groups.map((group) => takeOver(group, before.get(group.plan.name)))
  await Promise.race([Promise.all(ready), aborted(signal)])
}

/** What the group before cannot do either is no reason to keep it. */
async function takeOver(group: Group, before: Group | undefined): Promise<void> {
  const { name } = group.plan
  const limit = startLimitOf(group.plan.group)
  if (!(await isWithin(limit * 1000, group.settled())))
    throw new Error(`Process group '${name}' is not ready after ${limit} s`)
  const [failure] = group.failures
  if (failure !== undefined && !before?.failures.length) throw new Error(failure.message)
  for (const script of group.unloaded)
    if (!before?.unloaded.has(script))
      throw new Error(`Process group '${name}' cannot load '${script}'; the lines before say why`)
}

/** Whether it is fulfilled in time. */
export function isWithin(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds, false)
    promise.then(() => resolve(true), reject).finally(() => clearTimeout(timer))
  })
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(signal.reason)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
