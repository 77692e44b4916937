/**
 * The requests that are under way, in no order. An array and not a Set: a Set that is added to and deleted from all the time leaves a chain of
 * old tables behind, and V8's young-generation collector keeps whatever they name (measured: a third of the worker's time went into it).
 */

/** What can be on a roll: it remembers its place. */
export interface Enrolled {
  /** Index on the roll, -1 when on none. */
  rollIndex: number
}

export class Roll<T extends Enrolled> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    member.rollIndex = this.#members.length
    this.#members.push(member)
  }

  /** Harmless for who is not on it. */
  delete(member: T): void {
    const at = member.rollIndex
    if (at < 0) return
    member.rollIndex = -1
    const last = this.#members.pop() as T
    if (last === member) return
    this.#members[at] = last
    last.rollIndex = at
  }

  /** A copy, so that members may leave while it is walked. */
  list(): T[] {
    return this.#members.slice()
  }
}
