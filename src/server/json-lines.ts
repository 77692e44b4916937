/**
 * The control connection to a daemon process: one JSON object per line, in both directions. What arrives was written by a process that runs other
 * people's code: lines are bounded, and what is no object with a `type` is dropped.
 */

/** Far more than any message of the protocol needs; a log message is the longest. */
export const LINE_MAX_BYTES = 64 * 1024

export interface ControlMessage {
  readonly type: string
  readonly [name: string]: unknown
}

/** Takes bytes as they come and gives messages. Keeps at most one unfinished line. */
export class JsonLineReader {
  #pending: Buffer[] = []
  #length = 0
  #skipping = false

  /** Calls back once per complete message. A line that is too long is skipped up to its end. */
  push(chunk: Buffer, message: (message: ControlMessage) => void): void {
    let from = 0
    for (let end = chunk.indexOf(10, from); end >= 0; end = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, end))
      const parsed = this.#skipping ? undefined : parse(Buffer.concat(this.#pending))
      this.#pending = []
      this.#length = 0
      this.#skipping = false
      from = end + 1
      if (parsed !== undefined) message(parsed)
    }
    this.#keep(chunk.subarray(from))
  }

  #keep(part: Buffer): void {
    this.#length += part.length
    if (this.#length > LINE_MAX_BYTES) {
      this.#skipping = true
      this.#pending = []
    }
    if (!this.#skipping && part.length > 0) this.#pending.push(part)
  }
}

function parse(line: Buffer): ControlMessage | undefined {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'))
    if (typeof value !== 'object' || value === null || !('type' in value)) return undefined
    return typeof value.type === 'string' ? (value as ControlMessage) : undefined
  } catch {
    return undefined
  }
}
