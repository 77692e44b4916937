/**
 * Channel: one server worker's connection to one Python interpreter, shared by all requests between the two.
 *
 * Requests of one event-loop turn leave in one write, answers come in as few as the interpreter can manage; see
 * docs/channel.md for the protocol, the scheduling of Python's threads, and the measurements behind both.
 */
import type { Socket } from 'node:net'
import { CAN_SEND_DESCRIPTORS } from '../../system/send-descriptors.js'
import { BodyRelay } from './body-relay.js'
import { readSent } from './bulk-lane.js'
import { BulkLanes } from './bulk-lanes.js'
import { openControlLane, openNeededLane } from './connect.js'
import { type FrameSink, Incoming, ProtocolViolation } from './incoming.js'
import { Outgoing } from './outgoing.js'
import { Pacing } from './pacing.js'
import { isRegion, ProgressRegion } from './progress.js'
import { Response } from './response.js'
import { SignatureTable } from './signatures.js'
import type { ChannelEnd, ChannelTarget, Exchange, RejectReason } from './types.js'
import {
  ABORT_REASONS,
  FAILURE_REASONS,
  LOG_LEVELS,
  PROTOCOL,
  REGION_NUMBERS,
  REJECT_REASONS,
  Receive,
  SENT_BYTES,
  Send,
} from './wire.js'

const CONNECT_TIMEOUT_MS = 15_000
/** Silence after which a thread is woken, longer than the interpreter lets answers wait; doubled by fruitless kicks. */
const QUIET_MS = 2
const QUIET_MAX_MS = 64

/** How header names map to environ keys depends on nothing that a channel knows, so all channels share the table. */
const signatures = new SignatureTable()
const KICKS = Buffer.alloc(256, 'k')
/** A byte for each thread that a report can say to be asleep. */
const KICKS_UNSENT_MAX = 0xffff

/** Thrown by {@link Channel.connect} with the reason that the runtime gave, or the connection's error as `cause`. */
export class ChannelRefused extends Error {
  override readonly name = 'ChannelRefused'
  /** Set where trying again is of no use: the status for requests that wanted this interpreter. */
  status: 500 | 503 | undefined
}

export class Channel implements FrameSink {
  readonly target: ChannelTarget

  readonly #control: Socket
  #kick: Socket | undefined
  readonly #incoming = new Incoming(this)
  readonly #outgoing = new Outgoing()
  readonly #pacing: Pacing
  #progress: ProgressRegion | undefined
  readonly #responses: (Response | undefined)[] = new Array(REGION_NUMBERS).fill(undefined)
  #inFlight = 0
  #nextId = 1
  #flushing = false
  #timer: NodeJS.Timeout | undefined
  #quietMs = QUIET_MS
  #events = 0
  #draining: RejectReason | undefined
  #closed = false
  #ending = false
  /** It was closed from this side while the interpreter lives: what had not begun then may have begun since. */
  #abandoned = false
  #error: Error | undefined
  /** Known as soon as the interpreter has greeted. */
  #bulks: BulkLanes | undefined
  /** Responses that the interpreter has finished while their bytes are still being delivered. */
  readonly #delivering = new Set<Response>()
  #onClose: ((end: ChannelEnd) => void)[] = []
  #onDraining: ((reason: RejectReason) => void)[] = []
  #greeted: ((error?: Error) => void) | undefined

  readonly #lends: boolean

  private constructor(target: ChannelTarget) {
    this.target = target
    this.#pacing = new Pacing(target.threads)
    this.#lends = target.lends !== undefined && target.lends !== 'never'
    const hello = {
      protocol: PROTOCOL,
      lane: 'control',
      application_group: target.applicationGroup,
      worker: process.pid,
      from_request: target.isNamedByRequest === true,
      lends: this.#lends && CAN_SEND_DESCRIPTORS,
    } as const
    this.#control = openControlLane(target, hello, (bytes) => this.#received(bytes))
    this.#control.on('error', (error) => {
      this.#error ??= error
    })
    this.#control.on('close', () => this.#ended())
  }

  /**
   * Connects, and waits until the interpreter is there.
   * @throws {ChannelRefused}
   */
  static async connect(target: ChannelTarget): Promise<Channel> {
    const channel = new Channel(target)
    const ms = target.connectTimeoutMs ?? CONNECT_TIMEOUT_MS
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        channel.#error = new Error(`no greeting within ${ms} ms`)
        channel.#control.destroy()
      }, ms)
      channel.#greeted = (error) => {
        clearTimeout(timer)
        channel.#greeted = undefined
        if (error === undefined) resolve()
        else if (error instanceof ChannelRefused) reject(error)
        else {
          const text = `cannot reach the runtime at ${target.socketPath}: ${error.message}`
          reject(new ChannelRefused(text, { cause: error }))
        }
      }
    })
    return channel
  }

  /** Exchanges that have been dispatched and not finished by the interpreter. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** Whether one more exchange fits; there is room for more than any pool of threads can take. */
  get hasRoom(): boolean {
    return this.#inFlight < REGION_NUMBERS - 1
  }

  /** Why the interpreter takes no new requests any more, or undefined. */
  get draining(): RejectReason | undefined {
    return this.#draining
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Smoothed time that applications take for a request, in microseconds, as the interpreter measures it. */
  get averageMicroseconds(): number {
    return this.#pacing.averageMicroseconds
  }

  /** Hands over an exchange. A closed, draining or full channel rejects it in a later turn. */
  dispatch(exchange: Exchange): void {
    if (this.#closed || this.#draining !== undefined || !this.hasRoom) {
      const reason = this.#draining ?? 'closed'
      setImmediate(() => exchange.rejected(reason))
      return
    }
    let id = this.#nextId
    while (this.#responses[id & (REGION_NUMBERS - 1)] !== undefined || id === 0) id = (id + 1) >>> 0
    this.#nextId = (id + 1) >>> 0
    this.#responses[id & (REGION_NUMBERS - 1)] = new Response(id, exchange)
    this.#inFlight++
    this.#outgoing.request(
      id,
      exchange,
      signatures.map(exchange.rawHeaders, exchange.place.passAuthorization),
    )
    this.#pacing.sent()
    this.#flushSoon()
  }

  /** The client has gone: stops the application at its next output. Ends in `aborted` or `rejected`. */
  cancel(exchange: Exchange): void {
    const response = this.#find(exchange)
    if (response === undefined || response.cancelled) return
    response.cancel()
    if (this.#delivering.has(response)) return
    this.#outgoing.signal(Send.cancel, response.id)
    this.#flushSoon()
  }

  /** The client has closed its side, and may still read: for the application to know that asks. */
  tellLeft(exchange: Exchange): void {
    const response = this.#find(exchange)
    if (response === undefined || response.cancelled || this.#delivering.has(response)) return
    this.#outgoing.signal(Send.left, response.id)
    this.#flushSoon()
  }

  /** Closes at once. What is in flight ends as after the death of the process. */
  close(): void {
    this.#control.destroy()
  }

  /** Calls back when the channel has closed; every exchange has had its final call by then. */
  onClose(callback: (end: ChannelEnd) => void): void {
    this.#onClose.push(callback)
  }

  /** Calls back when the interpreter stops taking requests. What it has not begun comes back as `rejected`. */
  onDraining(callback: (reason: RejectReason) => void): void {
    this.#onDraining.push(callback)
  }

  /**
   * Splits what is in flight by whether application code has seen it. After death the progress map decides; before,
   * the answer may be out of date when it arrives.
   * @param isUnsure everything counts as seen
   */
  splitInFlight(isUnsure = false): { seen: Exchange[]; unseen: Exchange[] } {
    const hasSeen = isUnsure ? () => true : (this.#progress?.read() ?? (() => false))
    const seen: Exchange[] = []
    const unseen: Exchange[] = []
    for (const response of this.#responses) {
      if (response === undefined) continue
      ;(response.begun || hasSeen(response.id) ? seen : unseen).push(response.exchange)
    }
    return { seen, unseen }
  }

  // -- sending ---------------------------------------------------------------------------------------------------

  #flushSoon(): void {
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(this.#flush)
  }

  #flush = (): void => {
    this.#flushing = false
    if (this.#closed) return
    const buffers = this.#outgoing.take()
    if (buffers.length === 1) this.#control.write(buffers[0] as Buffer)
    else if (buffers.length > 1) {
      this.#control.cork()
      for (const buffer of buffers) this.#control.write(buffer)
      this.#control.uncork()
    }
    this.#quietMs = QUIET_MS
    this.#wake(this.#pacing.kicksAtOnce())
    this.#watch()
  }

  #wake(count: number): void {
    const kick = this.#kick
    if (count <= 0 || kick === undefined) return
    if (kick.writableLength > KICKS_UNSENT_MAX) this.#fail(new ProtocolViolation('kicks that nobody takes'))
    else kick.write(KICKS.subarray(0, Math.min(count, KICKS.length)))
  }

  /** Runs the timer while silence would mean that a thread has to be woken. */
  #watch(): void {
    this.#events++
    if (this.#timer !== undefined || this.#inFlight === 0 || !this.#pacing.mustWatch) return
    this.#startTimer()
  }

  #startTimer(): void {
    const events = this.#events
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#closed || this.#inFlight === 0) return
      if (this.#events === events) {
        this.#wake(this.#pacing.kicksWhenQuiet())
        this.#quietMs = Math.min(this.#quietMs * 2, QUIET_MAX_MS)
      }
      if (this.#pacing.mustWatch) this.#startTimer()
    }, this.#quietMs)
  }

  // -- receiving -------------------------------------------------------------------------------------------------

  #received(bytes: Buffer): void {
    if (this.#closed) return
    try {
      this.#incoming.push(bytes)
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #fail(error: Error): void {
    this.#error ??= error
    this.#abandoned = true
    this.#control.destroy()
  }

  /** The response with this id. An unknown id is no reason to trust the rest of what is sent. */
  #response(id: number): Response {
    const response = this.#responses[id & (REGION_NUMBERS - 1)]
    if (response === undefined || response.id !== id) throw new ProtocolViolation(`unknown request ${id}`)
    return response
  }

  /** Forgets a request that the interpreter has finished; after its calls, which may still find fault with the frame. */
  #finish(response: Response): void {
    this.#responses[response.id & (REGION_NUMBERS - 1)] = undefined
    this.#inFlight--
    this.#quietMs = QUIET_MS
    response.body?.stop()
  }

  answer(id: number, status: number, text: string, body: Buffer | string): void {
    const response = this.#response(id)
    response.answered(status, text, body)
    this.#finish(response)
  }

  head(id: number, status: number, text: string): void {
    this.#quietMs = QUIET_MS
    this.#response(id).head(status, text)
  }

  data(id: number, chunk: Buffer): void {
    this.#quietMs = QUIET_MS
    this.#response(id).data(Buffer.from(chunk))
  }

  report(
    flags: number,
    asleep: number,
    received: number,
    kicks: number,
    waiting: number,
    micros: number,
    slow: number,
  ): void {
    this.#pacing.reported(flags, asleep, received, kicks, waiting, micros, slow)
    if (this.#inFlight === 0) return
    this.#wake(this.#pacing.kicksAtOnce())
    this.#watch()
  }

  other(type: number, id: number, aux: number, payload: Buffer): void {
    switch (type) {
      case Receive.end:
        this.#finishLater(this.#response(id), (response) => response.end())
        return
      case Receive.abort: {
        const reason = ABORT_REASONS[aux]
        if (reason === undefined) throw new ProtocolViolation(`abort reason ${aux}`)
        this.#finishLater(this.#response(id), (response) => response.aborted(reason))
        return
      }
      case Receive.error: {
        const reason = FAILURE_REASONS[aux]
        if (reason === undefined) throw new ProtocolViolation(`error ${aux}`)
        const response = this.#response(id)
        response.failed(reason, payload.toString('utf8', 0, 2048))
        this.#finish(response)
        return
      }
      case Receive.reject: {
        const reason = rejectReason(aux)
        const response = this.#response(id)
        response.rejected(reason)
        this.#finish(response)
        return
      }
      case Receive.log: {
        const level = LOG_LEVELS[aux]
        if (level === undefined) throw new ProtocolViolation(`log level ${aux}`)
        const text = payload.toString('utf8')
        const response = this.#responses[id & (REGION_NUMBERS - 1)]
        if (response?.id === id) response.log(level, text)
        else this.target.lateLog?.(level, text)
        return
      }
      case Receive.wantBody:
        this.#sendBody(this.#response(id), lanePayload(payload), aux === 1)
        return
      case Receive.took: {
        const bytes = payload.length === 12 ? Number(payload.readBigUInt64LE(0)) : Number.NaN
        if (!Number.isSafeInteger(bytes)) throw new ProtocolViolation('impossible number of bytes')
        this.#took(id, bytes, payload.readUInt32LE(8), aux)
        return
      }
      case Receive.switchToBulk:
        this.#switchToBulk(this.#response(id), lanePayload(payload), false)
        return
      case Receive.borrow:
        this.#switchToBulk(this.#response(id), lanePayload(payload), true)
        return
      case Receive.returned: {
        if (payload.length !== SENT_BYTES) throw new ProtocolViolation('end of a loan of a wrong size')
        const sent = readSent(payload, 0)
        this.#finishLater(this.#response(id), (response) => response.returned(sent.bytes, sent.overheadBytes))
        return
      }
      case Receive.needBulk:
        if (this.#bulks === undefined) throw new ProtocolViolation('a bulk lane before the greeting')
        this.#bulks.need(id)
        return
      case Receive.nudge:
        this.#answerNudge()
        return
      case Receive.retiring:
        this.#drain(rejectReason(aux))
        // Something must wake the thread that reads, so that it sees the end coming.
        this.#answerNudge()
        return
      case Receive.hello:
        this.#hello(id, payload)
        return
      default:
        throw new ProtocolViolation(`frame type ${type}`)
    }
  }

  /** Sends something, unless there is something that the interpreter has not taken yet: nudges without end would fill the memory otherwise. */
  #answerNudge(): void {
    if (this.#control.writableLength > 0) return
    this.#outgoing.signal(Send.noop, 0)
    this.#flushSoon()
  }

  /** The interpreter is done; bytes of the response may still be on their way through a bulk lane. */
  #finishLater(response: Response, settle: (response: Response) => void): void {
    settle(response)
    this.#finish(response)
    if (!response.settled) {
      this.#delivering.add(response)
      response.whenSettled = () => this.#delivering.delete(response)
    }
  }

  #hello(number: number, payload: Buffer): void {
    const greeted = this.#greeted
    if (greeted === undefined) throw new ProtocolViolation('second greeting')
    const { error, status, region } = readGreeting(payload)
    if (typeof error === 'string') {
      const refused = new ChannelRefused(error.slice(0, 4096))
      if (status === 500 || status === 503) refused.status = status
      greeted(refused)
      this.#control.destroy()
      return
    }
    if (!isRegion(region)) throw new ProtocolViolation('a greeting without a region of the progress map')
    this.#progress = new ProgressRegion(this.target.progressPath, region)
    this.#bulks = new BulkLanes(this.target, number, this.target.threads, (error) => this.#fail(error))
    this.#openKick(number)
    greeted()
  }

  #openKick(channel: number): void {
    openNeededLane(
      this.target,
      { lane: 'kick', channel },
      {
        opened: (socket) => {
          this.#kick = socket
          socket.on('error', () => {})
          socket.resume()
        },
        closed: () => {},
        isWanted: () => !this.#closed,
        lost: (error) => this.#fail(error),
      },
    )
  }

  #drain(reason: RejectReason): void {
    if (this.#draining !== undefined) return
    this.#draining = reason
    for (const callback of this.#onDraining) callback(reason)
  }

  // -- bodies ----------------------------------------------------------------------------------------------------

  #sendBody(response: Response, index: number, borrows: boolean): void {
    const plan = response.exchange.body
    const lane = this.#bulks?.get(index)
    if (plan.kind !== 'stream' || response.body !== undefined) {
      throw new ProtocolViolation('asks for a body that is not there')
    }
    if (lane === undefined || response.cancelled) {
      lane?.close()
      return
    }
    response.body = new BodyRelay(
      lane,
      plan,
      response.id,
      borrows && this.#lends,
      this.target.lends === 'kept',
    )
    plan.wanted?.()
    response.body.start()
  }

  #took(id: number, bytes: number, waitedMs: number, aux: number): void {
    const response = this.#responses[id & (REGION_NUMBERS - 1)]
    // A thread that the application has left behind may read on while its request ends.
    if (response?.id !== id) return
    const { body } = response
    if (body === undefined || aux > 2) throw new ProtocolViolation('a body that was not asked for')
    // It was stopped in the middle of a read: nobody knows where the client's next byte belongs.
    if (aux === 2) body.stop()
    else body.taken(bytes, waitedMs, aux === 1)
  }

  #switchToBulk(response: Response, index: number, borrows: boolean): void {
    const lane = this.#bulks?.get(index)
    if (lane === undefined || !response.begun) throw new ProtocolViolation(`unknown bulk lane ${index}`)
    if (borrows && !this.#lends) throw new ProtocolViolation('nothing is lent here')
    response.useBulk(lane, borrows, this.target.lends === 'kept')
  }

  #find(exchange: Exchange): Response | undefined {
    for (const response of this.#delivering) if (response.exchange === exchange) return response
    return this.#responses.find((response) => response?.exchange === exchange)
  }

  // -- the end ---------------------------------------------------------------------------------------------------

  #ended(): void {
    if (this.#ending) return
    this.#ending = true
    this.#closed = true
    clearTimeout(this.#timer)
    this.#greeted?.(this.#error ?? new Error('connection closed'))
    const { seen, unseen } = this.splitInFlight(this.#abandoned)
    const dead = new Map(this.#responses.flatMap((r) => (r === undefined ? [] : [[r.exchange, r] as const])))
    this.#responses.fill(undefined)
    this.#inFlight = 0
    for (const exchange of unseen) dead.get(exchange)?.rejected('died')
    for (const exchange of seen) dead.get(exchange)?.died()
    this.#progress?.close()
    this.#kick?.destroy()
    this.#bulks?.close(new Set([...this.#delivering].map((response) => response.bulk)))
    const end = this.#error === undefined ? {} : { error: this.#error }
    for (const callback of this.#onClose) callback(end)
  }
}

function readGreeting(payload: Buffer): Readonly<Record<string, unknown>> {
  let greeting: unknown
  try {
    greeting = JSON.parse(payload.toString('utf8'))
  } catch {
    // told below
  }
  if (typeof greeting !== 'object' || greeting === null)
    throw new ProtocolViolation('a greeting that cannot be read')
  return greeting as Readonly<Record<string, unknown>>
}

function lanePayload(payload: Buffer): number {
  if (payload.length !== 4) throw new ProtocolViolation('lane number of a wrong size')
  return payload.readUInt32LE(0)
}

function rejectReason(aux: number): RejectReason {
  const reason = REJECT_REASONS[aux]
  if (reason === undefined) throw new ProtocolViolation(`reject reason ${aux}`)
  return reason
}
