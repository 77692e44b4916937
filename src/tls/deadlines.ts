/**
 * How long clients may take for what comes before HTTP: one look at all of them twice a second, in place of a timer for each.
 */
const LOOK_EVERY_MS = 500

/** A client that is waited for. */
export class Deadline {
  /** Set while the client has said nothing at all: what to do with it when the server goes away. */
  leave: (() => void) | undefined = undefined

  constructor(
    private readonly all: Set<Deadline>,
    /** Milliseconds since the epoch. */
    readonly until: number,
    /** Called when that has passed, and the client is waited for no more. */
    readonly late: () => void,
  ) {
    all.add(this)
  }

  /** It has come, or gone. */
  over(): void {
    this.all.delete(this)
  }
}

export class Deadlines {
  readonly #all = new Set<Deadline>()
  #timer: NodeJS.Timeout | undefined

  constructor(private readonly isDraining: () => boolean) {}

  add(milliseconds: number, late: () => void): Deadline {
    this.#timer ??= setInterval(() => this.#look(Date.now()), LOOK_EVERY_MS).unref()
    return new Deadline(this.#all, Date.now() + milliseconds, late)
  }

  #look(now: number): void {
    for (const one of this.#all) {
      const isLate = now >= one.until
      if (!isLate && !(one.leave !== undefined && this.isDraining())) continue
      one.over()
      if (isLate) one.late()
      else one.leave?.()
    }
    if (this.#all.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
