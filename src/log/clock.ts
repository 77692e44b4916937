/**
 * Moments as the logs print them, in local time: httpd's `ctime` with microseconds and its compact form, and the access log's common log format.
 * All moments are microseconds since the epoch. Texts are kept per second, since a busy second asks for the same one many times.
 */

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** How far `Date.now()` and the monotonic clock may drift apart (clock adjustments) before the latter is set anew. */
const DRIFT_US = 2000

let base = microsOfDate() - monotonicMicros()

/** Now. `Date.now()` only counts milliseconds, so its fine digits come from the monotonic clock. */
export function nowMicros(): number {
  const fine = base + monotonicMicros()
  const coarse = microsOfDate()
  if (fine >= coarse - DRIFT_US && fine <= coarse + DRIFT_US) return fine
  base = coarse - monotonicMicros()
  return coarse
}

function monotonicMicros(): number {
  return Math.floor(performance.now() * 1000)
}

function microsOfDate(): number {
  return Date.now() * 1000
}

/** What `%{…}t` of `ErrorLogFormat` can ask for. */
export interface CtimeOptions {
  readonly fraction?: 'ms' | 'us' | undefined
  /** `2026-11-22 09:22:23` instead of `Sun Nov 22 09:22:23 2026`. */
  readonly compact?: boolean
  /** ` +0100` at the end. */
  readonly zone?: boolean
}

let second = Number.NaN
let parts = { day: '', time: '', year: '', date: '', zone: '', common: '' }

/** `Sun Nov 22 09:22:23.123456 2026` and its variants. */
export function ctime(micros: number, { fraction, compact, zone }: CtimeOptions): string {
  turnTo(Math.floor(micros / 1e6))
  const rest = micros % 1e6
  const digits =
    fraction === 'us'
      ? `.${String(rest).padStart(6, '0')}`
      : fraction === 'ms'
        ? `.${String(Math.floor(rest / 1000)).padStart(3, '0')}`
        : ''
  const text = compact
    ? `${parts.date} ${parts.time}${digits}`
    : `${parts.day} ${parts.time}${digits} ${parts.year}`
  return zone ? `${text} ${parts.zone}` : text
}

/** `[22/Nov/2026:09:24:34 +0000]`, from milliseconds. */
export function commonLogTime(millis: number): string {
  turnTo(Math.floor(millis / 1000))
  return parts.common
}

/** `+0100`: the offset from UTC in force at that moment. */
export function zoneOffset(date: Date): string {
  const minutes = -date.getTimezoneOffset()
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`
}

export function two(number: number): string {
  return number < 10 ? `0${number}` : String(number)
}

function turnTo(wanted: number): void {
  if (wanted === second) return
  second = wanted
  const date = new Date(wanted * 1000)
  const month = MONTHS[date.getMonth()] as string
  const year = String(date.getFullYear())
  const day = two(date.getDate())
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  const zone = zoneOffset(date)
  parts = {
    day: `${DAYS[date.getDay()]} ${month} ${day}`,
    time,
    year,
    date: `${year}-${two(date.getMonth() + 1)}-${day}`,
    zone,
    common: `[${day}/${month}/${year}:${time} ${zone}]`,
  }
}
