/**
 * The file behind {@link SharedLoads}: the supervisor makes it and gives each server worker a column; the worker maps it before it gives up its
 * privileges.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { mapFile } from '../system/shared-memory.js'
import { COLUMN_BYTES, COLUMNS_MAX, type Loads, SharedLoads, UNSHARED } from '../wsgi/loads.js'

/** The supervisor's side. */
export class LoadTable {
  readonly #fd: number
  readonly #taken = new Set<number>()
  readonly #isUsable: boolean
  #highest = 0

  /** @throws what `openSync` throws */
  constructor(runtimeDir: string) {
    this.#fd = openSync(pathIn(runtimeDir), 'wx', 0o600)
    ftruncateSync(this.#fd, COLUMN_BYTES * COLUMNS_MAX)
    this.#isUsable = this.#clear(0)
  }

  /** A column for a new worker; 0: there is none left, or no room for it on the disk. */
  take(): number {
    let column = 1
    while (this.#taken.has(column)) column++
    if (!this.#isUsable || column >= COLUMNS_MAX || !this.#clear(column)) return 0
    this.#taken.add(column)
    if (column > this.#highest) {
      this.#highest = column
      this.#write(Int32Array.of(column), 0)
    }
    return column
  }

  /** The worker is gone, and whatever it had in hand. */
  release(column: number): void {
    if (this.#taken.delete(column)) this.#clear(column)
  }

  /**
   * Gives the column its place on the disk, too: a worker that touches what has none there, in its mapping, is killed (SIGBUS) where the file system
   * is full.
   */
  #clear(column: number): boolean {
    return this.#write(new Uint8Array(COLUMN_BYTES), column * COLUMN_BYTES)
  }

  #write(bytes: Uint8Array | Int32Array, offset: number): boolean {
    try {
      return writeSync(this.#fd, bytes, 0, bytes.byteLength, offset) === bytes.byteLength
    } catch {
      return false
    }
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** The worker's side. @throws Error when the file cannot be opened or mapped */
export function openLoads(runtimeDir: string, column: number): Loads {
  if (column === 0) return UNSHARED
  const fd = openSync(pathIn(runtimeDir), 'r+')
  try {
    return new SharedLoads(new Int32Array(mapFile(fd, COLUMN_BYTES * COLUMNS_MAX)), column)
  } finally {
    closeSync(fd)
  }
}

function pathIn(runtimeDir: string): string {
  return join(runtimeDir, 'loads')
}
