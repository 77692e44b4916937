/**
 * A request body on its way to the interpreter that has asked for it: piece by piece through a bulk lane, or, where the client's connection can be
 * lent for it, read by the interpreter itself ("Lending a client's connection" in docs/channel.md).
 */
import type { BodySource } from '../../http/message.js'
import type { BulkLane } from './bulk-lane.js'
import { ProtocolViolation } from './incoming.js'
import type { BodyPlan } from './types.js'
import { BLOCK_MAX_BYTES, Block } from './wire.js'

/** Smaller rests are not worth the two messages. */
const LOAN_MIN_BYTES = 256 * 1024

export class BodyRelay {
  readonly #source: BodySource
  readonly #limit: number
  #total = 0
  #isDone = false
  /** The interpreter reads from the connection. */
  #isLent = false
  /** The last bytes have not come this way: the interpreter knows that they were the last. */
  #endsElsewhere = false

  /**
   * @param id the request's number
   * @param lends the interpreter would rather read from the client's connection, and may
   * @param keeps the connection may serve other requests afterwards
   */
  constructor(
    private readonly lane: BulkLane,
    plan: BodyPlan & { kind: 'stream' },
    private readonly id: number,
    private readonly lends: boolean,
    private readonly keeps: boolean,
  ) {
    this.#source = plan.source
    this.#limit = plan.limit ?? Number.POSITIVE_INFINITY
  }

  /** Sends what the source gives; the interpreter takes it at its own pace. */
  start(): void {
    this.lane.carry(this)
    this.#source.read({
      data: (chunk) => this.#data(chunk),
      end: () => this.#finish(this.#endsElsewhere ? undefined : Block.end),
      aborted: () => (this.#isLent ? this.#callOff() : this.#finish(Block.abort)),
    })
    this.#lend()
  }

  /** The lane has room again. */
  drained(): void {
    this.#source.resume()
    this.#lend()
  }

  /**
   * The interpreter has read so many bytes from the connection, and waited for the client so many milliseconds.
   * @param isBack it does not read from it any more
   * @throws ProtocolViolation where that cannot be
   */
  taken(bytes: number, waitedMs: number, isBack: boolean): void {
    if (this.#isDone) return
    if (!this.#isLent) throw new ProtocolViolation('a connection given back that was not lent')
    if (this.#source.taken?.(bytes, waitedMs) === false)
      throw new ProtocolViolation('more of a body than there is')
    this.#total += bytes
    if (!isBack) return
    this.#isLent = false
    this.#endsElsewhere = true
    this.#source.takeBack?.()
  }

  /** Nobody wants the request any more. */
  cancel(): void {
    if (this.#isDone) return
    // A lane whose interpreter has the connection may be in use for another request before it is known here that this one is over.
    if (this.#isLent) this.#callOff()
    else this.lane.close()
  }

  /** Leaves what is left to whoever owns the source. Where the connection has not come back, nobody can go on with it. */
  stop(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.lane.carry(undefined)
    this.#source.stop()
  }

  /** The lane is gone. An interpreter that has the connection says what it has taken elsewhere. */
  laneClosed(): void {
    if (!this.#isLent) this.stop()
  }

  #data(chunk: Buffer): void {
    const { lane } = this
    const source = this.#source
    this.#endsElsewhere = false
    this.#total += chunk.length
    if (this.#total > this.#limit) {
      this.#finish(Block.tooLarge)
      return
    }
    let flowing = true
    for (let at = 0; at < chunk.length; at += BLOCK_MAX_BYTES) {
      const part = chunk.subarray(at, at + BLOCK_MAX_BYTES)
      const isLast = at + part.length === chunk.length
      flowing = lane.sendBlock(part, isLast ? () => source.release?.(chunk) : undefined)
    }
    if (flowing) this.#lend()
    else source.pause()
  }

  #lend(): void {
    if (!this.lends || this.lane.hasUnsent) return
    const lent = this.#source.lend?.(LOAN_MIN_BYTES, this.keeps)
    if (lent === undefined) return
    if (this.lane.lendBody(lent)) this.#isLent = true
    // The lane is full of what came before: it goes on as it began.
    else this.#source.takeBack?.()
  }

  #callOff(): void {
    this.lane.callOff(this.id)
    this.stop()
  }

  #finish(mark: number | undefined): void {
    if (this.#isDone) return
    this.stop()
    if (mark !== undefined) this.lane.sendMark(mark)
  }
}
