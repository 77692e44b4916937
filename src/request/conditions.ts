/**
 * Conditional requests and ranges as pure decisions: what a response with these validators may become.
 * Rules: RFC 9110 sections 13 and 14; httpd's ap_meets_conditions and byterange filter.
 */
import type { Stats } from 'node:fs'
import parseRange from 'range-parser'
import { withoutCoding } from '../modules/compress/eligible.js'
import type { FileETag } from '../modules/core/settings.js'

export interface Validators {
  /** With its quotes; undefined for none. */
  readonly etag: string | undefined
  /** Milliseconds since the epoch; whole seconds count. undefined for none. */
  readonly modified: number | undefined
}

/** Looks up a request header. */
export type HeaderOf = (name: string) => string | undefined

/** 304, 412, or undefined: go on. */
export function failedCondition(
  method: string,
  header: HeaderOf,
  { etag, modified }: Validators,
  now: number,
): 304 | 412 | undefined {
  const modifiedSecond = modified === undefined ? undefined : Math.floor(modified / 1000)
  const ifMatch = header('If-Match')
  if (ifMatch !== undefined) {
    if (ifMatch.trim() !== '*' && (etag === undefined || !listHas(ifMatch, etag, true))) return 412
  } else {
    const since = seconds(header('If-Unmodified-Since'))
    if (since !== undefined && modifiedSecond !== undefined && modifiedSecond > since) return 412
  }
  const isRead = method === 'GET' || method === 'HEAD'
  const ifNoneMatch = header('If-None-Match')
  if (ifNoneMatch !== undefined) {
    const matches =
      ifNoneMatch.trim() === '*' ||
      (etag !== undefined && listHas(withoutCoding(ifNoneMatch), withoutCoding(etag), false))
    if (!matches) return undefined
    return isRead ? 304 : 412
  }
  const since = seconds(header('If-Modified-Since'))
  // a date that has not been yet says nothing
  if (
    isRead &&
    since !== undefined &&
    modifiedSecond !== undefined &&
    since <= now / 1000 &&
    modifiedSecond <= since
  )
    return 304
  return undefined
}

function seconds(date: string | undefined): number | undefined {
  const time = date === undefined ? Number.NaN : Date.parse(date)
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000)
}

/** Whether a list of entity tags has that one; strong comparison takes no weak ones. */
function listHas(list: string, etag: string, strong: boolean): boolean {
  if (strong && etag.startsWith('W/')) return false
  const opaque = etag.replace(/^W\//, '')
  for (const [tag] of list.matchAll(/(?:W\/)?"[^"]*"/g))
    if (strong ? tag === etag : tag.replace(/^W\//, '') === opaque) return true
  return false
}

export interface Range {
  readonly start: number
  /** The last byte, included. */
  readonly end: number
}

export interface RangeLimits {
  readonly maxRanges: number
  readonly maxRangeOverlaps: number
  readonly maxRangeReversals: number
}

/**
 * The ranges to send, in the order asked for, adjacent ones joined; undefined: send everything; `'none'`: none of them lies within the file.
 */
export function chosenRanges(
  header: HeaderOf,
  size: number,
  { etag, modified }: Validators,
  limits: RangeLimits,
): readonly Range[] | 'none' | undefined {
  const asked = header('Range')
  if (asked === undefined || limits.maxRanges === 0) return undefined
  const ifRange = header('If-Range')
  if (ifRange !== undefined) {
    const current = ifRange.includes('"')
      ? etag !== undefined && listHas(ifRange, etag, true)
      : modified !== undefined && seconds(ifRange) === Math.floor(modified / 1000)
    if (!current) return undefined
  }
  const wanted = readableRanges(asked, size)
  if (wanted === undefined) return undefined
  const each = parseRange(size, wanted)
  if (each === -2) return undefined
  if (each === -1) return 'none'
  if (wanted.split(',').length > limits.maxRanges) return undefined
  const { overlaps, reversals } = disorder(each)
  if (overlaps > limits.maxRangeOverlaps || reversals > limits.maxRangeReversals) return undefined
  const joined = parseRange(size, wanted, { combine: true })
  return typeof joined === 'number' ? undefined : joined
}

/**
 * The field as the parser of ranges takes it: without empty elements, a suffix that is longer than the file cut to it. Undefined for another unit,
 * and where one element is no range or ends before it begins: such a field is to be ignored (RFC 9110, 14.1.1).
 */
function readableRanges(field: string, size: number): string | undefined {
  if (!/^bytes=/i.test(field)) return undefined
  const ranges: string[] = []
  for (const element of field.slice('bytes='.length).split(',')) {
    const text = element.trim()
    if (text === '') continue
    const [, first, last] = /^(\d*)-(\d*)$/.exec(text) ?? []
    if (first === undefined || last === undefined || text === '-') return undefined
    if (first !== '' && last !== '' && Number(first) > Number(last)) return undefined
    ranges.push(first === '' ? `-${Math.min(Number(last), size)}` : text)
  }
  return ranges.length === 0 ? undefined : `bytes=${ranges.join(',')}`
}

/** How often a range touches the one before it, and how often one begins before it. */
function disorder(ranges: readonly Range[]): { overlaps: number; reversals: number } {
  let overlaps = 0
  let reversals = 0
  for (let at = 1; at < ranges.length; at++) {
    const before = ranges[at - 1] as Range
    const range = ranges[at] as Range
    if (range.start < before.start) reversals++
    if (range.start <= before.end && range.end >= before.start) overlaps++
  }
  return { overlaps, reversals }
}

/**
 * The entity tag of a file by `FileETag`; weak while the file could still change within the second it was written in.
 * @param now milliseconds since the epoch.
 */
export function fileETag(
  file: Pick<Stats, 'ino' | 'size' | 'mtimeMs'>,
  parts: FileETag,
  now: number,
): string | undefined {
  const words: string[] = []
  if (parts.inode) words.push(file.ino.toString(16))
  if (parts.size) words.push(file.size.toString(16))
  if (parts.mtime) words.push(Math.floor(file.mtimeMs * 1000).toString(16))
  if (words.length === 0) return undefined
  return `${now - file.mtimeMs > 1000 ? '' : 'W/'}"${words.join('-')}"`
}
