/** The file that a runtime process and those who send it requests share: each request is marked there before application code sees it (docs/channel.md). */
import { closeSync, fchmodSync, fchownSync, ftruncateSync, openSync, rmSync } from 'node:fs'

export const PROGRESS_FILE_BYTES = 1024 * 1024

/**
 * Makes it anew, and returns its descriptor, with which alone it can be written.
 * @param reader whose group may read it, where that is not who we are
 * @throws the file system's error
 */
export function createProgressFile(path: string, reader?: { readonly gid: number }): number {
  rmSync(path, { force: true })
  const fd = openSync(path, 'wx+', 0o600)
  try {
    ftruncateSync(fd, PROGRESS_FILE_BYTES)
    if (reader !== undefined) {
      fchownSync(fd, process.geteuid?.() ?? 0, reader.gid)
      fchmodSync(fd, 0o640)
    }
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
