/**
 * The requests that are being answered, and a look at them twice a second: a client that neither sends the body that somebody waits for nor takes
 * the response is given up after `socketTimeout`, so that it holds no Python thread for ever.
 */
import type { ClientConnection } from '../request/connection.js'
import type { Front } from '../request/front.js'
import type { MountedRequest, MountedResponse } from './node-messages.js'

const LOOK_EVERY_MS = 500

interface Running {
  readonly connection: ClientConnection
  readonly incoming: MountedRequest
  readonly outgoing: MountedResponse
  moved: number
  since: number
}

export class RunningRequests {
  readonly #running = new Set<Running>()
  #timer: NodeJS.Timeout | undefined
  #emptied: (() => void)[] = []

  /** @param silentMs for so long nothing may move while a client is waited for */
  constructor(
    private readonly front: Front,
    private readonly silentMs: number,
  ) {}

  get size(): number {
    return this.#running.size
  }

  add(connection: ClientConnection, incoming: MountedRequest, outgoing: MountedResponse): void {
    const running: Running = { connection, incoming, outgoing, moved: 0, since: 0 }
    this.#running.add(running)
    this.#timer ??= setInterval(() => this.#look(Date.now()), LOOK_EVERY_MS).unref()
    outgoing.onOver(() => {
      this.#running.delete(running)
      if (this.#running.size > 0) return
      for (const tell of this.#emptied.splice(0)) tell()
    })
  }

  /** Fulfilled when no request is left. */
  over(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve()
    return new Promise((resolve) => void this.#emptied.push(resolve))
  }

  cutAll(): void {
    for (const { outgoing } of this.#running) outgoing.cut()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(now: number): void {
    for (const running of this.#running) {
      const { connection, incoming, outgoing } = running
      const waits = (!incoming.body.complete && incoming.body.flowing) || outgoing.bufferedBytes > 0
      const moved = incoming.bytesReceived + outgoing.bodyBytes - outgoing.bufferedBytes
      if (moved !== running.moved || !waits || running.since === 0) {
        running.moved = moved
        running.since = now
      }
      this.front.seen(connection, running.since)
      if (now - running.since < this.silentMs) continue
      this.front.gaveUp(connection)
      outgoing.cut()
    }
  }
}
