/**
 * What can be wrong with a configuration, in the shapes that httpd gives its messages.
 */
import { describePosition, type Position } from './position.js'

/** A fault found while reading text into a tree (pass 1): one line, the first fault ends the reading. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault'
  constructor(
    readonly at: Position,
    message: string,
  ) {
    super(message)
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

/** Something an operator should know that does not stop the server. */
export interface ConfigWarning {
  readonly at: Position | undefined
  /** Stable code such as `AH00112`, where there is one. */
  readonly code?: string
  readonly message: string
}
