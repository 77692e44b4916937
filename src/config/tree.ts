/**
 * The configuration as a tree of directives: what pass 1 makes of the text and pass 2 applies.
 * A tree is plain data (JSON), because the supervisor reads the files once and hands the tree to its server workers.
 */
import type { Position } from './position.js'

/** A directive, or a section with children. */
export interface ConfigNode {
  /** The name as written, without `<`; compare without case. */
  readonly name: string
  /** Everything after the name, `${VAR}` replaced, white space trimmed, not split into words yet. For a section: without the final `>`. */
  readonly args: string
  readonly at: Position
  /** Present exactly for sections. */
  readonly children?: readonly ConfigNode[]
  /** Set for a section whose opening line has no `>`: a fault, told in pass 2. */
  readonly unclosed?: boolean
}

/** The result of pass 1. */
export interface ConfigTree {
  readonly nodes: readonly ConfigNode[]
  /** `Define`d names with their values at the end of the reading (`-D` ones too), for `-S`. */
  readonly defines: Readonly<Record<string, string>>
  /** `ServerRoot` at the end of the reading. */
  readonly serverRoot: string
  /** The main configuration file, as it was found. */
  readonly file: string
  /** Every file read, as a tree for `-D DUMP_INCLUDES`. */
  readonly includes: readonly IncludedFile[]
  /** Nobody looks whether document roots are there. */
  readonly anyDocumentRoot: boolean
  readonly warnings: readonly import('./errors.js').ConfigWarning[]
}

/** One file that was read, and the line that asked for it. */
export interface IncludedFile {
  readonly file: string
  readonly line: number
  readonly includes: readonly IncludedFile[]
}
