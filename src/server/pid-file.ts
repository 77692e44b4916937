/**
 * The file of `PidFile`: whether the server runs is decided by it alone, as in httpd.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { describeSystemError } from '../system/libc.js'

/** What a pid file says. */
export type PidFileState =
  | { readonly kind: 'none' }
  /** There is a file, but no such process (or no number in the file). */
  | { readonly kind: 'stale'; readonly pid: number | undefined }
  | { readonly kind: 'running'; readonly pid: number }

/** The file is there and cannot be read. The message is httpd's. */
export class PidFileError extends Error {
  override readonly name = 'PidFileError'
}

/** @throws PidFileError */
export function readPidFile(path: string): PidFileState {
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'none' }
    throw new PidFileError(
      `${describeSystemError(error as NodeJS.ErrnoException)}: AH00056: Error retrieving pid file ${path}\nAH00057: Remove it before continuing if it is corrupted.`,
      { cause: error },
    )
  }
  const pid = /^\s*(\d{1,10})\s*$/.exec(text)?.[1]
  if (pid === undefined || Number(pid) < 1) return { kind: 'stale', pid: undefined }
  return { kind: isAlive(Number(pid)) ? 'running' : 'stale', pid: Number(pid) }
}

/** Whether there is a process of that id, whoever owns it. One that has ended and that nobody has waited for is none. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return !isZombie(pid)
}

/** Linux alone says so. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // the name before it stands in parentheses and may contain anything
    return stat.startsWith('Z', stat.lastIndexOf(')') + 2)
  } catch {
    return false
  }
}

/** Writes this process's id; the file appears complete. Whatever was there (a link too) is replaced, not followed. */
export function writePidFile(path: string): void {
  const fresh = `${path}.${process.pid}`
  rmSync(fresh, { force: true })
  try {
    writeFileSync(fresh, `${process.pid}\n`, { flag: 'wx', mode: 0o644 })
    renameSync(fresh, path)
  } catch (error) {
    rmSync(fresh, { force: true })
    throw error
  }
}

/** Removes the file if it is still ours. */
export function removePidFile(path: string): void {
  try {
    if (readFileSync(path, 'latin1').trim() === String(process.pid)) rmSync(path)
  } catch {
    // gone already
  }
}
