/** What V8 writes with `--cpu-prof`: a tree of calls, and which of them was running at each sample. */

export interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: readonly number[]
}

export interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Microseconds that each call itself took between two moments, in seconds from the start; without those in which nothing was to do. */
export function selfTimes(
  { nodes, samples, timeDeltas }: Profile,
  from: number,
  to: number,
): Map<number, number> {
  const idle = new Set(
    nodes.filter(({ callFrame }) => callFrame.functionName === '(idle)').map(({ id }) => id),
  )
  const times = new Map<number, number>()
  let now = 0
  for (const [at, id] of samples.entries()) {
    const spent = timeDeltas[at] as number
    now += spent
    if (now < from * 1e6 || now > to * 1e6 || idle.has(id)) continue
    times.set(id, (times.get(id) ?? 0) + spent)
  }
  return times
}

/** Our own module that a function is in, without its ending: `http/http1/connection`. */
export function moduleOf({ callFrame }: ProfileNode): string | undefined {
  return /\/build\/src\/(.+?)\.js$/.exec(callFrame.url)?.[1]
}
