/**
 * What the gateway and the channel say to each other: exchanges, places, and how they end.
 *
 * A *channel* joins one server worker to one Python interpreter (an application group in a runtime process).
 * The gateway hands it exchanges; the channel calls each exchange back until exactly one final call has been made.
 * Strings that become WSGI values are "binary strings": one character per byte, U+0000 to U+00FF, and never NUL.
 */
import type { BodySource, HandedOver } from '../../http/message.js'

/**
 * The environ keys whose values come with every request, in the order of `Exchange.fixed`.
 * Python 3 shows each value as a Latin-1 `str`. An empty value is an empty string, never an absent key.
 */
export const FIXED_KEYS = [
  'REQUEST_METHOD',
  'SCRIPT_NAME',
  'PATH_INFO',
  'QUERY_STRING',
  'REQUEST_URI',
  'SERVER_PROTOCOL',
  'SERVER_NAME',
  'SERVER_PORT',
  'SERVER_ADDR',
  'REMOTE_ADDR',
  'REMOTE_PORT',
  'wsgi.url_scheme',
  'mod_wsgi.request_id',
  'mod_wsgi.connection_id',
] as const

/** What is done with the file of a place: PEP 3333 application, `WSGIHandlerScript`, load it and no more, or ask a function of it. */
export type PlaceKind = 'script' | 'handler' | 'import' | 'hook'

/**
 * The constant part of many requests. It is sent once per channel and recognised by identity: make one object per
 * merged configuration (and per listener, where `mod_wsgi.listener_*` differ), keep it, and never change it.
 */
export interface Place {
  readonly kind: PlaceKind
  /** Absolute path of the Python file that is loaded, as the interpreter sees it (inside a chroot). */
  readonly script: string
  /** Name of the application object; `handle_request` for handler scripts; the function of a hook. Unused for imports. */
  readonly callable: string
  /** Whether the file is watched: stat before each request, and `reload_required()`. */
  readonly reload: boolean
  /** Whether `Authorization` becomes `HTTP_AUTHORIZATION` (`WSGIPassAuthorization`). */
  readonly passAuthorization: boolean
  /**
   * Environ entries with constant values, for instance `SCRIPT_FILENAME`, `DOCUMENT_ROOT`, `SERVER_SOFTWARE`,
   * `mod_wsgi.request_handler`. The runtime adds all `wsgi.*` and the `mod_wsgi.*` that it knows better.
   */
  readonly base: Readonly<Record<string, string>>
}

/** Request bodies up to this many bytes travel inside the request frame, where they are complete in time. */
export const INLINE_BODY_MAX_BYTES = 64 * 1024

/** Where the bytes of `wsgi.input` come from. */
export type BodyPlan =
  | { readonly kind: 'none' }
  /** The whole body, at most {@link INLINE_BODY_MAX_BYTES}. */
  | { readonly kind: 'inline'; readonly data: Uint8Array }
  | {
      readonly kind: 'stream'
      /** Read only once the application reads. Ends early ⇒ OSError in Python. */
      readonly source: BodySource
      /** Most bytes that may arrive; the read that goes beyond raises, and the exchange fails with `body-too-large`. */
      readonly limit?: number
      /** Called once, just before the first byte is asked for: the moment for `100 Continue`. */
      readonly wanted?: () => void
    }

/** Severity of a log line, as in httpd's `LogLevel`. */
export type RuntimeLogLevel = 'emerg' | 'alert' | 'crit' | 'error' | 'warn' | 'notice' | 'info' | 'debug'

/** Why a response that had begun cannot be completed. The connection must be cut so that the client notices. */
export type AbortReason =
  /** The application raised; the traceback was logged through {@link Exchange.log}. */
  | 'exception'
  /** Less was produced than `Content-Length` said. */
  | 'short'
  /** {@link Exchange} was cancelled by the gateway, and the application has now let go of it. */
  | 'cancelled'
  /** `mod_wsgi.RequestTimeout` reached the server. */
  | 'timeout'
  /** The interpreter, or the connection to it, is gone. */
  | 'died'

/** Why there is no response at all. The gateway makes the error page. */
export type FailureReason =
  /** The application raised before headers were sent (500). */
  | 'exception'
  /** The script is missing, unreadable, or raised while being loaded (500). */
  | 'script'
  /** The script has no such callable (500). */
  | 'callable'
  /** `mod_wsgi.RequestTimeout` reached the server (504). */
  | 'timeout'
  /** The body went beyond its limit and the application gave up (413). */
  | 'body-too-large'
  /** A value held a NUL byte, or the frame was otherwise unusable (400). */
  | 'malformed'
  /** It had waited for longer than `queue-timeout` when a thread took it; application code has not seen it (504). */
  | 'queue-timeout'
  /** The process died with this request in application code: never repeat it (502). */
  | 'died'

/** Why application code has not seen a request: it may be given to another process. */
export type RejectReason =
  | 'script_reload'
  | 'maximum_requests'
  | 'shutdown'
  /** `retire` was asked for by the parent. */
  | 'retire'
  /** The process died before it began the request. */
  | 'died'
  /** The channel was already closed or draining when it was handed over. */
  | 'closed'

/** Lets the gateway take up a response again after `data` returned false. */
export interface Flow {
  /** Continues delivery; no effect when not paused. */
  resume(): void
  /** All that was delivered has gone to the client. */
  drained(): void
}

/**
 * One request and its response. Final calls, of which exactly one is made: `answered`, `end`, `aborted`, `failed`,
 * `rejected`. None is made from inside `dispatch`. After `cancel` the only final calls are `aborted` and `rejected`.
 * None throws: the channel is other requests', too.
 */
export interface Exchange {
  readonly place: Place
  /** Values of {@link FIXED_KEYS}, in that order, joined by NUL. */
  readonly fixed: string
  /** Header names and values as received, alternating (`IncomingMessage.rawHeaders`). */
  readonly rawHeaders: readonly string[]
  /**
   * More environ entries, key and value alternating; they win over everything else that Node sends.
   * Native strings only. Costs a little: constants belong into the place.
   */
  readonly extra?: readonly string[]
  readonly body: BodyPlan
  /** When the request was received, in seconds since 1970 (`mod_wsgi.request_start`). */
  readonly startTime: number

  /** The whole response at once. `headers` alternates name and value; a small `body` is latin-1 text, another only there during the call: copy what is kept. */
  answered(status: number, reason: string, headers: string[], body: Buffer | string): void
  /** The status and headers of a response whose body follows. */
  head(status: number, reason: string, headers: string[], flow: Flow): void
  /** The next bytes; false asks for a pause until `flow.resume()`. `chunk` belongs to the callee for as long as {@link holds} says so. */
  data(chunk: Buffer): boolean
  /** Whether bytes of any chunk are still needed; absent: for ever. */
  holds?(): boolean
  end(): void
  aborted(reason: AbortReason): void
  /** `note` is one line for the log; it never goes to the client. */
  failed(reason: FailureReason, note: string): void
  rejected(reason: RejectReason): void
  /**
   * The client's connection where the interpreter may write the rest of the response to it itself. Asked after `head`. `later`: when the flow has
   * drained.
   * @param firstMaxBytes of the header that may be left to it
   * @param isKept the connection may serve other requests afterwards
   */
  lend?(firstMaxBytes: number, isKept: boolean): HandedOver | 'later' | undefined
  /** The interpreter has written so many more bytes of the body to the connection that was lent, and so many to frame them. */
  sentByItself?(bytes: number, overheadBytes: number): void
  /** The rest of what it has begun to write there, whose bytes have been told. False and `chunk` as with `data`. */
  dataAsIs?(chunk: Buffer): boolean
  /** One line that belongs to this request. It may come before or after the final call's turn, never after it. */
  log(level: RuntimeLogLevel, text: string): void
}

/**
 * Whether clients' connections are lent for large bodies: not at all, for one response, with which the connection ends, or so that other requests may
 * follow on it ("Lending a client's connection" in docs/channel.md).
 */
export type Lending = 'never' | 'for one response' | 'kept'

/** Where a runtime process takes lanes. */
export interface LaneAddress {
  /** UNIX socket the runtime process listens on. */
  readonly socketPath: string
  /** What it was told that lanes begin with, see {@link import('../../python/control.js').RuntimeSettings}. */
  readonly secret: string
}

/** Where a channel leads. */
export interface ChannelTarget extends LaneAddress {
  /** `''` is the main interpreter (`%{GLOBAL}`). */
  readonly applicationGroup: string
  /** That name came about by a request: their number is limited (`WSGIHttpdApplicationGroupLimit`). */
  readonly isNamedByRequest?: boolean
  /** The process, for the error log; undefined: this one. */
  readonly pid?: number
  /** Requests that the process was told to run at a time. Bounds follow from it: what the process says of itself is not asked. */
  readonly threads: number
  /** The progress file of the process (see `docs/channel.md`); without it every begun request counts as seen. */
  readonly progressPath?: string
  /** Whether the interpreter may send and read large bodies over the client's connection itself. */
  readonly lends?: Lending
  /** A line for the error log from a request that is over: a child that the application has forked may write when it likes. */
  readonly lateLog?: (level: RuntimeLogLevel, text: string) => void
  /** Milliseconds for connection and greeting, the making of a sub-interpreter included. Default 15000. */
  readonly connectTimeoutMs?: number
}

/** How a channel ended. `error` is absent for an orderly end. */
export interface ChannelEnd {
  readonly error?: Error
}
