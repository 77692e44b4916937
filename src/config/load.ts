/**
 * Reads a configuration from beginning to end, for the command line and the supervisor: files → tree → site, faults written as httpd writes them.
 */
import { applyTree } from './apply.js'
import { type ConfigError, type ConfigWarning, SyntaxFault } from './errors.js'
import { type ReadOptions, readTree } from './reader.js'
import type { Site } from './site.js'
import type { ConfigTree } from './tree.js'

export interface LoadOptions extends ReadOptions {
  /** What pass-1 messages begin with: the name that the program was called by. */
  readonly program: string
}

export interface Loaded {
  readonly tree: ConfigTree
  readonly site: Site
}

/**
 * The configuration, or undefined where it has faults: these were written then, after the warnings; notes would only stand before them. Without
 * faults nothing is written; warnings and notes are in `site.warnings`.
 * @param write takes one or more lines without the last line end
 */
export function loadSite(options: LoadOptions, write: (text: string) => void): Loaded | undefined {
  let tree: ConfigTree
  try {
    tree = readTree(options)
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error
    writeWarnings(error.warnings, write)
    write(`${options.program}: ${error.describe()}`)
    return undefined
  }
  const { site, errors } = applyTree(tree, options.vocabulary, options)
  if (errors.length === 0) return { tree, site }
  writeWarnings(site.warnings, write)
  for (const error of errors) write(describeError(error))
  return undefined
}

function writeWarnings(warnings: readonly ConfigWarning[], write: (text: string) => void): void {
  for (const warning of warnings) if (!warning.isNote) write(describeWarning(warning))
}

/** httpd's two lines; where the file was included, a third says from where. */
export function describeError(error: ConfigError): string {
  const { includedFrom = [] } = error.at
  const from = includedFrom.map((at) => `${at.file}:${at.line}`).reverse()
  return from.length === 0 ? error.describe() : `${error.describe()}\n(included from ${from.join(', ')})`
}

/** One line: code, message and where it was written. */
export function describeWarning({ at, code, message }: ConfigWarning): string {
  const place = at === undefined ? '' : ` (${at.macro ? `${at.macro}:` : `${at.file}:`}${at.line})`
  return `${code === undefined ? '' : `${code}: `}${message}${place}`
}
