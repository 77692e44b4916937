/**
 * What mod_negotiation's directives set.
 */
import { settingsKey } from '../../config/settings.js'

interface NegotiationDir {
  /** Language tags, the preferred one first. */
  readonly languagePriority: readonly string[]
  readonly force: readonly ('none' | 'prefer' | 'fallback')[]
}

export const negotiationDir = settingsKey<NegotiationDir>('negotiation', {
  languagePriority: [],
  force: ['prefer'],
})
