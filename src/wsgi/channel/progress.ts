/**
 * The worker's view of the progress map: a file in which the interpreter marks each request before application code
 * sees it. It outlives the process, and so tells after a crash which requests may be given to another one.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import { PROGRESS_FILE_BYTES } from '../../python/progress-file.js'
import { REGION_NUMBERS } from './wire.js'

const REGION_BYTES = REGION_NUMBERS * 4
const REGIONS = PROGRESS_FILE_BYTES / REGION_BYTES

/** Whether that can be what an interpreter calls its region; -1: it has none. */
export function isRegion(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= -1 && (value as number) < REGIONS
}

/** One channel's region. Without a file, or a region in it, every request counts as seen: the safe answer. */
export class ProgressRegion {
  #fd: number | undefined
  readonly #region: number

  /** @throws the file system's error if the file cannot be opened */
  constructor(path: string | undefined, region: number) {
    this.#region = region
    this.#fd = path !== undefined && region >= 0 ? openSync(path, 'r') : undefined
  }

  /** The ids that application code has seen, as a test on ids. Only meaningful once the process is dead. */
  read(): (id: number) => boolean {
    if (this.#fd === undefined) return () => true
    const bytes = Buffer.alloc(REGION_BYTES)
    const length = readSync(this.#fd, bytes, 0, REGION_BYTES, this.#region * REGION_BYTES)
    return (id) => {
      const at = (id & (REGION_NUMBERS - 1)) * 4
      return at + 4 > length || bytes.readUInt32LE(at) === id
    }
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}
