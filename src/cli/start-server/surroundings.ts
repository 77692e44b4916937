/** What the plan of `start-server` needs to know of the machine, so that it can be made without one. */
import { UsageError } from '../usage-error.js'

export interface Surroundings {
  readonly cwd: string
  readonly uid: number
  /** Directory for server roots: `$TMPDIR` or `/tmp`. */
  readonly temporary: string
  /** `LC_ALL`, `LC_CTYPE` or `LANG`, whichever is in force. */
  readonly locale: string | undefined
  /** The package's folder `share`. */
  readonly share: string
  /** `#gid` of the primary group of an account. */
  groupOf(user: string): string | undefined
  kindOf(file: string): 'file' | 'directory' | undefined
  isExecutable(file: string): boolean
  /** The path of a program on `PATH`. */
  program(name: string): string | undefined
  /** Whether programs can use a locale of that name. */
  hasLocale(name: string): boolean
}

/** Ends the command with a message about its options. */
export function fail(message: string): never {
  throw new UsageError(message, 'start-server')
}
