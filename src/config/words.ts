/**
 * How httpd splits a directive's text into words (`ap_getword_conf`). Text is latin-1, white space is ASCII white space.
 */

const SPACE = /[ \t-\r]*/y

function skipSpace(text: string, from: number): number {
  SPACE.lastIndex = from
  SPACE.test(text)
  return SPACE.lastIndex
}

/** Takes the first word; `rest` starts at the next one. An empty `word` with an empty `rest` means there was none. */
export function nextWord(text: string): { word: string; rest: string } {
  const start = skipSpace(text, 0)
  const quote = text[start]
  let end: number
  let word: string
  if (quote === '"' || quote === "'") {
    end = start + 1
    // a missing closing quote is no error: the rest of the line is the word
    while (end < text.length && text[end] !== quote) {
      const escaped = text[end] === '\\' && (text[end + 1] === quote || text[end + 1] === '\\')
      end += escaped ? 2 : 1
    }
    word = unescaped(text.slice(start + 1, end), quote)
    if (end < text.length) end++
  } else {
    end = start
    while (end < text.length && !isSpace(text.charCodeAt(end))) end++
    word = unescaped(text.slice(start, end), undefined)
  }
  return { word, rest: text.slice(skipSpace(text, end)) }
}

/** All words of a text. */
export function splitWords(text: string): string[] {
  const words: string[] = []
  for (let rest = text.slice(skipSpace(text, 0)); rest !== ''; ) {
    const next = nextWord(rest)
    words.push(next.word)
    rest = next.rest
  }
  return words
}

/** Without white space at both ends; `String.trim` would take the no-break space (a byte of UTF-8 characters) too. */
export function trimSpace(text: string): string {
  let end = text.length
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(skipSpace(text, 0), end)
}

export function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}

/** `\\` is a backslash, `\` before the quote in use is that quote; every other backslash stays. */
function unescaped(text: string, quote: string | undefined): string {
  return text.includes('\\')
    ? text.replace(/\\(["'\\])/g, (both, char) => (char === '\\' || char === quote ? char : both))
    : text
}
