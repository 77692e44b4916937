/**
 * Where a piece of configuration was written. Carried by every node of the tree, so that each message can say file and line.
 */

/** A place in a configuration file. Lines count from 1. */
export interface Position {
  /** Path as opened, or `-c/-C directives` for the command line. */
  readonly file: string
  /** The last physical line of the directive: what httpd reports. */
  readonly line: number
  /** Set for lines made by `Use`: the macro's own words, as in `macro 'x' (defined on line 3 of "f") used on line 9 of "g"`. */
  readonly macro?: string
  /** The `Include` lines that led here, outermost first. */
  readonly includedFrom?: readonly Position[]
}

/** What {@link Position.file} says for `-C` and `-c`. */
export const COMMAND_LINE = '-c/-C directives'

/** The file, or the macro's own words where a line comes from one. */
export function sourceName(at: Position): string {
  return at.macro ?? at.file
}

/** `line 12 of /etc/apache2/apache2.conf:` without the final colon, in httpd's words. */
export function describePosition(at: Position): string {
  return `line ${at.line} of ${sourceName(at)}`
}
