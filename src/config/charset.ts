/**
 * Sets of characters for the pattern translators (`regex.ts`, `fnmatch.ts`). Configuration, paths and header fields are bytes here (latin-1
 * text), so a set is 256 flags and one more for whatever lies beyond, should a caller hand in other text.
 */
export class CharSet {
  readonly #bytes = new Uint8Array(256)
  #beyond = false

  static of(...members: readonly (string | readonly [string, string])[]): CharSet {
    const set = new CharSet()
    for (const member of members) {
      if (typeof member === 'string') for (const char of member) set.add(char.charCodeAt(0))
      else set.addRange(member[0].charCodeAt(0), member[1].charCodeAt(0))
    }
    return set
  }

  add(code: number): void {
    if (code < 256) this.#bytes[code] = 1
  }

  /** Both ends included. */
  addRange(from: number, to: number): void {
    this.#bytes.fill(1, from, to + 1)
  }

  addSet(other: CharSet): void {
    for (let code = 0; code < 256; code++) if (other.#bytes[code]) this.#bytes[code] = 1
    this.#beyond ||= other.#beyond
  }

  remove(code: number): void {
    this.#bytes[code] = 0
  }

  inverted(): CharSet {
    const set = new CharSet()
    for (let code = 0; code < 256; code++) set.#bytes[code] = this.#bytes[code] ? 0 : 1
    set.#beyond = !this.#beyond
    return set
  }

  /** With the other case of each ASCII letter; other letters have no case in httpd's patterns. */
  withBothCases(): CharSet {
    const set = new CharSet()
    set.addSet(this)
    for (let code = 0x41; code <= 0x5a; code++) {
      if (this.#bytes[code] || this.#bytes[code + 32]) set.#bytes[code] = set.#bytes[code + 32] = 1
    }
    return set
  }

  /** As a character class of a JavaScript regular expression without `u` or `v` flag. */
  toRegexSource(): string {
    if (this.#beyond) return `[^${this.inverted().#ranges()}]`
    return `[${this.#ranges()}]`
  }

  #ranges(): string {
    let text = ''
    for (let from = 0; from < 256; from++) {
      if (!this.#bytes[from]) continue
      let to = from
      while (this.#bytes[to + 1]) to++
      text += regexLiteral(from)
      if (to > from + 1) text += '-'
      if (to > from) text += regexLiteral(to)
      from = to
    }
    return text
  }
}

/** One character as JavaScript regular expression text, inside or outside of a class. */
export function regexLiteral(code: number): string {
  const char = String.fromCharCode(code)
  if (/[A-Za-z0-9_ /:;,=@!"'%&<>~`#]/.test(char)) return char
  if (code < 256 && (code < 0x20 || code > 0x7e)) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code > 255) return `\\u${code.toString(16).padStart(4, '0')}`
  return `\\${char}`
}
