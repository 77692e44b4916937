/**
 * Numbers of the channel protocol; the counterpart is runtime/_wsgi_httpd/wire.py, the prose docs/channel.md.
 * Every frame begins with `length` (u32, bytes after this field), `type` (u8), `flags` (u8), `aux` (u16), `id` (u32).
 */
import type { AbortReason, FailureReason, RejectReason, RuntimeLogLevel } from './types.js'

export const PROTOCOL = 1
export const HEADER_BYTES = 12
export const REQUEST_HEADER_BYTES = 32
/** The interpreter never sends more in one frame: 64 KiB of body and one response head. */
export const FRAME_MAX_BYTES = 4 * 1024 * 1024
/** Numbers in a region of the progress map; also the most requests in flight on one channel. */
export const REGION_NUMBERS = 4096

/** Worker → interpreter. */
export const Send = {
  request: 1,
  place: 2,
  signature: 3,
  forgetSignatures: 4,
  cancel: 5,
  noop: 6,
  left: 7,
} as const

/** Interpreter → worker. */
export const Receive = {
  hello: 1,
  report: 2,
  answer: 3,
  head: 4,
  data: 5,
  end: 6,
  abort: 7,
  error: 8,
  reject: 9,
  log: 10,
  wantBody: 11,
  switchToBulk: 12,
  needBulk: 13,
  nudge: 14,
  retiring: 15,
  borrow: 16,
  returned: 17,
  took: 20,
} as const

/** Flag of a request: its body is fetched over a bulk lane. */
export const FLAG_BODY_STREAM = 1
/** Flags of a report: a thread waits for requests; finished answers may still be lying in the outbox. */
export const FLAG_READING = 1
export const FLAG_OPEN = 2

/** Lengths with a meaning in the blocks of a bulk lane. */
export const Block = {
  end: 0,
  abort: 0xffffffff,
  tooLarge: 0xfffffffe,
  free: 0xfffffffd,
  wide: 0xfffffffc,
  lent: 0xfffffffb,
  kept: 0xfffffffa,
  sent: 0xfffffff9,
  calledOff: 0xfffffff7,
  asIs: 0xfffffff6,
} as const
/** What follows `lent`: flags, bytes of the header to send first, and bytes that the body may still have. */
export const LENT_BYTES = 4 + 4 + 8
export const FLAG_CHUNKED = 1
export const ANY_LENGTH = 0xffffffffffffffffn
/** What follows `sent`, and the payload of a `returned` frame: bytes of the body, and bytes beside it. */
export const SENT_BYTES = 8 + 8
/** Other blocks are at most this long. */
export const BLOCK_MAX_BYTES = 16 * 1024 * 1024

export const ABORT_REASONS: readonly (AbortReason | undefined)[] = [
  undefined,
  'exception',
  'short',
  'cancelled',
  'timeout',
]
export const FAILURE_REASONS: readonly (FailureReason | undefined)[] = [
  undefined,
  'exception',
  'script',
  'callable',
  'timeout',
  'body-too-large',
  'malformed',
  'queue-timeout',
]
export const REJECT_REASONS: readonly (RejectReason | undefined)[] = [
  undefined,
  'script_reload',
  'maximum_requests',
  'shutdown',
  'retire',
]
export const LOG_LEVELS: readonly (RuntimeLogLevel | undefined)[] = [
  'emerg',
  'alert',
  'crit',
  'error',
  'warn',
  'notice',
  'info',
  'debug',
]
