/**
 * From bytes to directive lines: continuations joined, blank ends cut, positions kept. Comments are still there: a comment may end in a
 * backslash too, so they can only be told apart afterwards.
 */
import { SyntaxFault } from './errors.js'
import type { Position } from './position.js'
import { trimSpace } from './words.js'

/** Longest joined line in server files. */
export const MAX_LINE = 16 * 1024 * 1024
/** Longest joined line in `.htaccess` files. */
export const MAX_HTACCESS_LINE = 8192

/** A joined line. */
export interface Line {
  readonly text: string
  /** The last physical line it was made of. */
  readonly at: Position
}

/** Something that gives lines one after another: a file, the body of a macro, `-c` arguments. */
export interface LineSource {
  /** Undefined at the end. Throws {@link SyntaxFault} for lines that are too long or hold NUL bytes. */
  next(): Line | undefined
}

/** Lines of a file's text (latin-1). */
export class TextSource implements LineSource {
  #at = 0
  #line = 0

  constructor(
    private readonly text: string,
    private readonly position: Omit<Position, 'line'>,
    private readonly maxLine = MAX_LINE,
  ) {}

  next(): Line | undefined {
    const { text } = this
    if (this.#at >= text.length) return undefined
    const parts: string[] = []
    let length = 0
    let continued = true
    while (continued && this.#at < text.length) {
      this.#line++
      const newline = text.indexOf('\n', this.#at)
      let end = newline < 0 ? text.length : newline
      const after = newline < 0 ? text.length : newline + 1
      if (newline >= 0 && text[end - 1] === '\r' && end > this.#at) end--
      // only directly before the line end: a blank after it makes it an ordinary backslash
      continued = end > this.#at && text[end - 1] === '\\'
      const part = text.slice(this.#at, continued ? end - 1 : end)
      this.#at = after
      length += part.length
      if (length > this.maxLine)
        throw new SyntaxFault(this.#position(), `Line is longer than ${this.maxLine} bytes`)
      parts.push(part)
    }
    const joined = trimSpace(parts.length === 1 ? (parts[0] as string) : parts.join(''))
    if (joined.includes('\0')) throw new SyntaxFault(this.#position(), 'Line contains a NUL byte')
    return { text: joined, at: this.#position() }
  }

  #position(): Position {
    return { ...this.position, line: this.#line }
  }
}

/** Ready-made lines: the body of a macro, or the directives of `-C` and `-c`. */
export class ArraySource implements LineSource {
  #next = 0

  constructor(
    private readonly lines: readonly string[],
    private readonly position: Omit<Position, 'line'>,
  ) {}

  next(): Line | undefined {
    const text = this.lines[this.#next]
    if (text === undefined) return undefined
    this.#next++
    return { text: trimSpace(text), at: { ...this.position, line: this.#next } }
  }
}

/** Sources one after another on a stack: what `Use` puts on top is read before the rest of the file. */
export class LineStream implements LineSource {
  readonly #sources: { readonly source: LineSource; readonly tag: string | undefined }[] = []
  #last: Position

  constructor(source: LineSource, start: Position) {
    this.#sources.push({ source, tag: undefined })
    this.#last = start
  }

  /** Position of the line given last, or of the start. */
  get at(): Position {
    return this.#last
  }

  push(source: LineSource, tag: string): void {
    this.#sources.push({ source, tag })
  }

  /** Whether a source with that tag is being read. */
  isReading(tag: string): boolean {
    return this.#sources.some((entry) => entry.tag === tag)
  }

  next(): Line | undefined {
    for (;;) {
      const top = this.#sources.at(-1)
      if (top === undefined) return undefined
      const line = top.source.next()
      if (line !== undefined) {
        this.#last = line.at
        return line
      }
      this.#sources.pop()
    }
  }
}
