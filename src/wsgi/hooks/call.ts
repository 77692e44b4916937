/**
 * A call of a function in a hook script: an exchange with the server worker's own interpreter that has no response, but an answer.
 * The other end is runtime/_wsgi_httpd/hooks.py; what travels is in docs/channel.md.
 */
import type { Request } from '../../request/request.js'
import type { Channel } from '../channel/channel.js'
import type {
  AbortReason,
  BodyPlan,
  Exchange,
  FailureReason,
  Place,
  RuntimeLogLevel,
} from '../channel/types.js'
import type { EmbeddedJob } from '../embedded.js'
import type { RequestEnviron } from '../environ.js'
import type { NamedGroup } from '../target.js'

/**
 * What became of a call. `value`: what the function returned, of a type that it may return.
 * `failed`: `script` cannot be loaded, `callable` is not there, or anything else (`error`); the reason is in the log.
 */
export type HookResult<T> =
  | { readonly value: T; readonly failed?: undefined }
  | { readonly failed: 'script' | 'callable' | 'error' }

/** A call on its way to an interpreter. */
export interface HookJob extends EmbeddedJob {
  readonly place: Place
}

/** What a function is told besides the environ; texts have one character per byte. */
export interface HookWords {
  /** Arguments after environ. */
  readonly words: readonly string[]
  /** Variables of mod_ssl for `mod_ssl.var_lookup`, on TLS alone. */
  readonly tls?: Readonly<Record<string, string>>
}

/** The environ entry that carries the arguments besides environ itself; hooks.py takes it out. */
const ARGUMENTS = 'wsgi_httpd.arguments'
/** Nobody is in so many groups that their names take more. */
const ANSWER_MAX_BYTES = 4 * 1024 * 1024

const NO_BODY: BodyPlan = { kind: 'none' }

/**
 * @param environ what the function sees besides what the place holds.
 */
export function callHook<T>(
  run: (call: HookJob) => void,
  request: Request,
  place: Place,
  group: NamedGroup,
  environ: RequestEnviron,
  said: HookWords,
): Promise<HookResult<T>> {
  return new Promise((resolve) => {
    run(
      new HookCall(request, place, group, environ, said, (result) => {
        request.onAbort = undefined
        resolve(result as HookResult<T>)
      }),
    )
  })
}

/** JSON without a character that could be mistaken on the way: a NUL, or one that Python 2 would have to decode. */
function asciiJson(said: HookWords): string {
  return JSON.stringify(said).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

class HookCall implements Exchange, HookJob {
  readonly fixed: string
  readonly rawHeaders: readonly string[]
  readonly extra: readonly string[]
  readonly body = NO_BODY
  readonly startTime: number
  readonly applicationGroup: string
  readonly isNamedByRequest: boolean
  readonly #parts: Buffer[] = []
  #bytes = 0

  constructor(
    private readonly request: Request,
    readonly place: Place,
    group: NamedGroup,
    environ: RequestEnviron,
    said: HookWords,
    private readonly settle: (result: HookResult<unknown>) => void,
  ) {
    this.applicationGroup = group.name
    this.isNamedByRequest = group.isNamedByRequest
    this.fixed = environ.fixed
    this.rawHeaders = environ.rawHeaders
    this.extra = [...(environ.extra ?? []), ARGUMENTS, asciiJson(said)]
    this.startTime = request.startedAt / 1000
  }

  // EmbeddedJob

  begin(channel: Channel): void {
    this.request.onAbort = () => channel.cancel(this)
    channel.dispatch(this)
  }

  refuse(_status: number, message: string): void {
    this.log('error', message)
    this.settle({ failed: 'error' })
  }

  // Exchange

  answered(_status: number, _reason: string, _headers: string[], body: Buffer | string): void {
    this.data(typeof body === 'string' ? Buffer.from(body, 'latin1') : body)
    this.end()
  }

  head(): void {}

  data(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#bytes <= ANSWER_MAX_BYTES) this.#parts.push(Buffer.from(chunk))
    return true
  }

  end(): void {
    if (this.#bytes > ANSWER_MAX_BYTES) {
      this.#fail(
        `${this.place.callable} of '${this.place.script}' returned more than ${ANSWER_MAX_BYTES} bytes`,
      )
      return
    }
    const answer = readAnswer(Buffer.concat(this.#parts))
    if (answer === undefined)
      this.#fail(`${this.place.callable} of '${this.place.script}': its answer cannot be read`)
    else if (answer.fault !== undefined) this.#fail(answer.fault)
    else this.settle({ value: answer.value })
  }

  aborted(reason: AbortReason): void {
    if (reason !== 'cancelled')
      this.log('error', `${this.place.callable} of '${this.place.script}' was cut short`)
    this.settle({ failed: 'error' })
  }

  failed(reason: FailureReason, note: string): void {
    if (note !== '') this.log('error', note)
    this.settle({ failed: reason === 'script' || reason === 'callable' ? reason : 'error' })
  }

  rejected(): void {
    this.#fail('the interpreter of this server process is shutting down')
  }

  log(level: RuntimeLogLevel, text: string): void {
    this.request.report('wsgi', level, text)
  }

  #fail(why: string): void {
    this.log('error', why)
    this.settle({ failed: 'error' })
  }
}

/** What the function returned, or what is wrong with that. An interpreter runs other people's code: anything may come. */
function readAnswer(bytes: Buffer): { readonly value?: unknown; readonly fault?: string } | undefined {
  try {
    const answer: unknown = JSON.parse(bytes.toString('ascii'))
    if (typeof answer !== 'object' || answer === null) return undefined
    const { value, fault } = answer as { value?: unknown; fault?: unknown }
    if (fault === undefined) return { value }
    return typeof fault === 'string' ? { fault } : undefined
  } catch {
    return undefined
  }
}
