/**
 * What an expression has at hand while it is evaluated for one request, and how it can fail or have to wait.
 */
import type { Request } from '../request/request.js'

/** One evaluation. */
export class Evaluation {
  /** Groups of the last successful `=~`. */
  groups: readonly (string | undefined)[]
  /** Request header fields that the result depends on; undefined where nobody wants to know. */
  readonly vary: string[] | undefined

  /** @param groups what `$0` to `$9` mean before the first match */
  constructor(
    readonly request: Request,
    vary: boolean,
    groups: readonly (string | undefined)[] = [],
  ) {
    this.vary = vary ? [] : undefined
    this.groups = groups
  }
}

export type TextOf = (evaluation: Evaluation) => string
export type Holds = (evaluation: Evaluation) => boolean

/** Cannot be told for this request: a file that cannot be read, an address that is none. Logged by whoever asked. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError'
}

/**
 * Thrown where a value takes time: a subrequest that has to wait, a host name. Whoever can wait does, and evaluates again; the value is
 * remembered with the request, so the second time it is there.
 */
export class Waiting extends Error {
  override readonly name = 'Waiting'
  constructor(readonly until: Promise<unknown>) {
    super('the value is not there yet')
  }
}

const remembered = new WeakMap<Request, Map<string, { readonly value: unknown }>>()

/**
 * A value that may take time, once per request and key.
 * @throws Waiting while it is not there
 */
export function awaited<T>(request: Request, key: string, make: () => T | Promise<T>): T {
  let values = remembered.get(request)
  if (values === undefined) {
    values = new Map()
    remembered.set(request, values)
  }
  const known = values.get(key)
  if (known !== undefined) return known.value as T
  const made = make()
  if (!(made instanceof Promise)) {
    values.set(key, { value: made })
    return made
  }
  const kept = values
  throw new Waiting(made.then((value) => kept.set(key, { value })))
}
