/** Waiting for conditions, never for times. */
import { setTimeout as sleep } from 'node:timers/promises'

const INTERVAL_MS = 20
/** What takes a moment takes this long on a machine that has ten times as much to do as it has processors. */
const DEFAULT_TIMEOUT_MS = 45_000

/**
 * Asks until the answer is something else than `undefined`, `null`, `false` or an error, and returns it.
 * @param what For the error message: what is waited for.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<NonNullable<T>> {
  const end = performance.now() + timeoutMs
  let last: unknown
  do {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== null && answer !== false) return answer as NonNullable<T>
      last = undefined
    } catch (error) {
      last = error
    }
    await sleep(INTERVAL_MS)
  } while (performance.now() < end)
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause: last })
}
