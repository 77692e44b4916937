/**
 * What can be wrong with a configuration, in the shapes that httpd gives its messages.
 */
import { COMMAND_LINE, describePosition, type Position } from './position.js'

/** A fault of the line that is being read in pass 1; the reader makes a {@link SyntaxFault} of it. The message is httpd's. */
export class FaultHere extends Error {
  override readonly name = 'FaultHere'
}

/** A fault found while reading text into a tree (pass 1): one line, the first fault ends the reading. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault'
  /** What was noted before the fault: an undefined variable may well be its cause. */
  warnings: readonly ConfigWarning[] = []
  constructor(
    readonly at: Position,
    message: string,
  ) {
    super(message)
  }

  /**
   * `Syntax error on line N of FILE: MESSAGE`, with one such beginning for each `Include` that led there. A main file that cannot be
   * opened has no line.
   */
  describe(): string {
    if (this.at.file === COMMAND_LINE) return `Syntax error in -C/-c directive: ${this.message}`
    if (this.at.line === 0) return this.message
    const links = [...(this.at.includedFrom ?? []), this.at].map(
      (at) => `Syntax error on ${describePosition(at)}: `,
    )
    // a file that includes itself would be named 128 times
    return links.filter((link, index) => link !== links[index - 1]).join('') + this.message
  }
}

/** A fault found while directives are applied (pass 2). All of them are collected. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  constructor(
    readonly at: Position,
    message: string,
  ) {
    super(message)
  }

  /** Two lines: `AH00526: Syntax error on line N of FILE:` and the message. */
  describe(): string {
    return `AH00526: Syntax error on ${describePosition(this.at)}:\n${this.message}`
  }
}

/** What httpd has and this server does not: a warning in place of a fault where `WSGIHttpdUnsupported Warn` is set. */
export class NotCarriedError extends ConfigError {
  constructor(
    at: Position,
    message: string,
    /** What the warning says besides; undefined: it is a fault all the same, since something would lie open. */
    readonly consequence: string | undefined,
  ) {
    super(at, message)
  }
}

/** Something an operator should know that does not stop the server. */
export interface ConfigWarning {
  readonly at: Position | undefined
  /** Stable code such as `AH00112`, where there is one. */
  readonly code?: string
  readonly message: string
  /** Worth knowing, and nothing to change: shown at level `info`. */
  readonly isNote?: true
}
