/**
 * Small files that are read while requests are served (groups, passwords): kept in parsed form until they change.
 */
import { readFile, stat } from 'node:fs/promises'
import { pathBytes } from '../config/files.js'

/** A changed file with the same size within this time of its change would go unnoticed, so it is read again, in milliseconds. */
const UNSETTLED_MS = 2000

interface Kept<T> {
  readonly version: string
  readonly content: Promise<T>
}

/** One file and how to read it. */
export class CachedFile<T> {
  #kept: Kept<T> | undefined

  /**
   * @param path absolute
   * @param parse of the text, one character per byte
   */
  constructor(
    readonly path: string,
    readonly parse: (text: string) => T,
  ) {}

  /** What the file says now. Rejects with the error of `node:fs` where it cannot be read. */
  async read(): Promise<T> {
    const file = pathBytes(this.path)
    const { mtimeMs, ctimeMs, size, ino } = await stat(file)
    const settled = Date.now() - Math.max(mtimeMs, ctimeMs) > UNSETTLED_MS
    const version = `${mtimeMs} ${ctimeMs} ${size} ${ino}`
    if (this.#kept?.version === version && settled) return this.#kept.content
    const content = readFile(file, 'latin1').then(this.parse)
    this.#kept = { version, content }
    content.catch(() => {
      this.#kept = undefined
    })
    return content
  }
}
