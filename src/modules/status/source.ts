/** Where the handlers of mod_status have their numbers from: the server worker that they run in. */
import type { Request } from '../../request/request.js'
import type { Board } from '../../status/board.js'
import type { GroupReadiness } from '../../status/readiness.js'

export interface StatusSource {
  board(): Promise<Board>
  /** Requests that the whole server answers at a time. */
  readonly capacity: number
  /** Of each process group that requests need. */
  readiness(): readonly GroupReadiness[]
  /** This worker finishes what it has, and leaves. */
  readonly draining: boolean
}

let source: StatusSource | undefined

/** To be called once, by the server worker. */
export function provideStatus(provided: StatusSource): void {
  source = provided
}

/** Undefined, and said in the log, in a process that is none. */
export function statusSource(request: Request): StatusSource | undefined {
  if (source === undefined)
    request.report(
      'status',
      'error',
      `${request.path}: this process has nothing to report (handler ${request.handler})`,
    )
  return source
}
