/**
 * A pattern as a tree: what `regex-syntax.ts` reads and `regex.ts` writes.
 */
import type { CharSet } from './charset.js'

export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharSet; readonly negated: boolean; readonly ignoreCase: boolean }
  | { readonly kind: 'char'; readonly code: number; readonly ignoreCase: boolean }
  /** JavaScript text that takes no character: `^`, `$`, `\b`, … */
  | { readonly kind: 'assertion'; readonly source: string }
  /** JavaScript text that takes characters: line ends and the like. */
  | { readonly kind: 'verbatim'; readonly source: string }
  | { readonly kind: 'backreference'; readonly to: number | string; readonly ignoreCase: boolean }
  | { readonly kind: 'group'; readonly opening: GroupOpening; readonly body: RegexNode }
  | { readonly kind: 'capture'; readonly number: number; readonly name?: string; readonly body: RegexNode }
  | { readonly kind: 'atomic'; readonly body: RegexNode }
  | {
      readonly kind: 'repeat'
      readonly body: RegexNode
      readonly times: string
      readonly min: number
      readonly mode: 'greedy' | 'lazy' | 'possessive'
    }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'alternatives'; readonly branches: readonly RegexNode[] }

export type GroupOpening = '(?:' | '(?=' | '(?!' | '(?<=' | '(?<!'
