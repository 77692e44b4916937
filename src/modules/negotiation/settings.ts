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

interface NegotiationServer {
  /** Caches that speak HTTP/1.0 may keep what was negotiated, though they know no `Vary`. */
  readonly cacheable: boolean
}

export const negotiationServer = settingsKey<NegotiationServer>('negotiation server', { cacheable: false })
