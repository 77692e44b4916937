import { isIPv6 as hasItsGrammar } from 'node:net'

/**
 * Whether a text is an IPv6 address, as Node's function of that name. That takes 5 ms for its first answer, in which the grammar becomes a program; so it is not
 * asked about what has less than two colons, which is all that most configurations write.
 */
export function isIPv6(text: string): boolean {
  return text.indexOf(':') !== text.lastIndexOf(':') && hasItsGrammar(text)
}
