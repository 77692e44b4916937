/**
 * Filters of response bodies: how a module changes what is sent without the handler's knowing. Chosen just before the header goes out, by
 * `SetOutputFilter` and `AddOutputFilterByType` (src/modules/filter.ts); response.ts pipes the body through.
 */
import type { Transform } from 'node:stream'
import type { Request } from './request.js'

export interface OutputFilter {
  /** As directives name it, upper case: `DEFLATE`. */
  readonly name: string
  /**
   * Looks at a response whose header is about to be sent, and changes the header where the filter is going to change the body.
   * @param length of the body in bytes, where it is known
   * @returns what the body runs through; undefined: nothing is changed
   */
  begin(request: Request, length: number | undefined): BodyTransform | undefined
}

export interface BodyTransform {
  /** The body is written to it, and what shall be sent is read from it. */
  readonly stream: Transform
  /** Brings out what it still holds back, so that a block of a slow response reaches the client at once. */
  flush(): void
  /** A body that is there as a whole. */
  whole(body: Uint8Array): Promise<Uint8Array>
  /** Bytes that went in and came out, when it is over. */
  ended?(input: number, output: number): void
}

/** The filter for a response, or undefined. Costs next to nothing where none is configured. */
export type ChooseFilter = (request: Request, length: number | undefined) => BodyTransform | undefined
