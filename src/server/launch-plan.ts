/**
 * What the launcher does before it becomes Python, as data: the supervisor writes it, `launch.ts` carries it out.
 */
import type { Identity } from './messages.js'

export interface LaunchPlan {
  /** Name of the process group, for messages. */
  readonly group: string
  /** Absolute path of the Python executable, as seen inside the chroot. */
  readonly program: string
  readonly argv: readonly string[]
  /** Descriptors that Python inherits besides 0, 1 and 2. */
  readonly keep: readonly number[]
  /** The control connection, on which a failure is reported. One of `keep`. */
  readonly control: number
  /** Who must be alive for this to go on. */
  readonly supervisorPid: number
  /** Nice value; 0 leaves it alone. */
  readonly priority: number
  readonly chroot?: string | undefined
  /** null: not started as root, stay who we are. */
  readonly identity: Identity | null
  /** `required`: a directory that was written in the configuration; else `/` does as well, with a warning. */
  readonly directory: { readonly path: string; readonly required: boolean }
  readonly umask?: number | undefined
  /** Variables that Python gets beside those that the launcher was started with, see {@link SLOW_VARIABLES}. */
  readonly variables: Readonly<Record<string, string>>
}

/** Variables that are kept from the launcher: for each start Node reads the certificates that this one names, which takes longer than all the rest. */
export const SLOW_VARIABLES: readonly string[] = ['NODE_EXTRA_CA_CERTS']

/** Exit status of a launcher that gave up; it has said why as a log message of level `alert`. */
export const LAUNCH_FAILED_STATUS = 71
