/**
 * From a daemon process group as configured to what its processes are started with. Two groups whose plans are equal need no restart.
 * Rules: https://modwsgi.readthedocs.io/en/master/configuration-directives/WSGIDaemonProcess.html
 */
import { ConfigError } from '../config/errors.js'
import { textOf } from '../config/text.js'
import { findGroup, findUser } from '../modules/unixd.js'
import type { WsgiMain } from '../modules/wsgi/settings.js'
import type { RuntimeImport, RuntimeSettings } from '../python/control.js'
import type { FoundPython } from '../python/find.js'
import { findPythonInJail } from '../python/jailed.js'
import { INTERNAL_VARIABLES, startFor } from '../python/start.js'
import type { Lending } from '../wsgi/channel/types.js'
import type { DaemonGroup } from '../wsgi/groups.js'
import { interpreterSettings } from '../wsgi/interpreter-options.js'
import { insideJail } from '../wsgi/jail.js'
import { startOptions } from '../wsgi/python-start.js'
import { explainPathFor } from './account-access.js'
import { accountOf } from './accounts.js'
import { heartbeatSeconds } from './heartbeat.js'
import type { LaunchPlan } from './launch-plan.js'
import type { Identity } from './messages.js'

/** Everything that the processes of a group are started with, except what differs from process to process. */
export interface DaemonPlan {
  readonly name: string
  readonly group: DaemonGroup
  readonly settings: RuntimeSettings
  readonly launch: Omit<LaunchPlan, 'argv' | 'keep' | 'control' | 'supervisorPid' | 'variables'>
  /** The words after the executable, up to the runtime's own. */
  readonly flags: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Who connects to the processes: owner of their sockets. null: whoever we are. */
  readonly frontUser: Identity | null
  /** Whose sockets they are: `socket-user`, else {@link frontUser}. */
  readonly socketOwner: Identity | null
  /** `WSGISocketPrefix`; undefined: the runtime directory. */
  readonly socketPrefix: string | undefined
  /** `WSGILazyInitialization Off`: processes are forked from one that has loaded their scripts. */
  readonly prefork: boolean
  /** Whether server workers lend clients' connections to the processes. */
  readonly lends: Lending
  /** Descriptor 2 of the processes goes where this error log goes; it names the log, for comparisons. */
  readonly errorLog: string
}

/** What a plan is made of, besides the group itself. */
export interface PlanInputs {
  readonly wsgi: WsgiMain
  /** Whom server workers become; null when not started as root. */
  readonly frontUser: Identity | null
  /** Application group of the main interpreter, see `src/wsgi/main-group.ts`. */
  readonly mainGroup: string | null
  readonly imports: readonly RuntimeImport[]
  /** The Python of that home (undefined: the first on `PATH`). Throws an Error that says what is missing. */
  readonly findPython: (home: string | undefined) => Pick<FoundPython, 'executable' | 'kind'>
  readonly errorLog: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly serverVersion: readonly [number, number, number]
  readonly serverSoftware: string
}

/** @throws ConfigError for accounts and Pythons that are not there. */
export function planDaemons(written: DaemonGroup, inputs: PlanInputs): DaemonPlan {
  const group = asText(written)
  const { wsgi, frontUser } = inputs
  const identity = identityOf(group, frontUser)
  const socketUser = group.socketUser === undefined ? undefined : userId(group, group.socketUser)
  const account = accountOf(identity?.uid ?? process.getuid?.() ?? 0)
  const python = pythonOf(group, identity, inputs)
  const start = startFor(startOptions(wsgi, group.name), python.kind)
  return {
    name: group.name,
    group,
    frontUser,
    socketOwner:
      frontUser === null || socketUser === undefined ? frontUser : { uid: socketUser, gid: frontUser.gid },
    socketPrefix: wsgi.socketPrefix === undefined ? undefined : textOf(wsgi.socketPrefix),
    prefork: !wsgi.lazyInitialization && group.threads > 0,
    lends: isJailed(group) ? 'never' : lendingTo(identity, frontUser, wsgi.daemonGroups.length > 1),
    errorLog: inputs.errorLog,
    environment: { ...environmentOf(group, inputs), ...start.environment },
    flags: start.flags,
    launch: {
      group: group.name,
      program: python.executable,
      priority: group.cpuPriority,
      chroot: group.chroot,
      identity,
      directory: directoryOf(group, identity, frontUser),
      umask: group.umask,
    },
    settings: {
      mode: 'daemon',
      process_group: group.name,
      main_group: inputs.mainGroup,
      threads: group.threads,
      processes: group.processes,
      multiprocess: group.processesGiven,
      multithread: group.threads > 1,
      maximum_requests: group.maximumRequests,
      maximum_requests_jitter: group.maximumRequestsJitter,
      shutdown_timeout: group.shutdownTimeout,
      umask: group.umask ?? null,
      home: group.home ?? null,
      user: account === undefined ? null : { name: account.name, home: account.home },
      lang: group.lang ?? null,
      locale: group.locale ?? null,
      python_path: group.pythonPath,
      python_eggs: group.pythonEggs ?? null,
      display_name: group.displayName?.replaceAll('%{GROUP}', `(wsgi:${group.name})`) ?? null,
      stack_size: group.stackSize ?? null,
      memory_limit: group.memoryLimit,
      virtual_memory_limit: group.virtualMemoryLimit,
      resident_memory_limit: group.residentMemoryLimit,
      cpu_time_limit: group.cpuTimeLimit,
      heartbeat: group.deadlockTimeout === 0 ? 0 : heartbeatSeconds(group.deadlockTimeout),
      deadlock_timeout: group.deadlockTimeout,
      startup_timeout: group.startupTimeout,
      inactivity_timeout: group.inactivityTimeout,
      request_timeout: group.requestTimeout,
      interrupt_timeout: group.interruptTimeout,
      queue_timeout: group.queueTimeout,
      eviction_timeout: group.evictionTimeout,
      send_buffer_size: group.sendBufferSize,
      receive_buffer_size: group.receiveBufferSize,
      server_metrics: group.serverMetrics,
      switch_interval: group.switchInterval ?? wsgi.switchInterval ?? null,
      ...interpreterSettings(wsgi, group.name),
      server_version: inputs.serverVersion,
      server_software: inputs.serverSoftware,
      imports: importsInside(group, inputs.imports),
    },
  }
}

/** File names and the like as Node and Python want them; the group's name stays what server workers know it by. */
function asText(group: DaemonGroup): DaemonGroup {
  const convert = (value: unknown): unknown =>
    typeof value === 'string' ? textOf(value) : Array.isArray(value) ? value.map(convert) : value
  const entries = Object.entries(group).map(([name, value]) => [name, convert(value)])
  return { ...(Object.fromEntries(entries) as DaemonGroup), name: group.name }
}

/** Equal texts: the processes of the one serve as well for the other. Where the group was written plays no part. */
export function signatureOf({ group, ...plan }: DaemonPlan): string {
  return JSON.stringify([plan, [...group.written].sort(), group.name])
}

/** Users and groups by 6.2: the option, else the server's; only root may choose. */
function identityOf(group: DaemonGroup, frontUser: Identity | null): Identity | null {
  if (frontUser === null) return null
  const user = group.user === undefined ? undefined : findUser(group.user)
  if (group.user !== undefined && user === undefined) {
    throw new ConfigError(group.at, `WSGIDaemonProcess ${group.name}: there is no user ${group.user}`)
  }
  const uid = user?.id ?? frontUser.uid
  const account = accountOf(uid)
  if (group.user !== undefined && account === undefined) {
    throw new ConfigError(group.at, `Couldn't determine user name from uid.\n${group.user} has no account.`)
  }
  if (uid === 0 && frontUser.uid !== 0) {
    throw new ConfigError(group.at, 'WSGI process blocked from running as root.')
  }
  return {
    uid,
    gid: group.group === undefined ? frontUser.gid : groupId(group, group.group),
    ...(account !== undefined && { userName: account.name }),
    ...(group.supplementaryGroups !== undefined && {
      groups: group.supplementaryGroups.map((name) => groupId(group, name)),
    }),
  }
}

/**
 * Who has held a descriptor of a connection could read the requests that follow on it, which may be for other hosts. Whom the server's worker runs
 * as could do that anyway by tracing the worker, unless this has given up the rights of root: then the system keeps it from its own user, too. That
 * matters where there are other process groups, whose requests these may be.
 */
function lendingTo(identity: Identity | null, worker: Identity | null, hasOthers: boolean): Lending {
  if (identity === null || worker === null) return 'kept'
  const isAlike = identity.uid === worker.uid && identity.gid === worker.gid && identity.groups === undefined
  if (!isAlike) return 'never'
  return hasOthers ? 'for one response' : 'kept'
}

function userId(group: DaemonGroup, name: string): number {
  const found = findUser(name)
  if (found === undefined || accountOf(found.id) === undefined) {
    throw new ConfigError(
      group.at,
      `Couldn't determine user name from socket user.\nThere is no user ${name}.`,
    )
  }
  return found.id
}

function groupId(group: DaemonGroup, name: string): number {
  const found = findGroup(name)
  if (found === undefined) {
    throw new ConfigError(group.at, `WSGIDaemonProcess ${group.name}: there is no group ${name}`)
  }
  return found.id
}

function pythonOf(
  group: DaemonGroup,
  identity: Identity | null,
  { wsgi, findPython }: PlanInputs,
): Pick<FoundPython, 'executable' | 'kind'> {
  try {
    const home = group.pythonHome ?? (wsgi.pythonHome && textOf(wsgi.pythonHome))
    if (isJailed(group)) return findPythonInJail(group.chroot, home)
    const found = findPython(home)
    const obstacle = identity === null ? undefined : explainPathFor(found.executable, 'execute', identity)
    if (obstacle !== undefined) throw new Error(obstacle)
    return found
  } catch (error) {
    const at = group.pythonHome === undefined ? (wsgi.pythonHomeAt ?? group.at) : group.at
    throw new ConfigError(at, `Process group ${group.name} has no Python: ${(error as Error).message}`)
  }
}

/** Whether the processes see other files than the server does. */
export function isJailed(group: DaemonGroup): group is DaemonGroup & { readonly chroot: string } {
  return group.chroot !== undefined && group.chroot !== '/'
}

/** Names of scripts as the processes see them; what lies outside keeps its name, and the log will say that it cannot be loaded. */
function importsInside(group: DaemonGroup, imports: readonly RuntimeImport[]): readonly RuntimeImport[] {
  if (!isJailed(group)) return imports
  return imports.map((one) => ({ ...one, script: insideJail(one.script, group.chroot) ?? one.script }))
}

/** Section 6.2: `home`, else the user's home directory if that is not the server's user, else `/`. */
function directoryOf(
  group: DaemonGroup,
  identity: Identity | null,
  frontUser: Identity | null,
): LaunchPlan['directory'] {
  if (group.home !== undefined) return { path: group.home, required: true }
  if (identity === null || identity.uid === frontUser?.uid) return { path: '/', required: true }
  return { path: accountOf(identity.uid)?.home ?? '/', required: false }
}

/** Values that mean ASCII to Python before 3.7, and to C libraries. */
const PLAIN_LOCALES: ReadonlySet<string | undefined> = new Set([undefined, '', 'C', 'POSIX'])

/**
 * The server's own environment without what is only for this server's processes. Init systems start servers in the `C` locale, where file names
 * that are not ASCII cannot be used from Python: UTF-8 is the default here.
 */
function environmentOf(group: DaemonGroup, { environment }: PlanInputs): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) result[name] = value
  for (const name of INTERNAL_VARIABLES) delete result[name]
  if (group.lang !== undefined) result.LANG = group.lang
  if (group.locale !== undefined) result.LC_ALL = group.locale
  if (PLAIN_LOCALES.has(result.LC_ALL) && group.locale === undefined) {
    delete result.LC_ALL
    if (group.lang === undefined && PLAIN_LOCALES.has(result.LC_CTYPE) && PLAIN_LOCALES.has(result.LANG)) {
      result.LC_CTYPE = 'C.UTF-8'
    }
  }
  return result
}
