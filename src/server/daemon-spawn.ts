/**
 * Starts one daemon process: makes its listening socket and its progress file, and hands both to the launcher with a control connection.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { BUNDLE_PROGRAM, bundleRuntime } from '../python/jailed.js'
import { runtimeMain } from '../python/runtime-path.js'
import { listenUnix } from '../python/unix-sockets.js'
import { type DaemonPlan, isJailed } from './daemon-plan.js'
import type { ErrorStream } from './error-stream.js'
import type { LaunchPlan } from './launch-plan.js'

const LAUNCHER = fileURLToPath(new URL('./launch.js', import.meta.url))
/** Descriptors of a daemon process. */
const CONTROL_FD = 3
const LISTEN_FD = 4
const PROGRESS_FD = 5
const BUNDLE_FD = 6

const PROGRESS_FILE_BYTES = 1024 * 1024

/** Where a process is reached and watched. */
export interface DaemonFiles {
  readonly socketPath: string
  readonly progressPath: string
}

export interface SpawnedDaemon {
  readonly child: ChildProcess
  readonly pid: number
  /** The parent's end of the control connection. */
  readonly control: Duplex
}

/** @throws when the socket, the file or the process cannot be made; no file is left then. */
export function spawnDaemon(plan: DaemonPlan, files: DaemonFiles, stderr: ErrorStream): SpawnedDaemon {
  const opened: number[] = []
  try {
    opened.push(listenUnix(files.socketPath, socketOptions(plan)))
    opened.push(createProgressFile(files.progressPath, plan))
    if (isJailed(plan.group)) opened.push(createBundle(`${files.progressPath}.py`))
    const child = spawn(process.execPath, [LAUNCHER, JSON.stringify(launchPlan(plan))], {
      cwd: '/',
      env: plan.environment,
      stdio: ['ignore', stderr, stderr, 'pipe', ...opened],
      // A session of its own: Ctrl-C in the supervisor's terminal is for the supervisor alone.
      detached: true,
    })
    child.once('error', () => {}) // told by the missing pid
    if (child.pid === undefined) throw new Error('the process could not be started')
    return { child, pid: child.pid, control: child.stdio[CONTROL_FD] as Duplex }
  } catch (error) {
    removeFiles(files)
    throw error
  } finally {
    for (const fd of opened) closeSync(fd)
  }
}

/** After the end of the process. */
export function removeFiles({ socketPath, progressPath }: DaemonFiles): void {
  rmSync(socketPath, { force: true })
  rmSync(progressPath, { force: true })
}

/** Server workers alone connect. */
function socketOptions({ socketOwner, group }: DaemonPlan) {
  return { mode: 0o600, backlog: group.listenBacklog, ...(socketOwner !== null && { owner: socketOwner }) }
}

function launchPlan(plan: DaemonPlan): LaunchPlan {
  const numbers = ['--control', CONTROL_FD, '--listen', LISTEN_FD, '--progress', PROGRESS_FD]
  const jailed = isJailed(plan.group)
  const runtime = jailed ? ['-c', BUNDLE_PROGRAM, String(BUNDLE_FD)] : [runtimeMain()]
  return {
    ...plan.launch,
    argv: [plan.launch.program, ...plan.flags, ...runtime, ...numbers.map(String)],
    keep: [CONTROL_FD, LISTEN_FD, PROGRESS_FD, ...(jailed ? [BUNDLE_FD] : [])],
    control: CONTROL_FD,
    supervisorPid: process.pid,
  }
}

/** The runtime for a process that cannot reach its files any more: a file without a name. */
function createBundle(path: string): number {
  rmSync(path, { force: true })
  const fd = openSync(path, 'wx+', 0o600)
  rmSync(path)
  writeSync(fd, bundleRuntime())
  return fd
}

/** The file in which the runtime marks its progress and which server workers read. */
function createProgressFile(path: string, { frontUser }: DaemonPlan): number {
  rmSync(path, { force: true })
  const fd = openSync(path, 'wx+', 0o600)
  try {
    ftruncateSync(fd, PROGRESS_FILE_BYTES)
    if (frontUser !== null) chownSync(path, frontUser.uid, frontUser.gid)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
