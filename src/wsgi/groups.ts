/**
 * Daemon process groups as the configuration declares them (`WSGIDaemonProcess`), with every option resolved. Pure data.
 */
import type { Position } from '../config/position.js'

/** A user or group, by the name and the id that the configuration means. */
export interface ScriptOwner {
  readonly name: string
  readonly id: number
}

/** What loads its data with its code takes minutes. One that takes longer than this hangs. */
const START_SECONDS = 600

/**
 * How long the processes of a group may take to come up, in seconds, while others wait for them. Scripts that are loaded in advance are no matter
 * of `startup-timeout`, but where that is longer, it holds for these, too.
 */
export function startLimitOf({ startupTimeout }: Pick<DaemonGroup, 'startupTimeout'>): number {
  return Math.max(startupTimeout, START_SECONDS)
}

/** One `WSGIDaemonProcess`. Times in seconds, sizes in bytes, unless said otherwise; 0 means "none" or "system default" as mod_wsgi has it. */
export interface DaemonGroup {
  readonly name: string
  readonly at: Position
  /** Index of the virtual host that declares it, 0 for the main server. */
  readonly serverIndex: number

  /** Name or `#uid`; undefined: the server's `User`. */
  readonly user: string | undefined
  readonly group: string | undefined
  readonly supplementaryGroups: readonly string[] | undefined
  readonly processes: number
  /** Whether `processes` was written: then `wsgi.multiprocess` is True even for one. */
  readonly processesGiven: boolean
  readonly threads: number
  readonly umask: number | undefined
  readonly chroot: string | undefined
  readonly home: string | undefined
  readonly lang: string | undefined
  readonly locale: string | undefined
  readonly pythonHome: string | undefined
  readonly pythonPath: readonly string[]
  readonly pythonEggs: string | undefined
  readonly displayName: string | undefined
  readonly maximumRequests: number
  readonly maximumRequestsJitter: number
  readonly shutdownTimeout: number
  readonly gracefulTimeout: number
  readonly connectTimeout: number
  /** 0: the server's `Timeout`. */
  readonly socketTimeout: number
  readonly listenBacklog: number
  readonly switchInterval: number | undefined
  readonly stackSize: number | undefined
  readonly cpuPriority: number
  readonly cpuTimeLimit: number
  readonly memoryLimit: number
  readonly virtualMemoryLimit: number
  readonly residentMemoryLimit: number
  readonly startupTimeout: number
  readonly deadlockTimeout: number
  readonly inactivityTimeout: number
  readonly requestTimeout: number
  readonly interruptTimeout: number
  readonly evictionTimeout: number
  readonly restartInterval: number
  readonly queueTimeout: number
  /** 0: as `socketTimeout`. */
  readonly responseSocketTimeout: number
  /** Milliseconds; undefined: not written. */
  readonly responseFlushDelay: number | undefined
  readonly sendBufferSize: number
  readonly receiveBufferSize: number
  readonly headerBufferSize: number
  readonly responseBufferSize: number
  /** Name or `#uid` of the owner of the socket instead of the server's user. */
  readonly socketUser: string | undefined
  /** Whom scripts must belong to; at most one of the two is set. */
  readonly scriptUser: ScriptOwner | undefined
  readonly scriptGroup: ScriptOwner | undefined
  readonly serverMetrics: boolean
  /** Options that were written, by their name in the configuration, for messages and for comparing two configurations. */
  readonly written: ReadonlyMap<string, string>
}
