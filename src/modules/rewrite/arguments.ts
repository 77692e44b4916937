/**
 * The arguments of `RewriteRule` and `RewriteCond`: two words and, perhaps, flags. They have rules of their own for quotes and backslashes, so that
 * regular expressions need no doubling. Pure.
 */

export interface RewriteArguments {
  readonly first: string
  readonly second: string
  /** With its brackets. */
  readonly flags: string | undefined
}

/** undefined where there are fewer than two words. */
export function splitRewriteArguments(line: string): RewriteArguments | undefined {
  const first = takeWord(line)
  if (first === undefined || first.rest === '') return undefined
  const second = takeWord(first.rest)
  if (second === undefined) return undefined
  const flags = second.rest.trim()
  return {
    first: first.word,
    second: second.word,
    flags: flags === '' ? undefined : flags.replace(/^(["'])(.*)\1$/s, '$2'),
  }
}

/** A word up to white space or its closing quote. A backslash before white space keeps both in the word. */
function takeWord(text: string): { word: string; rest: string } | undefined {
  if (text === '') return undefined
  const quote = /^["']/.exec(text)?.[0]
  const start = quote === undefined ? 0 : 1
  let at = start
  while (at < text.length) {
    const char = text[at] as string
    if (quote === undefined ? /\s/.test(char) : char === quote) break
    at += char === '\\' && /\s/.test(text[at + 1] ?? '') ? 2 : 1
  }
  return { word: text.slice(start, at), rest: text.slice(at + (quote === undefined ? 0 : 1)).trimStart() }
}

export interface WrittenFlag {
  readonly name: string
  /** Empty where none is written. */
  readonly value: string
}

/** @throws Error where the brackets are missing */
export function splitFlags(text: string): WrittenFlag[] {
  if (!text.startsWith('[') || !text.endsWith(']') || text.length < 2) throw new Error('bad flag delimiters')
  return text
    .slice(1, -1)
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const equals = part.indexOf('=')
      return equals < 0
        ? { name: part, value: '' }
        : { name: part.slice(0, equals), value: part.slice(equals + 1).replace(/^"(.*)"$/s, '$1') }
    })
}
