/** The file that a runtime process and those who send it requests share: each request is marked there before application code sees it (docs/channel.md). */
import { chownSync, closeSync, ftruncateSync, openSync, rmSync } from 'node:fs'

export const PROGRESS_FILE_BYTES = 1024 * 1024

/**
 * Makes it anew, and returns its descriptor.
 * @param owner who is to read it; without one, whoever we are
 * @throws the file system's error
 */
export function createProgressFile(
  path: string,
  owner?: { readonly uid: number; readonly gid: number },
): number {
  rmSync(path, { force: true })
  const fd = openSync(path, 'wx+', 0o600)
  try {
    ftruncateSync(fd, PROGRESS_FILE_BYTES)
    if (owner !== undefined) chownSync(path, owner.uid, owner.gid)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
