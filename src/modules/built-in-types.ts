/**
 * Media types by extension, from the mime-types package, for machines without a file of them. The package makes its tables whenever it is loaded, which
 * takes as long as all other modules of a small configuration together; so scripts/bundle.mjs puts the finished table in the place of this module.
 */
import { createRequire } from 'node:module'

/** Extensions in lower case and without a dot. */
export function builtInTypes(): Record<string, string> {
  return (createRequire(import.meta.url)('mime-types') as typeof import('mime-types')).types
}
