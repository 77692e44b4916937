/**
 * One exchange on its way: makes sure that its callbacks come in order and that exactly one final call is made,
 * whatever the interpreter sends.
 */
import { fieldNameAt } from '../../http/field-names.js'
import { RecentTexts } from '../../http/recent-texts.js'
import type { BodyRelay } from './body-relay.js'
import { type BulkLane, LENT_FIRST_MAX_BYTES } from './bulk-lane.js'
import { ProtocolViolation } from './incoming.js'
import type { AbortReason, Exchange, FailureReason, Flow, RejectReason, RuntimeLogLevel } from './types.js'

/** Bytes of a streamed response that may wait for a gateway which asked for a pause, before it moves to a bulk lane. */
const HELD_MAX_BYTES = 256 * 1024
/** How long a thread waits for a client to take what came before, so that it can have the connection; as long as it waits for one that it has. */
const LENDING_PATIENCE_MS = 50

export class Response implements Flow {
  readonly id: number
  readonly exchange: Exchange
  /** Whether the interpreter has sent a head. */
  begun = false
  cancelled = false
  settled = false
  bulk: BulkLane | undefined
  /** The way of the request's body, once the interpreter has asked for it. */
  body: BodyRelay | undefined
  /** Called at the final call, if that comes after the interpreter has finished. */
  whenSettled: (() => void) | undefined

  /** Chunks from the control lane while the gateway pauses; the interpreter bounds them to 64 KiB. */
  #held: Buffer[] = []
  #heldBytes = 0
  #paused = false
  #bulkDone = false
  #bulkComplete = true
  #outcome: 'end' | AbortReason | undefined

  constructor(id: number, exchange: Exchange) {
    this.id = id
    this.exchange = exchange
  }

  answered(status: number, text: string, body: Buffer | string): void {
    if (this.begun) throw new ProtocolViolation('second head')
    checkStatus(status)
    const { reason, headers } = headOf(text)
    this.#settle()
    if (this.cancelled) this.exchange.aborted('cancelled')
    else this.exchange.answered(status, reason, headers, body)
  }

  head(status: number, text: string): void {
    if (this.begun) throw new ProtocolViolation('second head')
    checkStatus(status)
    this.begun = true
    const { reason, headers } = headOf(text)
    if (!this.cancelled) this.exchange.head(status, reason, headers, this)
  }

  data(chunk: Buffer): void {
    if (!this.begun || this.bulk !== undefined) throw new ProtocolViolation('data out of order')
    if (this.cancelled) return
    if (this.#paused) {
      this.#held.push(chunk)
      this.#heldBytes += chunk.length
      if (this.#heldBytes > HELD_MAX_BYTES) throw new ProtocolViolation('too much data on the control lane')
    } else this.#paused = !this.exchange.data(chunk)
  }

  /** From here on the body comes over a bulk lane. `borrows`: the interpreter would rather write to the client itself, and waits for an answer; `keeps` is about that connection. */
  useBulk(lane: BulkLane, borrows: boolean, keeps: boolean): void {
    if (this.bulk !== undefined) throw new ProtocolViolation('second bulk lane')
    this.bulk = lane
    if (this.cancelled) {
      lane.close()
      return
    }
    this.#keeps = keeps
    if (borrows) this.#lend(lane)
    if (!this.#paused) this.#receive()
  }

  /** Set while the interpreter waits for the client's connection, which has to take first what came before. */
  #lending: NodeJS.Timeout | undefined
  /** A connection that is lent may serve other requests afterwards. */
  #keeps = false

  #lend(lane: BulkLane): void {
    const client = this.#paused ? 'later' : this.exchange.lend?.(LENT_FIRST_MAX_BYTES, this.#keeps)
    if (client !== 'later') lane.lend(client)
    else
      this.#lending ??= setTimeout(() => {
        this.#lending = undefined
        if (!this.settled && !this.cancelled) lane.lend(undefined)
      }, LENDING_PATIENCE_MS)
  }

  /** {@link Flow} */
  drained(): void {
    if (this.#lending === undefined || this.#paused || this.bulk === undefined || this.cancelled) return
    clearTimeout(this.#lending)
    this.#lending = undefined
    this.#lend(this.bulk)
  }

  #receiving = false

  #receive(): void {
    this.#receiving = true
    this.bulk?.receive({
      data: (chunk, isAsIs) => {
        if (this.cancelled) return true
        this.#paused = !(isAsIs ? (this.exchange.dataAsIs?.(chunk) ?? true) : this.exchange.data(chunk))
        return !this.#paused
      },
      holds: () => this.#paused || (this.exchange.holds?.() ?? true),
      sentByItself: (bytes, overheadBytes) => this.exchange.sentByItself?.(bytes, overheadBytes),
      end: () => this.#bulkEnded(true),
      cut: () => this.#bulkEnded(false),
    })
  }

  #bulkEnded(isComplete: boolean): void {
    this.#bulkDone = true
    this.#bulkComplete = isComplete
    this.#maybeSettle()
  }

  /** {@link Flow}: the gateway wants more. */
  resume(): void {
    if (!this.#paused || this.settled) return
    this.#paused = false
    while (this.#held.length > 0 && !this.#paused) {
      const chunk = this.#held.shift() as Buffer
      this.#heldBytes -= chunk.length
      this.#paused = !this.exchange.data(chunk)
    }
    if (this.#paused) return
    if (this.bulk !== undefined) {
      if (this.#receiving) this.bulk.resume()
      else this.#receive()
    }
    this.#maybeSettle()
  }

  end(): void {
    if (!this.begun) throw new ProtocolViolation('end without head')
    this.#outcome = 'end'
    this.#maybeSettle()
  }

  /** The end of a response whose rest, so many bytes, the interpreter has written to the client itself. */
  returned(bytes: number, overheadBytes: number): void {
    if (this.bulk?.takeBack() !== true) throw new ProtocolViolation('nothing was lent')
    this.exchange.sentByItself?.(bytes, overheadBytes)
    this.#bulkDone = true
    this.end()
  }

  aborted(reason: AbortReason): void {
    this.#outcome = this.cancelled ? 'cancelled' : reason
    if (this.cancelled || !this.begun) {
      // Nothing was sent: to the gateway this is an abort only if it asked for one.
      this.#settle()
      this.exchange.aborted(this.#outcome as AbortReason)
      return
    }
    this.#maybeSettle()
  }

  /** Makes the final call once everything before it has been delivered. */
  #maybeSettle(): void {
    if (this.settled || this.#outcome === undefined) return
    if (this.cancelled) {
      this.#settle()
      this.exchange.aborted('cancelled')
      return
    }
    if (this.#held.length > 0 || (this.bulk !== undefined && !this.#bulkDone)) return
    this.#settle()
    if (this.#outcome === 'end') {
      if (this.#bulkComplete) this.exchange.end()
      else this.exchange.aborted('died')
    } else this.exchange.aborted(this.#outcome)
  }

  failed(reason: FailureReason, note: string): void {
    if (this.begun) throw new ProtocolViolation('error after head')
    this.#settle()
    if (this.cancelled) this.exchange.aborted('cancelled')
    else this.exchange.failed(reason, note)
  }

  rejected(reason: RejectReason): void {
    if (this.begun) throw new ProtocolViolation('rejected after head')
    this.#settle()
    this.exchange.rejected(reason)
  }

  /** The process is gone and application code had seen this request. */
  died(): void {
    this.body?.stop()
    if (this.settled) return
    this.#settle()
    if (this.cancelled) this.exchange.aborted('cancelled')
    else if (this.begun) this.exchange.aborted('died')
    else this.exchange.failed('died', 'the process ended while it worked on this request')
  }

  log(level: RuntimeLogLevel, text: string): void {
    this.exchange.log(level, text)
  }

  /** The client is gone: nothing more is delivered, and lanes in use are closed so that the application notices. */
  cancel(): void {
    this.cancelled = true
    this.#held = []
    // Lanes that this request has no more use for may be in use for another one already.
    if (!this.#bulkDone) this.bulk?.abandon()
    this.body?.cancel()
    this.#maybeSettle()
  }

  #settle(): void {
    clearTimeout(this.#lending)
    this.settled = true
    this.whenSettled?.()
  }
}

function checkStatus(status: number): void {
  if (status < 200 || status > 999) throw new ProtocolViolation(`status ${status}`)
}

interface Head {
  readonly reason: string
  /** The callee's own. */
  readonly headers: string[]
}

const remembered = new RecentTexts<Head>()

function headOf(text: string): Head {
  let head = remembered.get(text)
  if (head === undefined) {
    head = readHead(text)
    remembered.set(text, head)
  }
  return { reason: head.reason, headers: head.headers.slice() }
}

/** `reason NUL name NUL value NUL name …` */
function readHead(text: string): Head {
  const headers: string[] = []
  const end = text.indexOf('\0')
  if (end < 0) return { reason: text, headers }
  for (let at = end + 1; ; ) {
    const nameEnd = text.indexOf('\0', at)
    if (nameEnd < 0) throw new ProtocolViolation('header without value')
    const valueEnd = text.indexOf('\0', nameEnd + 1)
    headers.push(fieldNameAt(text, at, nameEnd))
    if (valueEnd < 0) {
      headers.push(text.slice(nameEnd + 1))
      return { reason: text.slice(0, end), headers }
    }
    headers.push(text.slice(nameEnd + 1, valueEnd))
    at = valueEnd + 1
  }
}
