/**
 * What to do about directives of httpd modules that are not carried: refuse the configuration, or go on without them.
 */
import { settingsKey } from './settings.js'

interface UnsupportedPolicy {
  /** `warn` goes on, except where leaving a directive out would open what it was to protect. */
  readonly unsupported: 'error' | 'warn'
}

/** Server scope, main server only. Set by `WSGIHttpdUnsupported`, wherever in the file it stands. */
export const unsupportedPolicy = settingsKey<UnsupportedPolicy>('unsupported', { unsupported: 'error' })
