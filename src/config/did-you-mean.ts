/**
 * Names that somebody may have meant: for a line after httpd's own message about an unknown directive.
 */

/** The most alike of `names`, or undefined where none is close. Case does not count. */
export function didYouMean(written: string, names: Iterable<string>): string | undefined {
  const wanted = written.toLowerCase()
  // longer names may have more slips; a name of two letters is like any other
  const bound = Math.min(3, Math.floor(wanted.length / 3))
  let best: string | undefined
  let least = bound + 1
  for (const name of names) {
    if (Math.abs(name.length - wanted.length) >= least) continue
    const distance = editDistance(wanted, name.toLowerCase())
    if (distance < least) {
      least = distance
      best = name
    }
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (last[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1)
      let cost = Math.min(replaced, (last[column] as number) + 1, (current[column - 1] as number) + 1)
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        cost = Math.min(cost, (beforeLast[column - 2] as number) + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[b.length] as number
}
