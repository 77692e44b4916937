/**
 * What one run over a set of rules has at hand.
 */
import type { Request } from '../../request/request.js'

export type Groups = readonly (string | undefined)[]

export interface RunState {
  readonly request: Request
  /** The directory whose rules run; undefined for those of a server. */
  readonly directory: string | undefined
  /** What the rule's pattern has matched, `$0` to `$9`. */
  groups: Groups
  /** What the last condition that matched has found, `%0` to `%9`. */
  conditionGroups: Groups
  /** Request header fields that the condition at hand has looked at. */
  vary: string[]
  /** Variables that the rule at hand is about to set; undefined: to remove. */
  readonly env: Map<string, string | undefined>
}
