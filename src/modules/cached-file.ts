/**
 * Small files that are read while requests are served (groups, passwords): kept in parsed form until they change.
 */
import { stat } from 'node:fs/promises'
import { pathBytes } from '../config/files.js'
import { versionOf } from '../system/file-version.js'
import { readRegularFile } from '../system/regular-file.js'

/** Room for some 200,000 accounts, in bytes. The file may have been named by the author of an `.htaccess` file. */
const SIZE_MAX = 16 * 1024 * 1024

interface Kept<T> {
  readonly version: string | undefined
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

  /** What the file says now. Rejects with the reason where it cannot be read. */
  async read(): Promise<T> {
    const file = pathBytes(this.path)
    const version = versionOf(await stat(file))
    if (version !== undefined && version === this.#kept?.version) return this.#kept.content
    const content = readRegularFile(file, SIZE_MAX).then(this.parse)
    this.#kept = { version, content }
    content.catch(() => {
      this.#kept = undefined
    })
    return content
  }
}
