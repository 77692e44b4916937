/**
 * The `name=value` words of mod_wsgi's directives. Only the value may be quoted, and the quote must follow `=` directly
 * (release 3.0, bug fix 1), so httpd's own word rules do not apply. Pure text.
 */

/** Why a text is no list of options; callers put their directive's own message around it. */
export class OptionSyntaxError extends Error {
  override readonly name = 'OptionSyntaxError'
}

const BLANK = /[ \t\r\n\f\v]/

/**
 * Takes one word: quoted (`\` escapes the quote and itself; a missing end quote takes the rest of the line) or up to the next white space.
 * Returns the word and the index of what follows it, white space skipped. `undefined` at the end of the text.
 */
export function takeWord(text: string, from: number): { word: string; next: number } | undefined {
  let at = skipBlank(text, from)
  if (at >= text.length) return undefined
  const quote = text[at]
  let word = ''
  if (quote === '"' || quote === "'") {
    for (at++; at < text.length && text[at] !== quote; at++) {
      if (text[at] === '\\' && (text[at + 1] === quote || text[at + 1] === '\\')) at++
      word += text[at]
    }
    at++
  } else {
    const start = at
    while (at < text.length && !BLANK.test(text[at] as string)) at++
    word = text.slice(start, at)
  }
  return { word, next: skipBlank(text, at) }
}

/**
 * Splits `a=1 b="x y"` into pairs, in order; a name may come more than once.
 * @throws OptionSyntaxError for white space before `=`, a missing name or a missing `=`.
 */
export function parseOptions(text: string, from = 0): [name: string, value: string][] {
  const pairs: [string, string][] = []
  let at = skipBlank(text, from)
  while (at < text.length) {
    const start = at
    while (at < text.length && text[at] !== '=' && !BLANK.test(text[at] as string)) at++
    if (text[at] !== '=' || at === start)
      throw new OptionSyntaxError(`'${text.slice(start)}' is not of the form name=value`)
    const name = text.slice(start, at)
    const value = takeWord(text, at + 1)
    // `name=` at the end of the line is an empty value: options that need one say so themselves.
    pairs.push([name, value?.word ?? ''])
    at = value?.next ?? text.length
  }
  return pairs
}

function skipBlank(text: string, from: number): number {
  let at = from
  while (at < text.length && BLANK.test(text[at] as string)) at++
  return at
}
