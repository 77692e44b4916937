/**
 * The named parts of PCRE patterns: `\d`, `[[:alpha:]]`, `\n`, `\A` and their kin, as they are without Unicode and in the C locale.
 */
import { CharSet } from './charset.js'

const DIGIT = CharSet.of(['0', '9'])
const WORD = CharSet.of(['0', '9'], ['A', 'Z'], ['a', 'z'], '_')
// not JavaScript's \s, which has the no-break space and more
const SPACE = CharSet.of(['\t', '\r'], ' ')
const HORIZONTAL = CharSet.of('\t \xa0')
const VERTICAL = CharSet.of(['\n', '\r'], '\x85')

/** By lower-case letter; the upper-case one is what is not in the set. */
export const ESCAPED_SETS: Record<string, CharSet> = {
  d: DIGIT,
  w: WORD,
  s: SPACE,
  h: HORIZONTAL,
  v: VERTICAL,
}

/** By the name in `[[:name:]]`. */
export const POSIX_SETS: Record<string, CharSet> = {
  alpha: CharSet.of(['A', 'Z'], ['a', 'z']),
  lower: CharSet.of(['a', 'z']),
  upper: CharSet.of(['A', 'Z']),
  alnum: CharSet.of(['0', '9'], ['A', 'Z'], ['a', 'z']),
  ascii: CharSet.of(['\0', '\x7f']),
  blank: CharSet.of(' \t'),
  cntrl: CharSet.of(['\0', '\x1f'], '\x7f'),
  digit: DIGIT,
  graph: CharSet.of(['!', '~']),
  print: CharSet.of([' ', '~']),
  punct: CharSet.of(['!', '/'], [':', '@'], ['[', '`'], ['{', '~']),
  space: SPACE,
  word: WORD,
  xdigit: CharSet.of(['0', '9'], ['A', 'F'], ['a', 'f']),
}

/** Letters that stand for a control character. */
export const CONTROL: Record<string, number> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 }

/** Letters that take no character, and what they are in JavaScript. */
export const ASSERTIONS: Record<string, string> = {
  A: '^',
  G: '^',
  b: '\\b',
  B: '\\B',
  z: '$',
  Z: '(?=\\n?$)',
}
