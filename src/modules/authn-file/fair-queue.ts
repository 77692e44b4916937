/**
 * Waiting work of several parties, taken in turn from each of them, so that one with much of it does not keep the others waiting. Bounded for
 * each and over all.
 */
export class FairQueue<T> {
  readonly #queues = new Map<string, T[]>()
  #size = 0

  constructor(
    private readonly maxOfOne: number,
    private readonly maxOfAll: number,
  ) {}

  get size(): number {
    return this.#size
  }

  /** Returns false where there is no room. */
  add(party: string, item: T): boolean {
    const queue = this.#queues.get(party)
    if (this.#size >= this.maxOfAll || (queue?.length ?? 0) >= this.maxOfOne) return false
    if (queue === undefined) this.#queues.set(party, [item])
    else queue.push(item)
    this.#size++
    return true
  }

  /** The first item of the party whose turn it is. */
  take(): T | undefined {
    const next = this.#queues.entries().next().value
    if (next === undefined) return undefined
    const [party, queue] = next
    const item = queue.shift() as T
    // to the end of the line
    this.#queues.delete(party)
    if (queue.length > 0) this.#queues.set(party, queue)
    this.#size--
    return item
  }
}
