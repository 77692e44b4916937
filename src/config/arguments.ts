/**
 * Counting a directive's words against its shape, with httpd's texts for what does not fit.
 */
import type { ArgumentShape } from './directive.js'
import { splitWords } from './words.js'

const COUNTED: Readonly<Record<string, string>> = {
  '1': 'takes one argument',
  '2': 'takes two arguments',
  '3': 'takes three arguments',
  '1,2': 'takes 1-2 arguments',
  '2,3': 'takes two or three arguments',
  '1,2,3': 'takes one, two or three arguments',
  '1,3': 'takes one or three arguments',
}

/** The words for `apply`, or the message that tells why they do not fit. */
export type Arguments = { readonly words: readonly string[] } | { readonly failure: string }

/** Splits `text` by the shape. `help` becomes the tail of the message. */
export function readArguments(name: string, shape: ArgumentShape, text: string, help: string): Arguments {
  const fail = (reason: string): Arguments => ({ failure: `${name} ${reason}, ${help}` })
  if (shape.kind === 'raw') return { words: [text] }
  if (shape.kind === 'none') return text === '' ? { words: [] } : { failure: `${name} takes no arguments` }
  const words = splitWords(text)
  switch (shape.kind) {
    case 'argv':
      return { words }
    case 'flag': {
      // httpd looks at the first word alone
      const word = words[0]?.toLowerCase()
      if (word !== 'on' && word !== 'off') return { failure: `${name} must be On or Off` }
      return { words: [word === 'on' ? 'On' : 'Off'] }
    }
    case 'iterate':
      return words.length === 0 ? fail('requires at least one argument') : { words }
    case 'iterate2':
      return words.length < 2 ? fail('requires at least two arguments') : { words }
    case 'take':
      return takeWords(words, shape.counts, fail)
  }
}

function takeWords(
  words: string[],
  counts: readonly number[],
  fail: (reason: string) => Arguments,
): Arguments {
  const least = Math.min(...counts)
  const reason = COUNTED[counts.join(',')] ?? `takes ${counts.join(' or ')} arguments`
  // an empty word counts as none: among those that must be there, and for the second of "1-2"
  if (words.slice(0, least).includes('')) return fail(reason)
  if (counts.join(',') === '1,2' && words.length === 2 && words[1] === '') words.pop()
  return counts.includes(words.length) ? { words } : fail(reason)
}
