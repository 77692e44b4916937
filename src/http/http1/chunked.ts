/**
 * Takes a chunked body apart: sizes, extensions (read over), data, trailers. Pure: bytes in, pieces out.
 * Rules: RFC 9112 section 7.1, strictly: every line ends in CR LF, nothing is around a size but extensions.
 */
import { eachField, FIELD_LINE, type HeadFault } from './grammar.js'

/** A size with its extensions. */
const SIZE_LINE_MAX_BYTES = 4096
/** All sizes' extensions of a body together, so that nobody sends a body of extensions. */
const EXTENSIONS_MAX_BYTES = 16 * 1024
const TRAILERS_MAX_BYTES = 16 * 1024
const TRAILERS_MAX = 100

const SIZE_LINE =
  /^([0-9A-Fa-f]{1,13})((?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"))?)*)\r\n$/

/** As far as a size that is not complete can be told. */
const BEGUN_SIZE = /^[0-9A-Fa-f]{0,13}(?:;[\t\x20-\x7e\x80-\xff]*)?\r?$/
const BEGUN_TRAILER = /^[\t\x20-\x7e\x80-\xff]*\r?$/

/** Trailers that would mean something else than they say had they come in the header. Left out (RFC 9110 section 6.5.1). */
const NO_TRAILERS: ReadonlySet<string> = new Set(['host', 'trailer', 'connection'])
/** Trailers that would frame the message anew: whoever sends them is up to something. */
const REFUSED_TRAILERS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding'])

enum At {
  size,
  data,
  dataEnd,
  trailer,
  end,
}

export class ChunkedDecoder {
  /** Set where the body is not what it should be: it ends here. */
  fault: HeadFault | undefined
  trailers: string[] = []
  #at: At = At.size
  #left = 0
  #line = ''
  #extensionBytes = 0
  #trailerText = ''

  /** Whether the body has ended. */
  get done(): boolean {
    return this.#at === At.end
  }

  /**
   * Takes in the bytes from `from` on, up to the end of the body or a fault.
   * @param emit called with each piece of data.
   * @returns the index after what belongs to the body.
   */
  feed(chunk: Buffer, from: number, emit: (data: Buffer) => void): number {
    let at = from
    while (at < chunk.length && this.#at !== At.end && this.fault === undefined) {
      if (this.#at === At.data) {
        const end = Math.min(chunk.length, at + this.#left)
        this.#left -= end - at
        if (this.#left === 0) this.#at = At.dataEnd
        emit(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end))
        at = end
      } else at = this.#readLine(chunk, at)
    }
    return at
  }

  #readLine(chunk: Buffer, at: number): number {
    const found = chunk.indexOf(10, at)
    // never more of it as text than a line may have
    const end = Math.min(found < 0 ? chunk.length : found + 1, at + SIZE_LINE_MAX_BYTES + 1)
    const piece = chunk.toString('latin1', at, end)
    this.#line += piece
    if (this.#line.length > SIZE_LINE_MAX_BYTES) this.fault = 'a line of a chunked body is too long'
    else if (found < 0) this.#lookAtBegun()
    else {
      const line = this.#line
      this.#line = ''
      if (this.#at === At.size) this.#size(line)
      else if (this.#at === At.dataEnd) this.#dataEnd(line)
      else this.#trailer(line)
    }
    return end
  }

  #lookAtBegun(): void {
    const fits =
      this.#at === At.size
        ? BEGUN_SIZE.test(this.#line)
        : this.#at === At.dataEnd
          ? this.#line === '\r'
          : BEGUN_TRAILER.test(this.#line)
    if (!fits) this.fault = 'a chunked body is not framed as it should be'
  }

  #size(line: string): void {
    const parts = SIZE_LINE.exec(line)
    if (parts === null) {
      this.fault = 'a chunk does not begin with its size'
      return
    }
    this.#extensionBytes += (parts[2] as string).length
    if (this.#extensionBytes > EXTENSIONS_MAX_BYTES) {
      this.fault = 'too many bytes of chunk extensions'
      return
    }
    this.#left = Number.parseInt(parts[1] as string, 16)
    this.#at = this.#left === 0 ? At.trailer : At.data
  }

  #dataEnd(line: string): void {
    if (line === '\r\n') this.#at = At.size
    else this.fault = 'a chunk is longer than its size'
  }

  #trailer(line: string): void {
    if (line !== '\r\n') {
      this.#trailerText += line
      if (!FIELD_LINE.test(line)) this.fault = 'a trailer is not "name: value"'
      else if (this.#trailerText.length > TRAILERS_MAX_BYTES) this.fault = 'the trailers are too long'
      return
    }
    let count = 0
    this.fault = eachField(this.#trailerText, 0, (name, value) => {
      if (++count > TRAILERS_MAX) return 'too many trailers'
      if (REFUSED_TRAILERS.has(name.toLowerCase())) return `${name} among the trailers`
      if (!NO_TRAILERS.has(name.toLowerCase())) this.trailers.push(name, value)
      return undefined
    })
    this.#at = At.end
  }
}
