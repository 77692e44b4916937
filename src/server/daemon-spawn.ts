/**
 * Starts one daemon process: makes its listening socket and its progress file, and hands both to the launcher with a control connection.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { BUNDLE_PROGRAM, bundleRuntime } from '../python/jailed.js'
import { createProgressFile } from '../python/progress-file.js'
import { runtimeMain } from '../python/runtime-path.js'
import { listenUnix, socketPair } from '../python/unix-sockets.js'
import { close } from '../system/libc.js'
import { pidOf } from '../system/started.js'
import { type DaemonPlan, isJailed } from './daemon-plan.js'
import type { ErrorStream } from './error-stream.js'
import { type LaunchPlan, SLOW_VARIABLES } from './launch-plan.js'
import { BUNDLE_FD, Zygote } from './zygote.js'

const LAUNCHER = fileURLToPath(new URL('./launch.js', import.meta.url))
/** Descriptors of a daemon process. */
const CONTROL_FD = 3
const LISTEN_FD = 4
const PROGRESS_FD = 5
const ALL_NUMBERS = ['--control', CONTROL_FD, '--listen', LISTEN_FD, '--progress', PROGRESS_FD]

/** Where a process is reached and watched. */
export interface DaemonFiles {
  readonly socketPath: string
  readonly progressPath: string
}

/** What a process looks like that was started by us, or forked from a zygote: its `pid` may come later then. */
export type DaemonChild = Pick<ChildProcess, 'pid' | 'stdout' | 'stderr' | 'kill'> & {
  once(event: 'exit', heard: (code: number | null, signal: NodeJS.Signals | null) => void): unknown
}

export interface SpawnedDaemon {
  readonly child: DaemonChild
  /** The parent's end of the control connection. */
  readonly control: Duplex
}

/** @throws when the socket, the file or the process cannot be made; no file is left then. */
export function spawnDaemon(
  plan: DaemonPlan,
  files: DaemonFiles,
  stderr: ErrorStream,
  zygote?: Zygote,
): SpawnedDaemon {
  return zygote === undefined ? spawnAlone(plan, files, stderr) : forkFrom(zygote, plan, files)
}

function forkFrom(zygote: Zygote, plan: DaemonPlan, files: DaemonFiles): SpawnedDaemon {
  const opened: number[] = []
  try {
    opened.push(listenUnix(files.socketPath, socketOptions(plan)))
    opened.push(createProgressFile(files.progressPath, plan.frontUser ?? undefined))
    const [ours, theirs] = socketPair()
    const child = zygote.fork([theirs, ...(opened as [number, number])])
    return { child, control: new Socket({ fd: ours, readable: true, writable: true }) }
  } catch (error) {
    closeAll(opened)
    removeFiles(files)
    throw error
  }
}

function spawnAlone(plan: DaemonPlan, files: DaemonFiles, stderr: ErrorStream): SpawnedDaemon {
  const opened: number[] = []
  try {
    opened.push(listenUnix(files.socketPath, socketOptions(plan)))
    opened.push(createProgressFile(files.progressPath, plan.frontUser ?? undefined))
    if (isJailed(plan.group)) opened.push(createBundle(`${files.progressPath}.py`))
    const [program, ...words] = launchCommand(plan, ALL_NUMBERS, [CONTROL_FD, LISTEN_FD, PROGRESS_FD])
    const child = spawn(program, words, {
      cwd: '/',
      env: launcherEnvironment(plan),
      stdio: ['ignore', stderr, stderr, 'pipe', ...opened],
      // A session of its own: Ctrl-C in the supervisor's terminal is for the supervisor alone.
      detached: true,
    })
    pidOf(child)
    return { child, control: child.stdio[CONTROL_FD] as Duplex }
  } catch (error) {
    removeFiles(files)
    throw error
  } finally {
    closeAll(opened)
  }
}

/** The first is the socket: in a worker thread Node warns of descriptors that `closeSync` closes and that Node has not opened. */
function closeAll([socket, ...files]: readonly number[]): void {
  if (socket !== undefined) close(socket)
  for (const file of files) closeSync(file)
}

/** After the end of the process. */
export function removeFiles({ socketPath, progressPath }: DaemonFiles): void {
  rmSync(socketPath, { force: true })
  rmSync(progressPath, { force: true })
}

/** Server workers alone connect. `listen-backlog` counts requests, of which the workers keep account: lanes are no requests. */
function socketOptions({ socketOwner }: DaemonPlan) {
  return { mode: 0o600, ...(socketOwner !== null && { owner: socketOwner }) }
}

/** The launcher with its plan: a program and its words. */
function launchCommand(
  plan: DaemonPlan,
  numbers: readonly (string | number)[],
  keep: readonly number[],
): [program: string, ...words: string[]] {
  const jailed = isJailed(plan.group)
  const runtime = jailed ? ['-c', BUNDLE_PROGRAM, String(BUNDLE_FD)] : [runtimeMain()]
  const launch: LaunchPlan = {
    ...plan.launch,
    argv: [plan.launch.program, ...plan.flags, ...runtime, ...numbers.map(String)],
    keep: [...keep, ...(jailed ? [BUNDLE_FD] : [])],
    control: CONTROL_FD,
    supervisorPid: process.pid,
    variables: Object.fromEntries(Object.entries(plan.environment).filter(([name]) => isSlow(name))),
  }
  return [process.execPath, LAUNCHER, JSON.stringify(launch)]
}

function launcherEnvironment(plan: DaemonPlan): Record<string, string> {
  return Object.fromEntries(Object.entries(plan.environment).filter(([name]) => !isSlow(name)))
}

function isSlow(name: string): boolean {
  return SLOW_VARIABLES.includes(name)
}

/**
 * Starts the process that a group's processes are forked from.
 * @param bundlePath name for a file that is there for a moment, where the process is in a jail
 * @throws when it cannot be started.
 */
export function spawnZygote(
  plan: DaemonPlan,
  bundlePath: string,
  applicationGroup: string | null,
  stderr: () => ErrorStream,
  log: (level: string, text: string) => void,
): Zygote {
  return new Zygote({
    command: launchCommand(plan, ['--control', CONTROL_FD], [CONTROL_FD]),
    environment: launcherEnvironment(plan),
    stderr,
    uid: plan.launch.identity?.uid ?? (process.geteuid?.() as number),
    bundle: isJailed(plan.group) ? createBundle(bundlePath) : undefined,
    settings: {
      ...plan.settings,
      main_group: applicationGroup ?? plan.settings.main_group ?? null,
      zygote: true,
    },
    log,
  })
}

/** The runtime for a process that cannot reach its files any more: a file without a name. */
function createBundle(path: string): number {
  rmSync(path, { force: true })
  const fd = openSync(path, 'wx+', 0o600)
  rmSync(path)
  writeSync(fd, bundleRuntime())
  return fd
}
