/**
 * Gathers a request header that comes in pieces. What cannot become a header is refused at its first wrong line, and what is too long when the
 * limit is passed, however little of it comes at a time. A header that is there as a whole does not come through here (connection.ts).
 */
import { BEGUN_LINE, BEGUN_REQUEST_LINE, FIELD_LINE, faultOfRequestLine, type HeadFault } from './grammar.js'

/** Empty lines before a request line, which some clients send after a body. */
const EMPTY_LINES_MAX = 8

export interface HeadRefusal {
  readonly status: 400 | 414 | 431
  readonly why: HeadFault
}

/** More has to come; the header; or why it is none. */
export type HeadProgress = undefined | string | HeadRefusal

export class HeadReader {
  /** Bytes that have come so far; 0: no header has begun. */
  bytes = 0
  /** How much of the last piece belongs to the header. */
  consumed = 0
  #lines: string[] = []
  #partial = ''
  #emptyLines = 0

  /** @param maxBytes of the whole header, line ends included. */
  constructor(private readonly maxBytes: number) {}

  /** What came first of a header that is not complete, for the log. */
  get firstLine(): string {
    return (this.#lines[0] ?? this.#partial).trimEnd()
  }

  /** The next piece, as latin-1. A string is the header without the empty line after it, and the reader is ready for another one. */
  feed(piece: string): HeadProgress {
    let at = 0
    for (;;) {
      const lineEnd = piece.indexOf('\n', at)
      const rest = piece.slice(at, lineEnd < 0 ? undefined : lineEnd + 1)
      this.bytes += rest.length
      this.#partial += rest
      if (this.bytes > this.maxBytes) return this.#tooLong()
      if (lineEnd < 0) return this.#lookAtBegun(rest)
      at = lineEnd + 1
      const line = this.#partial
      this.#partial = ''
      if (line === '\r\n') {
        if (this.#lines.length > 0) {
          this.consumed = at
          return this.#complete()
        }
        this.bytes = 0
        if (++this.#emptyLines > EMPTY_LINES_MAX) return refusal('too many empty lines before a request')
        continue
      }
      const fault = this.#faultOf(line)
      this.#lines.push(line)
      if (fault !== undefined) return refusal(fault)
    }
  }

  /** Forgets everything. */
  reset(): void {
    this.#lines = []
    this.#partial = ''
    this.#emptyLines = 0
    this.bytes = 0
  }

  #complete(): string {
    const text = this.#lines.join('')
    this.reset()
    return text
  }

  #faultOf(line: string): HeadFault | undefined {
    if (!line.endsWith('\r\n')) return 'a line ends without carriage return'
    if (this.#lines.length > 0) return FIELD_LINE.test(line) ? undefined : 'a field is not "name: value"'
    return faultOfRequestLine(line.slice(0, -2))
  }

  /** What is no line yet: the new bytes, and for the short beginning of a request all of it. */
  #lookAtBegun(rest: string): HeadProgress {
    const before = this.#partial.length - rest.length
    const brokenEnd = rest !== '' && before > 0 && this.#partial.charCodeAt(before - 1) === 13
    if (brokenEnd || !BEGUN_LINE.test(rest)) return refusal('a byte that no header may have')
    const isFirst = this.#lines.length === 0
    if (
      isFirst &&
      this.#partial.length < 64 &&
      this.#partial !== '' &&
      this.#partial !== '\r' &&
      !BEGUN_REQUEST_LINE.test(this.#partial)
    )
      return refusal('the request line is not "method target HTTP/version"')
    return undefined
  }

  #tooLong(): HeadRefusal {
    return this.#lines.length === 0
      ? { status: 414, why: `the request line is longer than ${this.maxBytes} bytes` }
      : { status: 431, why: `the header is longer than ${this.maxBytes} bytes` }
  }
}

function refusal(why: HeadFault): HeadRefusal {
  return { status: 400, why }
}
