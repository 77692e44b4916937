/**
 * What tells one content of a file from the next without reading it, for what is kept of files that are looked at again and again.
 */

/** A change within this time of the last one may leave times and size as they were, in milliseconds. */
const UNSETTLED_MS = 2000

interface Marks {
  readonly mtimeMs: number
  readonly ctimeMs: number
  readonly size: number
  readonly ino: number
  readonly dev: number
}

/**
 * The same text as long as the file has not changed. Undefined where it was changed a moment ago: what is read now may be different soon, without
 * any sign of it, and has to be read again the next time.
 * @param file looked at before it is read
 */
export function versionOf(file: Marks, now = Date.now()): string | undefined {
  const { mtimeMs, ctimeMs, size, ino, dev } = file
  if (now - Math.max(mtimeMs, ctimeMs) <= UNSETTLED_MS) return undefined
  return `${mtimeMs} ${ctimeMs} ${size} ${ino} ${dev}`
}
