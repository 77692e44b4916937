/**
 * One request on its way through an interpreter: what the channel calls back, turned into the response.
 * Rules: PEP 3333; mod_wsgi's relay of response headers, internal redirects and error override.
 */
import type { HandedOver } from '../http/message.js'
import { serverRecord } from '../log/error-log.js'
import { brokenBodyStatus } from '../request/body.js'
import { HeaderTable } from '../request/headers.js'
import type { Request } from '../request/request.js'
import { type BodyWriter, openBody, sendWhole } from '../request/response.js'
import { embeddedCounts } from '../status/counters.js'
import type { GroupCounts } from '../status/counts.js'
import type { Channel } from './channel/channel.js'
import type {
  AbortReason,
  BodyPlan,
  Exchange,
  FailureReason,
  Flow,
  Place,
  RejectReason,
  RuntimeLogLevel,
} from './channel/types.js'
import { environVariables, type RequestEnviron } from './environ.js'
import { GatheringWriter } from './flush-delay.js'
import type { Job, Member, ProcessGroup } from './process-group.js'
import type { Enrolled } from './roll.js'

/** Response bytes that one response may keep in the worker's memory for a slow client, so that its Python thread is free again. */
const RESPONSE_BUFFER_MAX_BYTES = 1024 * 1024
/** The same over all responses of this worker; beyond it each is held back at {@link RESPONSE_BUFFER_MIN_BYTES}. */
const ALL_BUFFERS_MAX_BYTES = 64 * 1024 * 1024
const RESPONSE_BUFFER_MIN_BYTES = 64 * 1024

/** Bytes that responses hold for slow clients at the moment, as far as their interpreters wait for them. */
let heldBytes = 0

/** What becomes of the request: it is answered, or its answer has to come from elsewhere. */
export type Verdict = 'done' | { readonly status: number } | { readonly redirect: string }

/** Whoever runs exchanges. */
export interface ExchangeOwner {
  /** What a process died of, as soon as that is known. */
  causeOfDeath(member: Member | undefined): Promise<string>
  /** Called exactly once per exchange. */
  settled(exchange: WsgiExchange, verdict: Verdict): void
}

/** What the hosting mode and the place say about responses. */
export interface ResponseRules {
  /** `WSGIErrorOverride On`, daemon mode: responses of 400 and above become the server's own error documents. */
  readonly errorOverride: boolean
  /** A 200 with a `Location` path is an internal redirect (daemon mode alone). */
  readonly internalRedirect: boolean
}

/** Headers of an overridden or redirected response that the final one keeps. */
const KEPT = ['Set-Cookie', 'WWW-Authenticate']
const KEPT_BY_OVERRIDE = [...KEPT, 'Allow', 'Retry-After']

const FAILURE_STATUS: Readonly<Record<FailureReason, number>> = {
  exception: 500,
  script: 500,
  callable: 500,
  timeout: 504,
  'body-too-large': 413,
  malformed: 400,
  'queue-timeout': 504,
  died: 502,
}

export class WsgiExchange implements Exchange, Job, Enrolled {
  rollIndex = -1
  deadline?: number
  readonly fixed: string
  isNamedByRequest = false
  extra?: readonly string[]
  readonly rawHeaders: readonly string[]
  readonly startTime: number
  /** When the interpreter last gave or took something, on `Date.now`'s clock; for socket-timeout. */
  lastProgress = Date.now()
  #channel: Channel | undefined
  #member: Member | undefined
  #writer: BodyWriter | undefined
  #discarding = false
  #redirect: string | undefined
  /** The client has closed its side. */
  #hasLeft = false
  #oversized = false
  #finished = false
  /** The interpreter was told to wait until the client has taken more. */
  #paused = false
  #heldBytes = 0
  /** Processes that it was given to, and those of them that left or died before they began it. */
  #connects = 0
  #restarts = 0
  /** Those among them that refused it because its script is to be loaded anew. */
  #reloads = 0
  #extraBefore: readonly string[] | undefined

  constructor(
    readonly request: Request,
    readonly place: Place,
    readonly applicationGroup: string,
    environ: RequestEnviron,
    readonly body: BodyPlan,
    private readonly rules: ResponseRules,
    /** The daemon process group, undefined in embedded mode. */
    private readonly group: ProcessGroup | undefined,
    private readonly owner: ExchangeOwner,
  ) {
    this.fixed = environ.fixed
    this.rawHeaders = environ.rawHeaders
    if (environ.extra !== undefined) this.extra = environ.extra
    request.onAbort = () => this.#clientGone()
    request.told = this
    this.startTime = request.startedAt / 1000
  }

  /** Whether anything of the response has come yet. */
  get begun(): boolean {
    return this.#writer !== undefined || this.#discarding
  }

  get processGroup(): ProcessGroup | undefined {
    return this.group
  }

  /** Where the request is counted when its response is over. */
  get counts(): GroupCounts {
    return this.group?.counts ?? embeddedCounts
  }

  /** Nothing moves because the client does not: it is slow to take the response, or to send the body that the application reads. */
  get waitsForClient(): boolean {
    if (this.#paused) return true
    return this.body.kind === 'stream' && this.body.source.begun && !this.body.source.ended
  }

  #variables: ReadonlyMap<string, string> | undefined

  /** For logs and headers that name one. */
  variables(): ReadonlyMap<string, string> {
    this.#variables ??= environVariables(this, this.group?.group.name ?? '')
    return this.#variables
  }

  // Job: the process group's side

  begin(channel: Channel, member?: Member): void {
    // the client has gone while embedded Python was started; a process group's queue has given it up by then
    if (this.#finished) return
    this.#channel = channel
    this.#member = member
    // otherwise it has just been made
    if (this.deadline !== undefined || this.#connects > 0) this.lastProgress = Date.now()
    if (++this.#connects > 1) this.#tellAttempts()
    channel.dispatch(this)
    if (this.#hasLeft) channel.tellLeft(this)
  }

  clientLeft(): void {
    this.#hasLeft = true
    this.#channel?.tellLeft(this)
  }

  /** Another process had it before, and did not begin it. */
  #tellAttempts(): void {
    this.#extraBefore ??= this.extra ?? []
    this.extra = [
      ...this.#extraBefore,
      ...[
        'mod_wsgi.daemon_connects',
        String(this.#connects),
        'mod_wsgi.daemon_restarts',
        String(this.#restarts),
      ],
    ]
  }

  refuse(status: number, message: string): void {
    this.request.report('wsgi', 'error', message)
    this.#finish({ status })
  }

  /** An interpreter has it. Until then `connect-timeout` and `queue-timeout` bound its time, not `socket-timeout`. */
  get isDispatched(): boolean {
    return this.#channel !== undefined
  }

  /** Nobody waits for the response any more: the application is told at its next output, and a request that waits is taken back. */
  #cancel(): void {
    if (this.#channel) this.#channel.cancel(this)
    else this.group?.withdraw(this)
  }

  /** No answer within socket-timeout: the client gets 504, or a cut response where it has begun. */
  timeOut(message: string): void {
    if (this.#finished) return
    this.request.report('wsgi', 'error', message)
    this.#cancel()
    if (this.#writer) {
      this.#writer.cut()
      this.#finish('done')
    } else this.#finish({ status: 504 })
  }

  /** For how long the client has moved nothing, in milliseconds, as the server's own time-keeping sees it twice a second. */
  clientSilentMs(now: number): number {
    const { watched } = this.request.connection
    return watched?.request === this.request.original ? now - watched.since : 0
  }

  /** `response-socket-timeout`: the client has taken nothing for so long while the interpreter waits for it. */
  giveUpClient(seconds: number): void {
    if (this.#finished || !this.#paused) return
    this.request.report(
      'wsgi',
      'info',
      `WSGI0120: Timeout when writing response to client: nothing was taken within ${seconds} s`,
    )
    this.#cancel()
    this.#writer?.cut()
    this.#finish('done')
  }

  // Exchange: the channel's side

  answered(status: number, reason: string, headers: string[], body: Buffer | string): void {
    this.#release()
    if (this.#finished) return
    try {
      if (this.#takeHead(status, reason, headers)) {
        this.#send(body)
        this.#finish('done')
      } else this.#finish(this.#instead(status))
    } catch (error) {
      this.#faulted(error)
    }
  }

  head(status: number, reason: string, headers: string[], flow: Flow): void {
    this.lastProgress = Date.now()
    if (this.#finished) return
    try {
      if (this.#takeHead(status, reason, headers)) this.#open(flow)
      else {
        this.#discarding = true
        this.#finish(this.#instead(status))
        this.#cancel()
      }
    } catch (error) {
      this.#faulted(error)
    }
  }

  #open(flow: Flow): void {
    const writer = openBody(this.request)
    const delayMs = this.group?.group.responseFlushDelay
    this.#writer = delayMs ? new GatheringWriter(writer, delayMs) : writer
    this.#writer.onDrain(() => {
      if (this.#paused) {
        this.#unpause()
        flow.resume()
      }
      flow.drained()
    })
  }

  data(chunk: Buffer): boolean {
    this.lastProgress = Date.now()
    const writer = this.#writer
    if (writer === undefined || this.#finished) return true
    try {
      return writer.write(chunk) || this.#hasRoom(writer)
    } catch (error) {
      return this.#faulted(error)
    }
  }

  /** Whether the worker's memory has room for more of a response whose client is slow. If not, the interpreter waits. */
  #hasRoom(writer: BodyWriter): boolean {
    const most = this.group?.group.responseBufferSize || RESPONSE_BUFFER_MAX_BYTES
    const bound = heldBytes < ALL_BUFFERS_MAX_BYTES ? most : RESPONSE_BUFFER_MIN_BYTES
    if (writer.bufferedBytes < bound) return true
    this.#paused = true
    heldBytes += bound
    this.#heldBytes = bound
    return false
  }

  /** A response that is over may have been broken off in the middle of a write. */
  holds(): boolean {
    return this.request.outgoing.isOver || (this.#writer !== undefined && this.#writer.bufferedBytes > 0)
  }

  lend(firstMaxBytes: number, isKept: boolean): HandedOver | 'later' | undefined {
    if (this.#finished) return undefined
    try {
      return this.#writer?.handOver?.(firstMaxBytes, isKept)
    } catch (error) {
      this.#faulted(error)
      return undefined
    }
  }

  sentByItself(bytes: number, overheadBytes: number): void {
    this.lastProgress = Date.now()
    if (!this.#finished) this.#writer?.sentElsewhere?.(bytes, overheadBytes)
  }

  dataAsIs(chunk: Buffer): boolean {
    this.lastProgress = Date.now()
    const writer = this.#writer
    if (writer?.writeAsIs === undefined || this.#finished) return true
    try {
      return writer.writeAsIs(chunk) || this.#hasRoom(writer)
    } catch (error) {
      return this.#faulted(error)
    }
  }

  end(): void {
    this.#release()
    if (this.#finished) return
    try {
      this.#writer?.end()
      this.#finish('done')
    } catch (error) {
      this.#faulted(error)
    }
  }

  aborted(reason: AbortReason): void {
    this.#release()
    if (this.#finished) return
    if (reason === 'died') this.#reportDeath('Response cut short')
    if (this.#writer) this.#writer.cut()
    this.#finish('done')
  }

  failed(reason: FailureReason, note: string): void {
    this.#release()
    if (this.#finished) return
    if (reason === 'died') {
      void this.owner.causeOfDeath(this.#member).then((cause) => {
        this.#reportDeath('No response', cause)
        this.#finish({ status: FAILURE_STATUS.died })
      })
      return
    }
    if (note !== '') this.request.report('wsgi', reason === 'timeout' ? 'info' : 'error', note)
    // An application that lets the error of a body with broken framing pass has not failed: the client has.
    const isClients = reason === 'exception' && this.request.incoming.body.aborted
    this.#finish({ status: isClients ? brokenBodyStatus(this.request) : FAILURE_STATUS[reason] })
  }

  rejected(reason: RejectReason): void {
    const member = this.#member
    this.#channel = undefined
    this.#member = undefined
    this.#restarts++
    if (this.group === undefined || member === undefined) {
      this.#finish({ status: 503 })
      return
    }
    if (reason === 'script_reload') this.#reloads++
    const most = reloadsMax(this.group)
    if (this.#reloads >= most && !this.#finished)
      this.refuse(
        503,
        `Maximum number of WSGI daemon process restart connects reached: ${most} processes of '${this.group.group.name}' refused the request one after the other to load its script anew`,
      )
    this.group.returned(this.#finished ? undefined : this, member, reason)
  }

  log(level: RuntimeLogLevel, text: string): void {
    const { request } = this
    const pid = this.#channel?.target.pid
    serverRecord(request.log, { request, module: 'wsgi', level, message: text, pid })
  }

  /** A length that the application did not give is never invented: it may have left out the body of a HEAD (release 3.0, removal 2). */
  #send(body: Buffer | string): void {
    // The bytes lie in the channel's buffer.
    const kept = typeof body === 'string' ? body : Buffer.from(body)
    // httpd sees the end of an embedded application's response at once, and that of a daemon process's behind the header
    const isKnownEmpty = this.group === undefined && kept.length === 0
    if (isKnownEmpty || this.request.headersOut.has('Content-Length')) {
      sendWhole(this.request, kept)
      return
    }
    const writer = openBody(this.request)
    writer.write(kept)
    writer.end()
  }

  #clientGone(): void {
    if (this.#finished) return
    this.#cancel()
    this.#finish('done')
  }

  /** Takes over status and headers. False: the application's response is not what the client gets. */
  #takeHead(status: number, reason: string, headers: string[]): boolean {
    const { request } = this
    const lineMax = this.group?.group.headerBufferSize
    if (lineMax && hasLongLine(headers, lineMax)) {
      request.report(
        'wsgi',
        'error',
        `WSGI0144: Truncated or oversized response headers received from daemon process '${this.group?.group.name}': a line is longer than header-buffer-size (${lineMax})`,
      )
      this.#oversized = true
      return false
    }
    if (this.rules.internalRedirect && status === 200) {
      const location = HeaderTable.of(headers).get('Location')
      if (location?.startsWith('/')) {
        this.#redirect = location
        keepHeaders(request, headers, KEPT)
        return false
      }
    }
    if (this.rules.errorOverride && status >= 400 && status <= 599) {
      keepHeaders(request, headers, KEPT_BY_OVERRIDE)
      return false
    }
    request.status = status
    request.reason = reason
    const before = request.headersOut
    request.headersOut = HeaderTable.of(headers)
    if (before.size > 0) keepEarlier(before, request.headersOut)
    return true
  }

  #instead(status: number): Verdict {
    if (this.#oversized) return { status: 500 }
    return this.#redirect !== undefined ? { redirect: this.#redirect } : { status }
  }

  #reportDeath(what: string, cause?: string): void {
    const group = this.group?.group.name
    const pid = this.#member?.info.pid
    if (group === undefined) return
    if (cause === undefined) {
      void this.owner.causeOfDeath(this.#member).then((found) => this.#reportDeath(what, found))
      return
    }
    this.request.report(
      'wsgi',
      'error',
      `${what} from daemon process '${group}' (pid ${pid}): the process is gone, ${cause}`,
    )
  }

  #unpause(): void {
    this.#paused = false
    heldBytes -= this.#heldBytes
    this.#heldBytes = 0
  }

  /** The interpreter has nothing more to do with this request. */
  #release(): void {
    if (this.#paused) this.#unpause()
    const member = this.#member
    if (member && this.group) {
      this.#channel = undefined
      this.group.finished(member)
    }
  }

  /** A fault of our own, on the way of the response to the client: it is this request's, not the channel's. True: the interpreter may go on. */
  #faulted(error: unknown): true {
    const what = error instanceof Error ? error.stack : error
    this.request.report(
      'wsgi',
      'error',
      `Internal fault while handling ${this.request.target}: ${what}`,
      'WSGH0001',
    )
    this.#cancel()
    // where the response has begun, it is cut
    this.#finish({ status: 500 })
    return true
  }

  #finish(verdict: Verdict): void {
    if (this.#finished) return
    this.#finished = true
    this.owner.settled(this, verdict)
  }
}

/** How many processes may refuse a request to load its script anew: a script that always asks for that would go on for ever. */
function reloadsMax({ group }: ProcessGroup): number {
  return 2 * group.processes + 1
}

/** Whether a header takes more than that many bytes: its name, its value, and the four around them. */
function hasLongLine(headers: readonly string[], most: number): boolean {
  for (let at = 0; at + 1 < headers.length; at += 2)
    if ((headers[at] as string).length + (headers[at + 1] as string).length + 4 > most) return true
  return false
}

/** What modules have set before the application answered (`Vary` by a condition, `Header … early`) stays, unless it has set the same. */
function keepEarlier(before: HeaderTable, table: HeaderTable): void {
  const own = new Set<string>()
  table.each((name) => own.add(name.toLowerCase()))
  before.each((name, value) => {
    const key = name.toLowerCase()
    if (!own.has(key)) table.add(name, value)
    else if (key === 'vary' && table.get(name) !== '*') table.append(name, value)
  })
}

function keepHeaders(request: Request, headers: string[], names: readonly string[]): void {
  const table = HeaderTable.of(headers)
  for (const name of names) for (const value of table.all(name)) request.errHeadersOut.add(name, value)
}
